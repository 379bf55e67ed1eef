import Columnar
import Lake
import Storage
import TestSupport
import Testing

/// Small files put together: the rows stay, whatever happens on the way.
@Suite struct CompactionTests {
    static let schema = CrashTests.schema
    static let owner = CrashTests.owner
    static let path = "lake/t"

    static func rows(_ batch: Int64) -> RecordBatch { CrashTests.rows(batch) }

    static func open(
        _ files: any FileSystem, partitionBy: [String] = ["symbol"]
    ) throws -> LakeTable {
        try LakeTable(
            try Path(path), files, owner: owner, schema: schema, partitionBy: partitionBy)
    }

    static func write(
        _ batches: Range<Int64>, _ files: any FileSystem, partitionBy: [String] = ["symbol"]
    ) throws -> [FileReceipt] {
        let table = try open(files, partitionBy: partitionBy)
        return try batches.flatMap { batch in
            try table.publish(try table.stage(batch: batch, rows: rows(batch)), isRerun: true)
        }
    }

    static func compact(
        _ files: any FileSystem, retainedFrom: Int64 = 0, target: Int64 = 1 << 20,
        isDryRun: Bool = false
    ) throws -> CompactionReport {
        try LakeTable.compact(
            try Path(path), files, targetBytes: target, retainedFrom: retainedFrom,
            isDryRun: isDryRun)
    }

    static func read(_ files: any FileSystem) throws -> [[Value]] {
        try LakeReader(try Path(path), files).read().rows.sorted { "\($0)" < "\($1)" }
    }

    @Test(arguments: [["symbol"], []])
    func rowsStayAndReceiptsHold(partitionBy: [String]) throws {
        let files = SimulatedFileSystem()
        let receipts = try Self.write(0..<5, files, partitionBy: partitionBy)
        let before = try Self.read(files)
        let plan = try Self.compact(files, isDryRun: true)
        #expect(plan.filesBefore == receipts.count && plan.bytesAfter == 0)
        let report = try Self.compact(files)
        #expect(report.filesAfter == max(1, partitionBy.count * 2) && report.rows == before.count)
        let reader = try LakeReader(try Path(Self.path), files)
        #expect(try reader.listFiles().count == report.filesAfter)
        #expect(try reader.listFiles().allSatisfy { $0.batch == 4 })
        let after = try Self.read(files)
        #expect(after == before)
        #expect(try reader.verify().isIntact && reader.verify(receipts).isIntact)
        #expect(try Self.compact(files) == CompactionReport())
        #expect(reader.owner == Self.owner)
    }

    @Test func aBatchThatRunsAgainDoublesNothing() throws {
        let files = SimulatedFileSystem()
        let receipts = try Self.write(0..<5, files)
        let before = try Self.read(files)
        _ = try Self.compact(files)
        let again = try Self.write(0..<5, files)
        #expect(again == receipts)
        let after = try Self.read(files)
        #expect(after == before)
        // Rows that were others cannot be put beside the compacted ones.
        let table = try Self.open(files)
        let other = try table.stage(batch: 3, rows: Self.rows(99))
        let error = #expect(throws: LakeError.self) { try table.publish(other, isRerun: true) }
        #expect(error?.code == .compactedBatchDiffers)
        // Later batches go on, and are compacted with what was.
        let later = try Self.write(5..<7, files)
        let report = try Self.compact(files, retainedFrom: 4)
        #expect(report.rows == 7 * 3)
        let verification = try LakeReader(try Path(Self.path), files).verify(
            (receipts + later).filter { !$0.path.contains("part-00000003") }.suffix(6))
        #expect(verification.isIntact)
    }

    @Test func filesOfTheTargetSizeStayAlone() throws {
        let files = SimulatedFileSystem()
        _ = try Self.write(0..<4, files)
        #expect(try Self.compact(files, target: 1).filesBefore == 0)
        // Just above the largest, two fill a file.
        let sizes = try LakeReader(try Path(Self.path), files).listFiles().map(\.bytes)
        let target = try #require(sizes.max()) + 1
        #expect(try Self.compact(files, target: target, isDryRun: true).filesAfter == 4)
    }

    @Test func aDamagedFileStopsTheCompaction() throws {
        let files = SimulatedFileSystem()
        let receipts = try Self.write(0..<3, files)
        let victim = try Path(Self.path).joining(relative: receipts[0].path)
        var bytes = try files.read(victim, maxBytes: 1 << 20)
        bytes[10] ^= 1
        try files.createAtomically(victim, mode: .replace, contents: bytes)
        #expect(throws: LakeError.self) { try Self.compact(files) }
        #expect(try LakeReader(try Path(Self.path), files).listFiles().count == receipts.count)
    }

    @Test(arguments: [["symbol"], []])
    func rowsStayAfterAnyCrash(partitionBy: [String]) throws {
        let prepared = SimulatedFileSystem()
        let receipts = try Self.write(0..<3, prepared, partitionBy: partitionBy)
        let expected = try Self.read(prepared)
        try sweepCrashes(
            seeds: 2, prepare: { _ = try Self.write(0..<3, $0, partitionBy: partitionBy) },
            run: { _ = try Self.compact($0) },
            recover: { files, point in
                #expect(try Self.read(files) == expected, "\(point)")
                _ = try Self.write(2..<3, files, partitionBy: partitionBy)
                _ = try Self.compact(files)
                #expect(try Self.read(files) == expected, "\(point)")
                let reader = try LakeReader(try Path(Self.path), files)
                #expect(try reader.listFiles().count == max(1, partitionBy.count * 2), "\(point)")
                #expect(try reader.verify(receipts).isIntact, "\(point)")
                #expect(try files.list(try Path("lake")).count == 1, "\(point)")
            })
    }

    // MARK: Delta tables

    static func compactDelta(_ files: any FileSystem) throws -> CompactionReport {
        try DeltaTable.compact(
            try Path(DeltaTableTests.path), files, targetBytes: 1 << 20, timestampMs: 2_000_000,
            isDryRun: false)
    }

    @Test func aDeltaTableIsCompactedInOneCommit() throws {
        let files = SimulatedFileSystem()
        let table = try DeltaTableTests.open(files)
        let receipts = try DeltaTableTests.write(0..<8, table)
        let report = try Self.compactDelta(files)
        #expect(report.version == 9 && report.filesBefore == 16 && report.filesAfter == 2)
        for version in 0...9 as ClosedRange<Int64> {
            let rows = try DeltaTableTests.read(files, version: version)
            #expect(rows == DeltaTableTests.expected(min(version, 8)))
        }
        let reader = try LakeReader(try Path(DeltaTableTests.path), files)
        #expect(try reader.verify().isIntact && reader.verify(receipts).isIntact)
        // The open table follows, and so does one that is opened anew.
        let again = try DeltaTableTests.write(0..<10, table)
        #expect(Array(again.prefix(receipts.count)) == receipts)
        #expect(try DeltaTableTests.read(files) == DeltaTableTests.expected(10))
        #expect(try DeltaTableTests.write(0..<10, DeltaTableTests.open(files)) == again)
        #expect(try Self.compactDelta(files).filesBefore == 6)
    }

    @Test func aCompactedDeltaTableIsWholeAfterAnyCrash() throws {
        try sweepCrashes(
            seeds: 1,
            prepare: { _ = try DeltaTableTests.write(0..<3, try DeltaTableTests.open($0)) },
            run: { _ = try Self.compactDelta($0) },
            recover: { files, point in
                #expect(try DeltaTableTests.read(files) == DeltaTableTests.expected(3), "\(point)")
                _ = try Self.compactDelta(files)
                let reader = try LakeReader(try Path(DeltaTableTests.path), files)
                #expect(try reader.listFiles().count == 2, "\(point)")
                #expect(try reader.verify().isIntact, "\(point)")
                #expect(try DeltaTableTests.read(files) == DeltaTableTests.expected(3), "\(point)")
            })
    }
}
