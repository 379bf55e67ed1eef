import Columnar
import ConnectorAPI
import Glibc
import JSON
import Settings
import Storage
import TestSupport
import Testing

@testable import KafkaConnector

/// A topic that `Tests/Kafka/test_contracts.py` has made, with some messages in it.
private struct Topic {
    let servers: String
    let name: String

    init?() {
        guard let servers = Self.variable("KAFKA_TEST_SERVERS"),
            let name = Self.variable("KAFKA_TEST_TOPIC")
        else { return nil }
        (self.servers, self.name) = (servers, name)
    }

    private static func variable(_ name: String) -> String? {
        unsafe getenv(name).map { unsafe String(cString: $0) }
    }

    /// Settings of a source or a feed of JSON values.
    func settings(_ shape: ObjectShape) -> SettingsReader {
        let fields: JSONValue = [
            ["name": "n", "type": "long"],
            ["name": "event_time", "type": "timestamp", "format": "epoch_ms"],
        ]
        return SettingsReader(
            defaultsOf: shape,
            .object([
                ("kafka.bootstrap.servers", .string(servers)), ("subscribe", .string(name)),
                ("value", ["format": "json", "fields": fields]),
                ("eventTime", "event_time"),
            ]))
    }

    /// Sends one more message to each of two partitions, and waits until readers see it.
    func grow() throws {
        let options = KafkaOptions(settings(kafkaSource.shape))
        let producer = try KafkaProducer(options, transactionalID: nil, secrets: { _ in nil })
        for partition in 0..<2 as Range<Int32> {
            try producer.send(
                KafkaProducer.Message(
                    topic: name, partition: partition, timestamp: 1_767_623_400_000, key: nil,
                    value: Array(#"{"n":1000,"event_time":1767623400000}"#.utf8), headers: []))
        }
        try producer.flush(to: name)
        SystemTime().sleep(nanos: 500_000_000)
    }
}

@Suite("Contracts, on a broker", .enabled(if: Topic() != nil), .serialized)
struct KafkaContractTests {
    @Test("of a source")
    func source() throws {
        let topic = try #require(Topic())
        let time = ManualTime()
        let contract = SourceContract(
            time: time,
            open: {
                try KafkaSource(
                    KafkaSourceSpec(topic.settings(kafkaSource.shape)),
                    SourcePlace(
                        name: "source", checkpoint: try Path("checkpoints/contract"),
                        files: SimulatedFileSystem(), time: time))
            }, grow: { try topic.grow() })
        #expect(try contract.violations().isEmpty)
    }

    @Test("of a feed")
    func feed() throws {
        let topic = try #require(Topic())
        let contract = FeedContract(rowsMax: 7) { time in
            try KafkaFeed(
                KafkaFeedSpec(topic.settings(kafkaFeed.shape)),
                FeedPlace(files: SimulatedFileSystem(), time: time))
        }
        #expect(try contract.violations().isEmpty)
    }
}
