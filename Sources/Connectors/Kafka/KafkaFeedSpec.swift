import Columnar
public import ConnectorAPI
import JSON
import Settings

/// Topics of a Kafka cluster as a feed.
public let kafkaFeed = FeedFormat(
    shape: ObjectShape(
        name: "kafkaFeed",
        summary: "Topics of a Kafka cluster, copied into a log, each message once.",
        tag: KafkaSourceSpec.word, oneOf: KafkaSubscription.keyNames,
        keys: KafkaOptions.keys + KafkaSubscription.keys + KafkaStart.keys
            + KafkaFeedSpec.ownKeys
            + KafkaValues.keys.filter { $0.name != "malformed" }
            + KafkaSourceSpec.limitKeys.filter { KafkaFeedSpec.sharedLimits.contains($0.name) }
            + KafkaOptions.change + KafkaOptions.otherKeys)
) { KafkaFeedSpec($0) }

/// What a job says of topics that fill a log.
struct KafkaFeedSpec: FeedSpec {
    /// What a source of the same topics would be: the feed reads as it does.
    let source: KafkaSourceSpec
    /// Whether it ends at what the topics have when it begins.
    let endsAtLatest: Bool

    static let sharedLimits = ["failOnDataLoss", "kafkaConsumer.pollTimeoutMs", "bufferBytesMax"]

    static let ownKeys: [KeyShape] = [
        .optional(
            "endingOffsets", .choice(["latest"]),
            "Where the feed ends: behind what the topics have when it begins.",
            absence: "it goes on for ever")
    ]

    init(_ object: SettingsReader) {
        // What a source has besides is as a source has it by default.
        let missing: [(String, JSONValue)] = [
            ("malformed", "DROPMALFORMED"), ("maxTriggerDelay", "15 minutes"),
            ("commitOffsets", false), ("groupIdPrefix", "streamer"),
        ]
        let members = (object.value.members ?? []).map { ($0.key, $0.value) } + missing
        source = KafkaSourceSpec(SettingsReader(.object(members)))
        endsAtLatest = object.optionalString("endingOffsets") != nil
    }

    var declaredColumns: SourceColumns? {
        source.values.schema.map {
            SourceColumns(schema: $0, timeColumn: source.values.eventTime)
        }
    }
    var isBounded: Bool { endsAtLatest }
    var malformedTable: OwnedPlace? {
        .directory(
            source.values.rejects.path, at: .here["rejects"]["path"],
            role: "the feed's rejects table")
    }
    var summary: String {
        "\(KafkaSourceSpec.word): \(source.subscription.text) at \(source.options.servers), "
            + source.start.summary
    }

    func check(_ faults: inout SettingFaults) { source.check(&faults) }

    func make(_ place: FeedPlace) throws(ConnectorError) -> any Feed {
        try KafkaFeed(self, place)
    }
}
