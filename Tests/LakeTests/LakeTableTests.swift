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
            #expect(receipts[0].path.hasPrefix("date=2026-01-05/part-00000000-0000-"))
            #expect(receipts[1].path.hasPrefix("date=2026-01-06/part-00000000-0001-"))
            let reader = try LakeReader(path, files)
            #expect(try reader.listFiles().map { try reader.footer(of: $0).rowCount } == [2, 1])
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
            let table = try LakeTable(
                path, files, owner: owner, schema: Self.schema, partitionBy: ["date"])
            let other = TableOwner(checkpointID: "ffff", query: "ohlcv")
            let refusal = #expect(throws: LakeError.self) {
                try LakeTable(path, files, owner: other, schema: Self.schema)
            }
            #expect(refusal?.code == .ownedByAnother)
            #expect(refusal?.message.contains("query 'ohlcv' of checkpoint 6d0c") == true)
            #expect(try LakeReader(path, files).owner == owner)
            try table.publish(try table.stage(batch: 0, rows: rows([("A", 1, 1)])))
            let changed = Schema([
                Field("symbol", .string), Field("close", .long), Field("volume", .long),
            ])
            let difference = #expect(throws: LakeError.self) {
                try LakeTable(path, files, owner: owner, schema: changed)
            }
            #expect(difference?.code == .schemaDiffers)
            #expect(
                difference?.message.contains(
                    "it has close double, now close long; it has date date; it lacks volume long; "
                        + "it is partitioned by (date), now by ()") == true)
            let same = try LakeTable(
                path, files, owner: owner, schema: Self.schema, partitionBy: ["date"])
            #expect(same.description == table.description)
        }
    }

    @Test func anEmptyTableMayChangeItsColumns() throws {
        try withTemporaryDirectory { files, directory in
            let path = try directory.appending("t")
            _ = try LakeTable(path, files, owner: owner, schema: Self.schema)
            let changed = Schema([Field("symbol", .string)])
            _ = try LakeTable(path, files, owner: owner, schema: changed)
            #expect(try files.list(path).count == 1)
            #expect(try LakeReader(path, files).read().count == 0)
        }
    }

    @Test func foreignFilesAndBadPartitioningAreRefused() throws {
        try withTemporaryDirectory { files, directory in
            let path = try directory.appending("t")
            try files.createDirectories(path)
            try files.createAtomically(try path.appending("notes.txt"), mode: .createNew, text: "x")
            func code(_ partitionBy: [String]) -> LakeError.Code? {
                #expect(throws: LakeError.self) {
                    try LakeTable(
                        path, files, owner: owner, schema: Self.schema, partitionBy: partitionBy)
                }?.code
            }
            #expect(code(["date"]) == .foreignFiles)
            #expect(code(["day"]) == .invalidPartitioning)
            #expect(code(["date", "date"]) == .invalidPartitioning)
            #expect(code(["date", "symbol", "close"]) == .invalidPartitioning)
            #expect(throws: LakeError.self) { try LakeReader(path, files) }
        }
    }

    @Test func aValueTooLongForADirectoryIsRefusedAndLeavesNothing() throws {
        try withTemporaryDirectory { files, directory in
            let path = try directory.appending("t")
            let table = try LakeTable(
                path, files, owner: owner, schema: Self.schema, partitionBy: ["symbol"])
            let long = String(repeating: "x", count: 300)
            let error = #expect(throws: LakeError.self) {
                try table.stage(batch: 0, rows: rows([("A", 1, 1), (long, 2, 2)]))
            }
            #expect(error?.code == .partitionValueTooLong)
            #expect(try LakeReader(path, files).listFiles().isEmpty)
            #expect(try !files.exists(path.appending("symbol=A")))
        }
    }

    @Test func strayFilesGoWhenTheTableIsOpened() throws {
        try withTemporaryDirectory { files, directory in
            let path = try directory.appending("t")
            func open() throws -> LakeTable {
                try LakeTable(
                    path, files, owner: owner, schema: Self.schema, partitionBy: ["symbol"])
            }
            _ = try open().stage(batch: 0, rows: rows([("A", 1, 1)]))
            #expect(try files.list(try path.appending("symbol=A")).count == 1)
            _ = try open()
            #expect(try files.list(try path.appending("symbol=A")).isEmpty)
        }
    }

    @Test func verifyNamesWhatIsDamagedMissingAndExtra() throws {
        try withTemporaryDirectory { files, directory in
            let path = try directory.appending("t")
            let table = try LakeTable(path, files, owner: owner, schema: Self.schema)
            let receipts = try (0..<4).flatMap { batch in
                try table.publish(
                    try table.stage(batch: batch, rows: rows([("A", Double(batch), 1)])))
            }
            let reader = try LakeReader(path, files)
            #expect(try reader.verify(receipts).intactFiles == 4)
            let damaged = try path.appending(receipts[1].path)
            var bytes = try files.read(damaged, maxBytes: 1 << 20)
            bytes[bytes.count / 2] ^= 1
            try files.createAtomically(damaged, mode: .replace, contents: bytes)
            try files.remove(try path.appending(receipts[2].path))
            let found = try reader.verify(Array(receipts[..<3]))
            #expect(found.damaged.map(\.path) == [receipts[1].path])
            #expect(found.missing == [receipts[2].path])
            #expect(found.extra == [receipts[3].path])
            #expect(found.intactFiles == 1)
            #expect(try reader.verify().damaged.map(\.path) == [receipts[1].path])
        }
    }

    @Test func aPartitionWithManyRowsHasSeveralFiles() throws {
        try withTemporaryDirectory { files, directory in
            let path = try directory.appending("t")
            var options = ParquetOptions()
            options.rowGroupRowsMax = 100
            let table = try LakeTable(
                path, files, owner: owner, schema: Self.schema, partitionBy: ["symbol"],
                options: options)
            let batch = rows((0..<250).map { ("A", Double($0), 1) } + [("B", 0, 1)])
            let receipts = try table.publish(try table.stage(batch: 3, rows: batch))
            #expect(receipts[3].path.hasPrefix("symbol=B/part-00000003-0003-"))
            let reader = try LakeReader(path, files)
            let counts = try reader.listFiles().map { try reader.footer(of: $0).rowCount }
            #expect(counts == [100, 100, 50, 1])
            let read = try reader.read()
            #expect(read.count == 251)
            #expect(read.rows.map { $0[0] } == batch.rows.map { $0[1] })
        }
    }

    @Test func tooManyPartitionsAreRefused() throws {
        try withTemporaryDirectory { files, directory in
            let table = try LakeTable(
                try directory.appending("t"), files, owner: owner, schema: Self.schema,
                partitionBy: ["close"])
            let batch = rows((0...LakeTable.partitionsMax).map { ("A", Double($0), 1) })
            let error = #expect(throws: LakeError.self) { try table.stage(batch: 0, rows: batch) }
            #expect(error?.code == .tooManyPartitions)
        }
    }

    @Test func aTableOfOthersIsReadWithStringsAsPartitions() throws {
        try withTemporaryDirectory { files, directory in
            let path = try directory.appending("t")
            let folder = try path.appending("day=2026-01-05")
            try files.createDirectories(folder)
            let batch = RecordBatch(Schema([Field("n", .long)]), rows: [[.long(1)], [.long(2)]])
            try files.createAtomically(
                try folder.appending("x.parquet"), mode: .createNew,
                contents: try ParquetWriter.encode(batch))
            let reader = try LakeReader(path, files)
            #expect(reader.owner == nil)
            #expect(try reader.schema().names == ["n", "day"])
            #expect(
                try reader.read().rows == [
                    [.long(1), .string("2026-01-05")], [.long(2), .string("2026-01-05")],
                ])
            #expect(try reader.listFiles().map(\.batch) == [nil])
            #expect(try reader.footer(of: try reader.listFiles()[0]).rowCount == 2)
            #expect(try LakeReader.tables(in: directory, files) == [path])
        }
    }
}
