import Columnar
import ConnectorAPI
import Decoding
import JSON
import Settings

/// How the messages of a topic become rows.
struct KafkaValues: Hashable, Sendable {
    /// What a value is.
    enum Format: Hashable, Sendable {
        /// Bytes, as they are.
        case raw
        /// One JSON document.
        case json(JSONLinesSpec)
        /// One record of delimited text.
        case csv(CSVSpec)
    }

    /// What becomes of a null value where rows are made of values.
    enum Tombstones: String, CaseIterable, Sendable {
        /// It is left out and counted as malformed records are not.
        case skip
        /// It is a row of nulls.
        case row
        /// It is malformed.
        case reject
    }

    /// What becomes of a message that does not parse.
    enum Malformed: String, CaseIterable, Sendable {
        /// It goes to the rejects table.
        case reject
        case failFast = "FAILFAST"
        case dropMalformed = "DROPMALFORMED"
    }

    let format: Format
    /// The columns in their order.
    let columns: [KafkaColumn]
    let eventTime: String
    let tombstones: Tombstones
    let malformed: Malformed
    let rejects: KafkaRejects
    /// Whether values begin with the five bytes of a schema registry.
    let isFramed: Bool
    /// Everything that the rows depend on, as one text.
    let identity: String

    /// The columns that values give.
    var payload: [FeedColumn] {
        switch format {
        case .raw: []
        case .json(let spec): spec.columns
        case .csv(let spec): spec.columns
        }
    }

    /// The columns; `nil` while two of them have one name.
    var schema: Schema? {
        let fields = columns.map(\.field)
        return Schema.duplicateName(in: fields) == nil ? Schema(fields) : nil
    }
}

// MARK: Settings

extension KafkaValues {
    static let rawWord = "raw"
    private static let changeReason = "the rows so far had the old columns"

    static let keys: [KeyShape] = [
        .optional(
            "value", .variants(key: "format", [rawShape, jsonShape, csvShape]),
            "What a message's value is, and the columns that it becomes.",
            default: ["format": "raw"], change: .forbidden(reason: changeReason),
            comparison: .whole),
        .optional(
            "eventTime", .text(.name), "The event-time column, a timestamp.",
            absence: "for raw values `timestamp`, the message's own", examples: ["event_time"],
            change: .forbidden(reason: changeReason)),
        .optional(
            "tombstones", .choice(Tombstones.allCases.map(\.rawValue)),
            "What becomes of a message without a value, unless values are raw: it is left out, a "
                + "row of nulls, or malformed.", default: "skip",
            change: .forbidden(reason: changeReason)),
        .optional(
            "malformed", .choice(Malformed.allCases.map(\.rawValue)),
            "What becomes of a message that does not parse: it goes to the `rejects` table, the "
                + "batch fails, or it is left out; it is counted.", default: "reject"),
        KafkaRejects.key,
    ]

    private static let fromKafka = KeyShape.optional(
        "fromKafka", .text(.name),
        "A part of the message instead of a field of its value: "
            + KafkaField.words.map { "`\($0)`" }.joined(separator: ", ") + ".",
        absence: "a field of the value is read", examples: ["key", "header:trace"])

    private static let framing = KeyShape.optional(
        "framing", .choice(["none", "confluent"]),
        "Whether a schema registry's five bytes stand before every value; its schema is not asked "
            + "for.", default: "none")

    private static let rawShape = ObjectShape(
        name: "kafkaRawValue",
        summary: "Bytes as they are, with Spark's columns `key`, `value`, `topic`, `partition`, "
            + "`offset`, `timestamp` and `timestampType`, or those that are listed.",
        tag: rawWord, isUsual: true,
        keys: [
            .optional(
                "fields",
                .list(
                    .object(
                        ObjectShape(
                            name: "kafkaField",
                            summary: "A column and the part of a message it is.",
                            keys: [
                                .required(
                                    "name", .text(.name), "The column's name.", examples: ["trace"]),
                                .required(
                                    "type", .text(.type), "The column's type.",
                                    examples: ["string"]),
                                .required(
                                    "fromKafka", .text(.name),
                                    "The part: "
                                        + KafkaField.words.map { "`\($0)`" }.joined(separator: ", ")
                                        + ".", examples: ["header:trace"]),
                                .optional(
                                    "nullable", .boolean, "Whether a value may be null.",
                                    default: true),
                            ])), count: 1...1_000), "The rows' columns.",
                absence: "Spark's")
        ])

    private static let jsonShape = ObjectShape(
        name: "kafkaJSONValue",
        summary: "One JSON object, which may stand on several lines.",
        tag: "json", keys: extended(JSONLinesSpec.keys, list: "fields") + [framing])

    private static let csvShape = ObjectShape(
        name: "kafkaCSVValue",
        summary: "One record of delimited text, without a header.",
        tag: "csv", keys: extended(CSVSpec.keys, list: "columns") + [framing])

    /// The keys of a format of files, whose columns may also come from the message.
    private static func extended(_ keys: [KeyShape], list: String) -> [KeyShape] {
        keys.filter { !["eventTime", "header"].contains($0.name) }.map { key in
            guard key.name == list, case .list(.object(let own), let count) = key.shape else {
                return key
            }
            var table = own.with { keys in keys.filter { $0.name != "fromPath" } + [fromKafka] }
            table.name = "kafka" + own.name.prefix(1).uppercased() + own.name.dropFirst()
            return .required(list, .list(.object(table), count: count), key.summary)
        }
    }

    /// Reads settings that were checked.
    init(_ object: SettingsReader) {
        let value = object.object("value")
        let word = value.string("format")
        let list = word == "csv" ? "columns" : "fields"
        let entries = value.optional(list) == nil ? [] : value.objects(list)
        let eventTime =
            object.optionalString("eventTime") ?? (word == Self.rawWord ? "timestamp" : "")
        // The format's own reader sees the columns that are its own.
        let own = entries.filter { $0.optional("fromKafka") == nil }.map(\.value)
        let members =
            (value.value.members ?? []).filter { $0.key != list }.map { ($0.key, $0.value) }
            + [(list, .array(own)), ("eventTime", .string(eventTime)), ("header", false)]
        let settings = SettingsReader(.object(members))
        var input = FeedInput([])
        input.maxRecordBytes = 1 << 28
        switch word {
        case "json": format = .json(JSONLinesSpec(settings, input))
        case "csv":
            var spec = CSVSpec(settings, input)
            // Of each record alone, so that no record says something about another.
            spec.fieldCount = spec.fieldCount ?? spec.columns.reduce(1) { max($0, $1.fieldsNeeded) }
            format = .csv(spec)
        default: format = .raw
        }
        self.eventTime = eventTime
        tombstones = object.choice("tombstones", Tombstones.self)
        malformed = object.choice("malformed", Malformed.self)
        rejects = KafkaRejects(object.object("rejects"))
        isFramed = value.optionalString("framing") == "confluent"
        identity = [value.value.text(), eventTime, object.string("tombstones")]
            .joined(separator: " ")
        let payload: [FeedColumn] =
            switch format {
            case .raw: []
            case .json(let spec): spec.columns
            case .csv(let spec): spec.columns
            }
        let fields = FeedColumn.fields(of: payload, eventTime: eventTime)
        var next = 0
        let listed = entries.map { entry -> KafkaColumn in
            let name = entry.string("name")
            guard let word = entry.optionalString("fromKafka") else {
                next += 1
                return KafkaColumn(field: fields[next - 1], origin: .payload(next - 1))
            }
            let part = KafkaField(word) ?? .value
            let isNullable = part.mayBeNull && entry.bool("nullable") && name != eventTime
            return KafkaColumn(
                field: Field(name, entry.type("type"), isNullable: isNullable),
                origin: .message(part))
        }
        columns = listed.isEmpty ? KafkaColumn.sparks : listed
    }

    /// Notes what columns must keep to together; in the source's object.
    func check(_ faults: inout SettingFaults) {
        let list = list
        let pointer = JSONPointer.here["value"][list]
        faults.requireUnique(columns.map(\.field.name)) { pointer[$0]["name"] }
        checkEventTime(&faults)
        for (index, column) in columns.enumerated() where faults.isGivenList(list) {
            faults.inside(pointer[index]) { faults in
                switch column.origin {
                case .message: checkMessageColumn(column, &faults)
                case .payload(let place): checkPayload(payload[place], &faults)
                }
            }
        }
        if case .csv(let spec) = format {
            faults.inside(.here["value"]) { spec.checkMarks(&$0) }
        }
        if tombstones == .row, case .csv = format {
            faults.note(
                .badValue,
                "A record of text has no row without a value; use \"skip\" or \"reject\".",
                at: .here["tombstones"])
        }
    }

    private var list: String {
        if case .csv = format { "columns" } else { "fields" }
    }

    private func checkEventTime(_ faults: inout SettingFaults) {
        let names = columns.map(\.field.name)
        guard !eventTime.isEmpty else {
            return faults.note(
                .missingKey, "\"eventTime\" names the column of the event time; it is missing.",
                at: .here)
        }
        guard let column = columns.first(where: { $0.field.name == eventTime }) else {
            let similar = nearest(to: eventTime, among: names)
            return faults.note(
                .unknownName,
                "No column is named \"\(eventTime.escapedForMessage)\"." + didYouMean(similar)
                    + " Columns: \(names.joined(separator: ", ")).",
                at: .here["eventTime"], suggestion: similar)
        }
        if column.field.type != .timestamp {
            faults.note(
                .wrongType,
                "The event-time column must be a timestamp; \"\(eventTime)\" is "
                    + "\(column.field.type).", at: .here["eventTime"])
        }
    }

    private func checkPayload(_ column: FeedColumn, _ faults: inout SettingFaults) {
        if case .csv = format {
            column.check(field: "from", &faults)
            CSVSpec.checkIndex(of: column, &faults)
        } else {
            column.check(field: "path", &faults)
            JSONLinesSpec.checkPaths(of: column, &faults)
        }
    }

    private func checkMessageColumn(_ column: KafkaColumn, _ faults: inout SettingFaults) {
        let word = faults.given("fromKafka")?.stringValue ?? ""
        guard let part = KafkaField(word) else {
            let similar = nearest(to: word, among: KafkaField.words)
            return faults.note(
                .badValue,
                "A message has \(quotedList(KafkaField.words)), not \"\(word.escapedForMessage)\"."
                    + didYouMean(similar), at: .here["fromKafka"], suggestion: similar)
        }
        if !part.types.contains(column.field.type) {
            faults.note(
                .wrongType,
                "\"\(word.escapedForMessage)\" is \(quotedList(part.types.map(\.description))); this "
                    + "column is \(column.field.type).", at: .here["type"])
        }
        for key in ["path", "from", "value", "format", "timestampFormat", "scale", "case"]
        where faults.isGiven(key) {
            faults.note(
                .badValue,
                "\"\(key)\" is for fields of a value; this column comes from the message.",
                at: .here[key])
        }
    }
}

extension SettingFaults {
    /// Whether the value lists its columns.
    fileprivate func isGivenList(_ list: String) -> Bool { given("value")?[list] != nil }
}

extension FeedColumn {
    /// How many fields a record must have for the column.
    fileprivate var fieldsNeeded: Int { origin.fieldsNeeded }
}

extension FeedColumn.Origin {
    fileprivate var fieldsNeeded: Int {
        switch self {
        case .index(let index): index + 1
        case .joined(let first, let second): max(first.fieldsNeeded, second.fieldsNeeded)
        default: 0
        }
    }
}
