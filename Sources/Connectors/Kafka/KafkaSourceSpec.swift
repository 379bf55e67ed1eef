import Columnar
public import ConnectorAPI
import JSON
import Settings
import Storage

/// Topics of a Kafka cluster as a source.
public let kafkaSource = SourceFormat(
    shape: ObjectShape(
        name: "kafkaSource",
        summary: "Topics of a Kafka cluster; a partition is a split.",
        tag: KafkaSourceSpec.word, oneOf: KafkaSubscription.keyNames,
        keys: KafkaOptions.keys + KafkaSubscription.keys + KafkaStart.keys
            + KafkaSourceSpec.limitKeys + KafkaValues.keys + KafkaSourceSpec.groupKeys
            + KafkaOptions.change + KafkaOptions.otherKeys)
) { KafkaSourceSpec($0) }

/// What a job says of topics that it reads.
struct KafkaSourceSpec: SourceSpec {
    static let word = "kafka"

    let options: KafkaOptions
    let subscription: KafkaSubscription
    let start: KafkaStart
    let strategy: KafkaStart.Strategy
    let values: KafkaValues
    let rowsPerBatchMax: Int64?
    let offsetsPerBatchMin: Int64?
    let triggerDelayNanosMax: UInt64
    let failOnDataLoss: Bool
    let pollTimeoutMs: Int64
    let bufferBytesMax: Int64
    let commitsOffsets: Bool
    private let groupPrefix: String

    private static let bufferMinBytes: Int64 = 1 << 20

    static let limitKeys: [KeyShape] = [
        .optional(
            "maxOffsetsPerTrigger", .integer(1...1_000_000_000),
            "The most offsets of a batch, shared out over the partitions by what each has left.",
            absence: "no limit", examples: [250_000]),
        .optional(
            "minOffsetsPerTrigger", .integer(1...1_000_000_000),
            "How many offsets are waited for before a batch, but no longer than `maxTriggerDelay`.",
            absence: "none are waited for"),
        .optional(
            "maxTriggerDelay", .text(.fixedDuration),
            "How long `minOffsetsPerTrigger` may keep rows waiting.", default: "15 minutes"),
        .optional(
            "minPartitions", .integer(1...1_000_000),
            "Without effect here, where rows are shared out over threads anyhow; for Spark.",
            absence: "as many as there are partitions"),
        .optional(
            "failOnDataLoss", .boolean,
            "Whether the job stops when messages that it needs are gone; otherwise it goes on behind "
                + "them and counts them.", default: true),
        .optional(
            "kafkaConsumer.pollTimeoutMs", .integer(1...86_400_000),
            "How long nothing may come of a partition that has more, in ms.", default: 120_000),
        .optional(
            "bufferBytesMax", .integer(bufferMinBytes...1 << 40),
            "About how many bytes of messages are fetched ahead, over all partitions.",
            default: 268_435_456),
    ]

    static let groupKeys: [KeyShape] = [
        .optional(
            "commitOffsets", .boolean,
            "Whether a group is told after each batch how far the job is, so that tools show its lag; "
                + "it is never read back.", default: true),
        .optional(
            "groupIdPrefix", .text(.name),
            "What the group's name begins with; the checkpoint's and the source's name follow.",
            default: "streamer"),
    ]

    init(_ object: SettingsReader) {
        options = KafkaOptions(object)
        subscription = KafkaSubscription(object)
        start = KafkaStart(object)
        strategy = object.choice(KafkaStart.strategyKey, KafkaStart.Strategy.self)
        values = KafkaValues(object)
        rowsPerBatchMax = object.optionalInteger("maxOffsetsPerTrigger")
        offsetsPerBatchMin = object.optionalInteger("minOffsetsPerTrigger")
        // Longer than a century is as good as for ever.
        let delayMicros = min(object.durationMicros("maxTriggerDelay"), 3_200_000_000_000_000)
        triggerDelayNanosMax = UInt64(clamping: delayMicros) * 1_000
        failOnDataLoss = object.bool("failOnDataLoss")
        pollTimeoutMs = object.integer("kafkaConsumer.pollTimeoutMs")
        bufferBytesMax = object.integer("bufferBytesMax")
        commitsOffsets = object.bool("commitOffsets")
        groupPrefix = object.string("groupIdPrefix")
    }

    var reads: [OwnedPlace] {
        let names = subscription.names.isEmpty ? [subscription.text] : subscription.names
        return names.map {
            OwnedPlace(.external("kafka:\(options.servers)/\($0)"), at: .here, role: "a topic")
        }
    }

    var declaresColumns: Bool { true }
    var declaredColumns: SourceColumns? {
        values.schema.map {
            SourceColumns(schema: $0, timeColumn: values.eventTime, hasSplits: true)
        }
    }

    var malformedTable: OwnedPlace? {
        values.malformed == .reject
            ? .directory(
                values.rejects.path, at: .here["rejects"]["path"],
                role: "the source's rejects table") : nil
    }

    /// The columns of settings that were checked.
    var sourceColumns: SourceColumns {
        guard let columns = declaredColumns else {
            preconditionFailure("a checked source has columns of different names")
        }
        return columns
    }

    var startingOffsets: StartingOffsets {
        switch start {
        case .everywhere(.earliest): .earliest
        case .everywhere(.latest): .latest
        default: .sourceDecides
        }
    }

    var summary: String {
        let limit = rowsPerBatchMax.map { "at most \(counted($0, "offset")) a batch" }
        return "\(Self.word) \(subscription.text) at \(options.servers), \(start.summary), "
            + (limit ?? "no limit on a batch")
    }

    var exported: ExportedSource {
        ExportedSource(
            .format(Self.word, options: []),
            refusals: [
                "a program for Spark is not made of topics; read a log in their place, or write "
                    + "spark.readStream.format(\"\(Self.word)\") with the same options yourself"
            ])
    }

    func check(_ faults: inout SettingFaults) {
        options.check(&faults)
        subscription.check(&faults)
        KafkaStart.check(&faults)
        values.check(&faults)
        if let least = offsetsPerBatchMin, let most = rowsPerBatchMax, least > most {
            faults.note(
                .badValue, "\"minOffsetsPerTrigger\" is more than \"maxOffsetsPerTrigger\".",
                at: .here["minOffsetsPerTrigger"])
        }
    }

    func open(_ place: SourcePlace) throws(ConnectorError) -> any Source {
        try KafkaSource(self, place)
    }

    func status(_ place: SourcePlace) throws(ConnectorError) -> SourceStatus {
        let source = try KafkaSource(self, place)
        defer { source.close() }
        let first = try source.earliest().bySplit.values.reduce(0) { $0 &+ $1 }
        let last = try source.latest().bySplit.values.reduce(0) { $0 &+ $1 }
        return SourceStatus("topic", rows: first..<max(first, last), writer: nil)
    }

    // MARK: Settings of the library

    /// How often new partitions are looked for, ms.
    var refreshMs: UInt64 {
        options.settings["topic.metadata.refresh.interval.ms"].flatMap { UInt64($0) }
            .map { max(100, $0) } ?? 60_000
    }

    /// The group that is told how far the job is.
    func group(checkpoint: Path, source: String) -> String {
        options.settings["group.id"] ?? "\(groupPrefix).\(checkpoint.name).\(source)"
    }

    /// What every connection of the source is told.
    var clientSettings: [(name: String, value: String)] {
        [
            ("enable.auto.commit", "false"), ("enable.auto.offset.store", "false"),
            ("enable.partition.eof", "true"), ("auto.offset.reset", "error"),
            ("check.crcs", "true"), ("allow.auto.create.topics", "false"),
        ]
    }
}
