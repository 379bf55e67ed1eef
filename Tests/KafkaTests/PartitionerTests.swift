import Testing

@testable import KafkaConnector

@Suite("Partitions of keys")
struct PartitionerTests {
    /// Partitions of 16 as kafka-clients 3.9.1 gives them.
    static let expected: [(key: String, partition: Int32)] = [
        ("AAPL", 1), ("MSFT", 2), ("IBM", 3), ("TSLA", 15), ("AMZN", 9), ("", 9), ("a", 12),
        ("ab", 10), ("abc", 11), ("kafka", 4), ("é中", 12), ("0123456789", 8),
    ]

    @Test("are those of Java's clients", arguments: expected)
    func areJavas(key: String, partition: Int32) {
        #expect(KafkaPartitioner.partition(key: Array(key.utf8), of: 16) == partition)
    }
}
