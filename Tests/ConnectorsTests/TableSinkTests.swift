import Columnar
import ConnectorAPI
import Lake
import LakeConnector
import Storage
import TestSupport
import Testing

/// The sinks that write tables keep what every sink promises.
@Suite struct TableSinkTests {
    private static let schema = Schema([
        Field("key", .string), Field("n", .long), Field("date", .date),
    ])
    private static let owner = TableOwner(checkpointID: "5d0f3a9c", query: "q")
    private static let place = "lake/t"

    private static func rows(_ rows: [(String, Int64, Int32)]) -> RecordBatch {
        RecordBatch(schema, rows: rows.map { [.string($0.0), .long($0.1), .date($0.2)] })
    }

    /// Batches that add keys and change them, the last in a new partition and in an old one.
    private static let batches = [
        rows([("a", 1, 1), ("b", 2, 1), ("c", 3, 2)]),
        rows([("a", 4, 2), ("d", 5, 2)]),
        rows([("b", 6, 3), ("e", 7, 2), ("a", 8, 3)]),
    ]

    enum Kind: CaseIterable {
        case parquet
        case plainParquet
        case delta
        case replacedDelta
        case upsertedDelta
        case table
        case upsertedTable
    }

    private static func open(_ kind: Kind, _ files: any FileSystem) throws -> any Sink {
        let id = SinkID(query: "q", place: place)
        let path = try Path(place)
        func lake(_ partitionBy: [String]) throws -> any Sink {
            LakeSink(
                id,
                try LakeTable(
                    path, files, owner: owner, schema: schema, partitionBy: partitionBy,
                    making: false),
                files)
        }
        func delta(
            _ layout: TableDescription.Layout, _ partitionBy: [String], keys: [String] = []
        ) throws -> any Sink {
            DeltaSink(
                id,
                try DeltaTable(
                    path, files, owner: owner, schema: schema, partitionBy: partitionBy,
                    layout: layout, making: false),
                upsertKeys: keys, files)
        }
        func table(keys: [String]) throws -> any Sink {
            TableSink(
                id,
                try ReplacedTable(path, files, owner: owner, schema: schema, making: false),
                upsertKeys: keys, files)
        }
        switch kind {
        case .parquet: return try lake(["date"])
        case .plainParquet: return try lake([])
        case .delta: return try delta(.partitioned, ["date"])
        case .replacedDelta: return try delta(.replaced, [])
        case .upsertedDelta: return try delta(.replaced, ["date"], keys: ["key"])
        case .table: return try table(keys: [])
        case .upsertedTable: return try table(keys: ["key"])
        }
    }

    @Test(arguments: Kind.allCases)
    func theyKeepTheContract(kind: Kind) throws {
        let path = try Path(Self.place)
        let violations = try SinkContract(batches: Self.batches) {
            TableMachine(path) { try Self.open(kind, $0) }
        }.violations()
        #expect(violations == [])
    }
}
