import Columnar
import Lake
import Storage
import TestSupport
import Testing

/// Files put together while batches come: the rows stay, once, at every moment.
@Suite struct TableCompactionTests {
    private static let rule = CompactionRule(filesMin: 3, targetBytes: 1 << 20)

    /// A table that is written and compacted by turns, as an engine of one thread does it.
    private struct Work {
        let table: LakeTable
        let compaction: TableCompaction
        let time = ManualTime()

        init(_ files: any FileSystem, partitionBy: [String]) throws {
            table = try CompactionTests.open(files, partitionBy: partitionBy)
            _ = try table.make()
            compaction = TableCompaction(table, TableCompactionTests.rule, time: time)
            try compaction.begin()
        }

        /// Writes batches, each followed by what is due.
        func write(_ batches: Range<Int64>) throws -> [FileReceipt] {
            try batches.flatMap { batch in
                compaction.beginBatch()
                let receipts = try table.publish(
                    table.stage(batch: batch, rows: CompactionTests.rows(batch)), isRerun: true)
                compaction.endBatch(receipts)
                try settle(committed: batch)
                return receipts
            }
        }

        func settle(committed: Int64, retainedFrom: Int64 = 0) throws {
            while try compaction.next(committed: committed, retainedFrom: retainedFrom) != nil {}
        }
    }

    /// Rows as they are read: partition columns come behind those in the files.
    private static func expected(
        _ batches: Range<Int64>, partitionBy: [String] = ["symbol"]
    ) -> [[Value]] {
        batches.flatMap { CompactionTests.rows($0).rows }
            .map { partitionBy.isEmpty ? $0 : $0.reversed() }.sorted { "\($0)" < "\($1)" }
    }

    @Test(arguments: [["symbol"], []])
    func rowsStayAndFilesAreFew(partitionBy: [String]) throws {
        let files = SimulatedFileSystem()
        let work = try Work(files, partitionBy: partitionBy)
        var receipts: [FileReceipt] = []
        for batch in 0..<(30 as Int64) {
            receipts += try work.write(batch..<batch + 1)
            let expected = Self.expected(0..<batch + 1, partitionBy: partitionBy)
            #expect(try CompactionTests.read(files) == expected)
        }
        let reader = try LakeReader(try Path(CompactionTests.path), files)
        // Two digits of 30 in base 3 are 1, one is 0: 1010.
        #expect(try reader.listFiles().count == max(1, partitionBy.count * 2) * 2)
        #expect(try reader.verify().isIntact && reader.verify(receipts).isIntact)
        #expect(try reader.extraFiles(nil).isEmpty)
        work.compaction.close()
        #expect(try files.list(try Path("lake")).map(\.name) == ["t"])
    }

    /// A batch that may run again is left alone, and so is every other while one is prepared.
    @Test func onlyCommittedBatchesArePutTogetherAndNeverUnderAPreparedOne() throws {
        let files = SimulatedFileSystem()
        let work = try Work(files, partitionBy: ["symbol"])
        for batch in 0..<(3 as Int64) {
            work.compaction.beginBatch()
            work.compaction.endBatch(
                try work.table.publish(
                    work.table.stage(batch: batch, rows: CompactionTests.rows(batch))))
        }
        #expect(try work.compaction.next(committed: 1, retainedFrom: 0) == nil)
        work.compaction.beginBatch()
        let staged = try work.table.stage(batch: 3, rows: CompactionTests.rows(3))
        #expect(try work.compaction.next(committed: 2, retainedFrom: 0) == nil)
        // What was staged gets its names, whatever was tried meanwhile.
        work.compaction.endBatch(try work.table.publish(staged))
        try work.settle(committed: 3)
        #expect(try CompactionTests.read(files) == Self.expected(0..<4))
        #expect(try LakeReader(try Path(CompactionTests.path), files).listFiles().count == 4)
    }

    /// Who has begun to list a directory gets to its end.
    @Test func aDirectoryThatWasPutAsideStaysForAWhile() throws {
        let files = SimulatedFileSystem()
        let work = try Work(files, partitionBy: [])
        _ = try work.write(0..<3)
        let aside = try Path("lake/.tmp-compact-t/0")
        let old = try files.list(aside).filter { $0.name.hasPrefix("part-") }
        #expect(old.count == 3)
        work.time.sleep(nanos: 9_000_000_000)
        try work.settle(committed: 2)
        #expect(try files.exists(aside))
        work.time.sleep(nanos: 1_000_000_000)
        try work.settle(committed: 2)
        #expect(try !files.exists(aside))
        #expect(try CompactionTests.read(files) == Self.expected(0..<3, partitionBy: []))
    }

    @Test(arguments: [["symbol"], []])
    func rowsStayOnceAfterAnyCrash(partitionBy: [String]) throws {
        let end: Int64 = 4
        let survived = try sweepCrashes(
            seeds: 3, step: 2,
            prepare: { _ = try Work($0, partitionBy: partitionBy).write(0..<2) },
            run: { files in
                let work = try Work(files, partitionBy: partitionBy)
                _ = try work.write(2..<end)
                work.compaction.close()
            },
            recover: { files, point in
                let work = try Work(files, partitionBy: partitionBy)
                // The last batch is one that may run again.
                var missing = Self.expected(0..<end, partitionBy: partitionBy)
                for row in try CompactionTests.read(files) {
                    let place = missing.firstIndex(of: row)
                    #expect(place != nil, "\(row) is there too often, \(point)")
                    if let place { missing.remove(at: place) }
                }
                _ = try work.write(2..<end)
                work.compaction.close()
                let expected = Self.expected(0..<end, partitionBy: partitionBy)
                #expect(try CompactionTests.read(files) == expected, "\(point)")
                let reader = try LakeReader(try Path(CompactionTests.path), files)
                #expect(try reader.verify().isIntact, "\(point)")
                #expect(try reader.extraFiles(nil).isEmpty, "\(point)")
                #expect(try files.list(try Path("lake")).count == 1, "\(point)")
            })
        #expect(survived > 50)
    }

    @Test func aFaultLeavesTheFilesAsTheyWere() throws {
        let prepared = SimulatedFileSystem()
        _ = try CompactionTests.write(0..<3, prepared)
        let first = prepared.operations
        try Work(prepared, partitionBy: ["symbol"]).settle(committed: 2)
        let count = prepared.operations - first
        for fault in [StorageError.Code.noSpace, .inputOutput] {
            for operation in 0..<count {
                let files = SimulatedFileSystem()
                _ = try CompactionTests.write(0..<3, files)
                files.plan(.failure(fault), at: files.operations + operation)
                do {
                    let work = try Work(files, partitionBy: ["symbol"])
                    try work.settle(committed: 2)
                    work.compaction.close()
                } catch {}
                #expect(try CompactionTests.read(files) == Self.expected(0..<3), "\(operation)")
                // The next one comes to its end.
                let again = files.restarted(.syncedOnly)
                let work = try Work(again, partitionBy: ["symbol"])
                try work.settle(committed: 2)
                #expect(try CompactionTests.read(again) == Self.expected(0..<3), "\(operation)")
                #expect(
                    try LakeReader(try Path(CompactionTests.path), again).listFiles().count == 2)
            }
        }
    }

    // MARK: Delta tables

    @Test func aDeltaTableIsCompactedBesideItsBatches() throws {
        let files = SimulatedFileSystem()
        let table = try DeltaTableTests.open(files)
        var receipts: [FileReceipt] = []
        for batch in 0..<(20 as Int64) {
            receipts += try DeltaTableTests.write(batch..<batch + 1, table)
            while try table.compactNext(Self.rule, timestampMs: 2_000_000 + batch) != nil {}
            #expect(try DeltaTableTests.read(files) == DeltaTableTests.expected(batch + 1))
        }
        let reader = try LakeReader(try Path(DeltaTableTests.path), files)
        // 20 is 202 in base 3.
        #expect(try reader.listFiles().count == 2 * 4)
        #expect(try reader.verify().isIntact && reader.verify(receipts).isIntact)
        // One that is opened anew knows every batch.
        #expect(try DeltaTableTests.write(0..<20, DeltaTableTests.open(files)) == receipts)
    }

    @Test func aDeltaTableIsWholeAfterAnyCrash() throws {
        func write(_ files: SimulatedFileSystem) throws {
            let table = try DeltaTableTests.open(files)
            for batch in 0..<(4 as Int64) {
                _ = try DeltaTableTests.write(batch..<batch + 1, table)
                while try table.compactNext(Self.rule, timestampMs: 2_000_000) != nil {}
            }
        }
        try sweepCrashes(
            seeds: 2, step: 2, run: { try write($0) },
            recover: { files, point in
                try write(files)
                #expect(try DeltaTableTests.read(files) == DeltaTableTests.expected(4), "\(point)")
                let reader = try LakeReader(try Path(DeltaTableTests.path), files)
                #expect(try reader.listFiles().count == 4, "\(point)")
                #expect(try reader.verify().isIntact, "\(point)")
            })
    }
}
