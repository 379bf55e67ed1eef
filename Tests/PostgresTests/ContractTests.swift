import Columnar
import ConnectorAPI
import Expressions
import TestSupport
import Testing

@testable import PostgresConnector

/// The sink keeps what every sink promises, crashed before each of its statements.
@Suite(.enabled(if: PostgresMachine.port != nil, "POSTGRES_PORT names no server"))
struct ContractTests {
    private static func rows(_ rows: [(String, Int64, Double)]) -> RecordBatch {
        RecordBatch(
            PostgresMachine.schema,
            rows: rows.map { [.string($0.0), .long($0.1), .double($0.2)] })
    }

    private static let batches = [
        rows([("a", 1, 0.5), ("b", 2, -0.0), ("c", 3, 1e300)]),
        rows([("d", 4, 2), ("a", 5, 2)]),
        rows([("b", 6, 3), ("e", 7, .infinity), ("f", 8, 3)]),
    ]

    @Test(arguments: [
        (OutputMode.append, [String]()), (.append, ["key"]), (.update, ["key"]), (.complete, []),
        (.complete, ["key"]),
    ])
    func everyPromiseIsKept(mode: OutputMode, keys: [String]) throws {
        let contract = SinkContract(batches: Self.batches) {
            try PostgresMachine(mode: mode, keys: keys)
        }
        let violations = try contract.violations()
        #expect(violations.isEmpty, "\(violations)")
    }
}
