import Columnar
import Lake
import Storage
import TestSupport
import Testing

/// A table brought down before each operation of its files, and run again.
@Suite struct CrashTests {
    static let schema = Schema([Field("symbol", .string), Field("n", .long)])
    static let owner = TableOwner(checkpointID: "c", query: "q")
    static let batches: Int64 = 2

    static func rows(_ batch: Int64) -> RecordBatch {
        RecordBatch(
            schema,
            rows: ["A", "B"].map { [.string($0), .long(batch)] } + [[.string("A"), .long(-batch)]])
    }

    static func run(_ files: SimulatedFileSystem) throws -> [FileReceipt] {
        let table = try LakeTable(
            try Path("lake/t"), files, owner: owner, schema: schema, partitionBy: ["symbol"])
        return try (0..<batches).flatMap { batch in
            try table.publish(try table.stage(batch: batch, rows: rows(batch)), isRerun: true)
        }
    }

    @Test func everyBatchIsThereOnceAfterAnyCrash() throws {
        let expected = try Self.run(SimulatedFileSystem())
        let survived = try sweepCrashes(
            seeds: 4, run: { _ = try Self.run($0) },
            recover: { files, point in
                let receipts = try Self.run(files)
                #expect(receipts == expected, "\(point)")
                let reader = try LakeReader(try Path("lake/t"), files)
                #expect(try reader.verify(expected).isIntact, "\(point)")
                for name in ["symbol=A", "symbol=B"] {
                    let left = try files.list(try Path("lake/t").appending(name))
                    #expect(left.count == 2, "\(point)")
                }
            })
        #expect(survived > 100)
    }

    @Test func aReplacedTableIsWholeAfterAnyCrash() throws {
        let path = try Path("lake/kpi")
        func open(_ files: SimulatedFileSystem) throws -> ReplacedTable {
            try ReplacedTable(path, files, owner: Self.owner, schema: Self.schema)
        }
        func publish(_ files: SimulatedFileSystem, _ batch: Int64) throws {
            let table = try open(files)
            try table.publish(try table.stage(batch: batch, replacing: Self.rows(batch)))
        }
        try sweepCrashes(
            seeds: 4, prepare: { try publish($0, 0) }, run: { try publish($0, 1) },
            recover: { files, point in
                let rows = try open(files).read().rows
                #expect([Self.rows(0).rows, Self.rows(1).rows].contains(rows), "\(point)")
                try publish(files, 1)
                #expect(try open(files).read().rows == Self.rows(1).rows, "\(point)")
                #expect(try files.list(path).count == 2, "\(point)")
            })
    }
}
