import Columnar
public import ConnectorAPI
import Expressions
import JSON
import Settings

/// A topic of a Kafka cluster as a sink.
public let kafkaSink = SinkFormat(
    shape: ObjectShape(
        name: "kafkaSink",
        summary:
            "A topic of a Kafka cluster: a batch is one transaction. For output modes `append` "
            + "and `update`.",
        tag: KafkaSourceSpec.word,
        keys: KafkaOptions.keys + KafkaSinkSpec.keys + KafkaOptions.otherKeys)
) { KafkaSinkSpec($0) }

/// What a job says of a topic that it writes.
struct KafkaSinkSpec: SinkSpec {
    /// What readers of committed messages see after a failure.
    enum Delivery: String, CaseIterable, Sendable {
        /// Every row once.
        case exactlyOnce
        /// Every row, and after a failure perhaps some of a batch again.
        case atLeastOnce
    }

    let options: KafkaOptions
    /// `nil` where a column says it.
    let topic: String?
    let delivery: Delivery
    private(set) var layout = KafkaLayout()
    private let keyColumns: [String]?
    private let headerColumns: [(name: String, column: String)]
    private let timestampColumn: String?
    private let idPrefix: String

    private static let reason = "the batches so far are in the old topic"
    private static let columnNames = ["key", "topic", "partition", "headers"]

    static let keys: [KeyShape] = [
        .optional(
            "topic", .text(.name), "The topic, which must be there.",
            absence: "a column `topic` names each row's, which needs `atLeastOnce`",
            examples: ["candles"], change: .forbidden(reason: reason)),
        .optional(
            "key", .oneOf([.text(.name), .list(.text(.name), count: 1...64)]),
            "The columns that make the key: of one string or binary column its bytes, else a JSON "
                + "object of them.",
            absence: "a column `key`, in mode `update` the grouping columns, else none",
            examples: ["symbol", ["symbol", "venue"]]),
        .optional(
            "value",
            .object(
                ObjectShape(
                    name: "kafkaSinkValue", summary: "What a message's value is.",
                    keys: [
                        .optional(
                            "format", .choice(KafkaLayout.Format.allCases.map(\.rawValue)),
                            "`json` is an object of every column but `key`, `topic`, `partition` and "
                                + "`headers`, as Spark's `to_json` writes it; `raw` the column "
                                + "`value`, of which null is a tombstone.", default: "json")
                    ])), "What a message's value is.", default: [:]),
        .optional(
            "headers", .map(.text(.name)),
            "Headers by name: the string or binary column of each; "
                + "a null leaves the header out.", default: [:],
            examples: [["source": "venue"]]),
        .optional(
            "timestamp", .text(.name), "The column of the messages' timestamps.",
            absence: "the batch's recorded time"),
        .optional(
            "delivery", .choice(Delivery.allCases.map(\.rawValue)),
            "What readers of committed messages see after a failure: every row once, or some of a "
                + "batch again.", default: "exactlyOnce", change: .forbidden(reason: reason)),
        .optional(
            "transactionalIdPrefix", .text(.name),
            "What the transactional id begins with; the job's, the query's and the topic's name "
                + "follow. Together they are of one job on the cluster.", default: "streamer",
            change: .forbidden(reason: reason)),
    ]

    init(_ object: SettingsReader) {
        options = KafkaOptions(object)
        topic = object.optionalString("topic")
        delivery = object.choice("delivery", Delivery.self)
        keyColumns = object.optional("key") == nil ? nil : object.oneOrMoreStrings("key")
        headerColumns = (object.optional("headers")?.members ?? []).compactMap { header in
            header.value.stringValue.map { (header.key, $0) }
        }
        timestampColumn = object.optionalString("timestamp")
        idPrefix = object.string("transactionalIdPrefix")
        layout.format = object.object("value").choice("format", KafkaLayout.Format.self)
    }

    var word: String { KafkaSourceSpec.word }
    var history: SinkHistory { .everyBatch }
    var owns: [OwnedPlace] {
        [
            OwnedPlace(
                .external("kafka:\(options.servers)/\(topic ?? "#" + idPrefix)"),
                at: topic == nil ? .here : .here["topic"])
        ]
    }
    var summary: String {
        "\(word) \(topic ?? "(topics of a column)") at \(options.servers), \(delivery.rawValue)"
    }
    var exported: ExportedSink {
        .refused(
            "a program for Spark does not write topics; write to files, or add "
                + "writeStream.format(\"\(word)\") yourself")
    }

    /// What the producer and its marker's group are called.
    func transactionalID(_ place: SinkPlace) -> String {
        "\(idPrefix).\(place.job).\(place.owner.query).\(topic ?? "")"
    }

    // MARK: Columns

    mutating func check(_ query: QueryShape, _ faults: inout SettingFaults) {
        options.check(&faults)
        if let topic, !KafkaSubscription.isName(topic) {
            faults.note(
                .badValue, "\"\(topic.escapedForMessage)\" is no name of a topic.",
                at: .here["topic"])
        }
        if query.mode == .complete {
            faults.note(
                .badOutputMode,
                "A topic is added to, and mode \"complete\" replaces all rows; use \"update\".",
                at: .here["format"])
        }
        let schema = query.schema
        layout.partition = column("partition", [.int], schema, &faults)
        layout.topic = topic == nil ? column("topic", [.string], schema, &faults) : nil
        checkTopic(&faults)
        layout.key = keyIndices(query, &faults)
        layout.keyIsJSON = !(layout.key.count == 1 && schema[layout.key[0]].type.isText)
        checkValue(schema, &faults)
        for (name, column) in headerColumns {
            if let index = index(
                of: column, [.string, .binary], schema, at: .here["headers"][name], &faults)
            {
                layout.headers.append(KafkaLayout.Header(name: name, column: index))
            }
        }
        layout.timestamp = timestampColumn.flatMap {
            index(of: $0, [.timestamp], schema, at: .here["timestamp"], &faults)
        }
    }

    private func checkTopic(_ faults: inout SettingFaults) {
        guard topic == nil else { return }
        if layout.topic == nil {
            faults.note(
                .missingKey, "A \"topic\" is needed, or a string column \"topic\".", at: .here)
        } else if delivery == .exactlyOnce {
            faults.note(
                .badValue,
                "Topics of a column are written with \"delivery\": \"atLeastOnce\"; \"exactlyOnce\" "
                    + "needs \"topic\".", at: .here)
        }
    }

    private mutating func checkValue(_ schema: Schema, _ faults: inout SettingFaults) {
        switch layout.format {
        case .raw:
            layout.value = column("value", [.string, .binary], schema, &faults).map { [$0] } ?? []
            if layout.value.isEmpty {
                faults.note(
                    .unknownName, "A raw value is the column \"value\", which the query lacks.",
                    at: .here["value"])
            }
        case .json:
            layout.value = schema.fields.indices.filter {
                !Self.columnNames.contains(schema[$0].name)
            }
            if layout.value.isEmpty {
                faults.note(.badValue, "No column is left for the value.", at: .here)
            }
        }
    }

    /// The columns of the key, filled in from the query.
    private func keyIndices(_ query: QueryShape, _ faults: inout SettingFaults) -> [Int] {
        if let keyColumns {
            for (index, name) in keyColumns.enumerated() {
                query.require(name, &faults, at: .here["key"][index])
            }
            return keyColumns.compactMap(query.schema.index(of:))
        }
        if let index = column("key", [.string, .binary], query.schema, &faults) { return [index] }
        guard query.mode == .update else { return [] }
        guard let grouping = query.grouping else {
            faults.note(
                .missingKey,
                "In output mode \"update\" a topic needs \"key\", the columns that identify a row, "
                    + "or every grouping column in \"select\".", at: .here)
            return []
        }
        return grouping.compactMap(query.schema.index(of:))
    }

    /// A column that has a meaning by its name, if the query has it.
    private func column(
        _ name: String, _ types: [DataType], _ schema: Schema, _ faults: inout SettingFaults
    ) -> Int? {
        guard let index = schema.index(of: name) else { return nil }
        guard types.contains(schema[index].type) else {
            faults.note(
                .wrongType,
                "The column \"\(name)\" is a message's \(name), and so "
                    + "\(quotedList(types.map(\.description))); the query's is "
                    + "\(schema[index].type). Give it another name, or cast it.", at: .here)
            return nil
        }
        return index
    }

    private func index(
        of name: String, _ types: [DataType], _ schema: Schema, at pointer: JSONPointer,
        _ faults: inout SettingFaults
    ) -> Int? {
        guard let index = schema.index(of: name) else {
            QueryShape(schema: schema, mode: nil, grouping: nil).require(name, &faults, at: pointer)
            return nil
        }
        guard types.contains(schema[index].type) else {
            faults.note(
                .wrongType,
                "The column must be \(quotedList(types.map(\.description))); "
                    + "\"\(name.escapedForMessage)\" is \(schema[index].type).", at: pointer)
            return nil
        }
        return index
    }

    func open(_ place: SinkPlace) throws(ConnectorError) -> any Sink {
        try KafkaSink(self, place)
    }
}

extension DataType {
    fileprivate var isText: Bool { self == .string || self == .binary }
}
