import ArrowConnector
public import ConnectorAPI
import ConsoleConnector
import KafkaConnector
import LakeConnector
import LogConnector
import ParquetConnector
import PostgresConnector
import SimulatorConnector
import TextConnector

extension ConnectorRegistry {
    /// Every format of this program: the one place that names connectors.
    public static let all = ConnectorRegistry(
        sources: [
            logSource(history: [parquetSource]), parquetSource, csvSource, jsonSource, kafkaSource,
        ],
        sinks: [parquetSink, deltaSink, tableSink, consoleSink, kafkaSink, postgresSink],
        feeds: [simulatorFeed, csvFeed, jsonFeed, arrowFeed, kafkaFeed],
        sideTables: parquetSink)
}
