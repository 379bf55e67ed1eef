import Columnar
import Lake
import Parquet
import Storage
import TestSupport
import Testing

@Suite struct LakeTableTests {
    static let schema = Schema([
        Field("symbol", .string), Field("close", .double), Field("date", .date),
    ])
    let owner = TableOwner(checkpointID: "6d0c", query: "ohlcv")

    func rows(_ rows: [(String?, Double, Int32?)]) -> RecordBatch {
        RecordBatch(
            Self.schema,
            rows: rows.map { row in
                [
                    row.0.map { .string($0) } ?? .null, .double(row.1),
                    row.2.map { .date($0) } ?? .null,
                ]
            })
    }

    @Test func batchesBecomeFilesOfTheirPartitions() throws {
        try withTemporaryDirectory { files, directory in
            let path = try directory.appending("ohlcv")
            let table = try LakeTable(
                path, files, owner: owner, schema: Self.schema, partitionBy: ["date"])
            let batch = rows([("IBM", 1, 20_458), ("BAC", 2, 20_459), ("IBM", 3, 20_458)])
            let receipts = try table.publish(try table.stage(batch: 0, rows: batch))
            #expect(receipts.map(\.rows) == [2, 1])
            #expect(receipts[0].path.hasPrefix("date=2026-01-05/part-00000000-0000-"))
            #expect(receipts[1].path.hasPrefix("date=2026-01-06/part-00000000-0001-"))
            let reader = try LakeReader(path, files)
            #expect(
                try reader.read().rows
                    == rows([("IBM", 1, 20_458), ("IBM", 3, 20_458), ("BAC", 2, 20_459)]).rows)
            #expect(try reader.verify(receipts).isIntact)
            #expect(try reader.verify().intactFiles == 2)
            // The same again changes nothing.
            let again = try table.publish(
                try table.stage(batch: 0, rows: batch), isRerun: true)
            #expect(again == receipts)
            #expect(try reader.listFiles().map(\.path) == receipts.map(\.path))
        }
    }

    @Test func aRerunWithOtherRowsReplacesTheBatch() throws {
        try withTemporaryDirectory { files, directory in
            let path = try directory.appending("t")
            let table = try LakeTable(
                path, files, owner: owner, schema: Self.schema, partitionBy: ["date", "symbol"])
            try table.publish(try table.stage(batch: 1, rows: rows([("A", 1, 1), ("B", 2, 2)])))
            try table.publish(try table.stage(batch: 2, rows: rows([("A", 9, 1)])))
            let receipts = try table.publish(
                try table.stage(batch: 1, rows: rows([("C", 3, nil)])), isRerun: true)
            let reader = try LakeReader(path, files)
            #expect(try reader.listFiles().map(\.batch) == [2, 1])
            #expect(
                receipts[0].path.hasPrefix("date=__HIVE_DEFAULT_PARTITION__/symbol=C/part-00000001")
            )
            let read = try reader.read()
            #expect(read.schema.names == ["close", "date", "symbol"])
            #expect(
                read.rows == [
                    [.double(9), .date(1), .string("A")], [.double(3), .null, .string("C")],
                ])
        }
    }

    @Test func theReplacedTableIsOneFile() throws {
        try withTemporaryDirectory { files, directory in
            let path = try directory.appending("kpi")
            let table = try ReplacedTable(path, files, owner: owner, schema: Self.schema)
            #expect(try table.read().count == 0)
            try table.publish(
                try table.stage(batch: 0, replacing: rows([("B", 1, 1), ("A", 2, 2)])))
            let upsert = rows([("C", 3, 3), ("B", 4, 4), ("B", 5, 5), (nil, 6, 6)])
            for _ in 0..<2 {
                try table.publish(
                    try table.stage(batch: 1, upserting: upsert, keys: ["symbol"]))
                #expect(
                    try table.read().rows
                        == rows([(nil, 6, 6), ("A", 2, 2), ("B", 5, 5), ("C", 3, 3)]).rows)
            }
            #expect(try LakeReader(path, files).listFiles().map(\.path) == ["kpi.zstd.parquet"])
            #expect(try LakeReader(path, files).read().count == 4)
        }
    }

    @Test func anotherOwnerIsRefused() throws {
        try withTemporaryDirectory { files, directory in
            let path = try directory.appending("t")
            _ = try LakeTable(path, files, owner: owner, schema: Self.schema)
            let other = TableOwner(checkpointID: "ffff", query: "ohlcv")
            let error = #expect(throws: LakeError.self) {
                try LakeTable(path, files, owner: other, schema: Self.schema)
            }
            #expect(error?.code == .ownedByAnother)
            let changed = Schema([Field("symbol", .string), Field("close", .long)])
            let difference = #expect(throws: LakeError.self) {
                try LakeTable(path, files, owner: owner, schema: changed)
            }
            #expect(difference?.code == .schemaDiffers)
            #expect(difference?.message.contains("it has close double, now close bigint") != true)
        }
    }
}
