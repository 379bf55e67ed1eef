import Columnar
import JSON
import Lake
import Storage
import TestSupport
import Testing

/// A Delta table's life: commits, reruns, refusals, damage, crashes.
@Suite struct DeltaTableTests {
    static let schema = Schema([Field("symbol", .string), Field("n", .long)])
    static let owner = TableOwner(checkpointID: "5d0f3a9c", query: "q")
    static let path = "lake/t"

    static func rows(_ batch: Int64) -> RecordBatch {
        RecordBatch(
            schema,
            rows: ["A", "B"].map { [.string($0), .long(batch)] } + [[.string("A"), .long(-batch)]])
    }

    static func open(
        _ files: any FileSystem, owner: TableOwner = owner, schema: Schema = schema,
        partitionBy: [String] = ["symbol"], layout: TableDescription.Layout = .partitioned
    ) throws -> DeltaTable {
        try DeltaTable(
            try Path(path), files, owner: owner, schema: schema, partitionBy: partitionBy,
            layout: layout)
    }

    /// Writes batches; each has its own time.
    static func write(_ batches: Range<Int64>, _ table: DeltaTable) throws -> [FileReceipt] {
        try batches.flatMap { batch in
            try table.write(batch: batch, rows: rows(batch), timestampMs: 1_000_000 + batch)
        }
    }

    static func read(_ files: any FileSystem, version: Int64? = nil) throws -> [[Value]] {
        try LakeReader(try Path(path), files, version: version).read().rows
            .sorted { "\($0)" < "\($1)" }
    }

    /// What the table holds after the batches before `end`.
    static func expected(_ end: Int64) -> [[Value]] {
        (0..<end).flatMap { rows($0).rows }.sorted { "\($0)" < "\($1)" }
    }

    static func logBytes(_ files: any FileSystem) throws -> [String: [UInt8]] {
        let log = try Path("\(path)/_delta_log")
        return try files.list(log).reduce(into: [:]) { found, entry in
            found[entry.name] = try files.read(try log.appending(entry.name), maxBytes: 1 << 20)
        }
    }

    // MARK: Commits

    @Test func everyVersionIsTheStateAfterItsBatch() throws {
        let files = SimulatedFileSystem()
        _ = try Self.write(0..<12, try Self.open(files))
        for version in 0...12 as ClosedRange<Int64> {
            #expect(try Self.read(files, version: version) == Self.expected(version))
        }
        #expect(throws: LakeError.self) { try Self.read(files, version: 13) }
    }

    @Test func aBatchThatIsThereIsNotWrittenAgain() throws {
        let files = SimulatedFileSystem()
        let first = try Self.write(0..<11, try Self.open(files))
        let log = try Self.logBytes(files)
        let again = try Self.write(0..<11, try Self.open(files))
        #expect(again == first)
        #expect(try Self.logBytes(files) == log)
        // Other rows of a batch that is there are not added either: it is committed.
        let table = try Self.open(files)
        _ = try table.write(batch: 4, rows: Self.rows(99), timestampMs: 0)
        #expect(try Self.read(files) == Self.expected(11))
    }

    @Test func aBatchWithoutRowsIsNoCommit() throws {
        let files = SimulatedFileSystem()
        let table = try Self.open(files)
        let empty = RecordBatch(empty: Self.schema)
        #expect(try table.write(batch: 0, rows: empty, timestampMs: 0).isEmpty)
        #expect(try LakeReader(try Path(Self.path), files).version == 0)
        _ = try table.write(batch: 1, rows: Self.rows(1), timestampMs: 0)
        #expect(try LakeReader(try Path(Self.path), files).version == 1)
    }

    @Test func theSameBatchesMakeTheSameLog() throws {
        let (one, other) = (SimulatedFileSystem(), SimulatedFileSystem())
        _ = try Self.write(0..<11, try Self.open(one))
        for batch in 0..<11 as Range<Int64> {
            _ = try Self.write(batch..<batch + 1, try Self.open(other))
        }
        #expect(try Self.logBytes(one) == Self.logBytes(other))
    }

    @Test func aReplacedTableHasTheNewestRows() throws {
        let files = SimulatedFileSystem()
        let table = try Self.open(files, layout: .replaced)
        for batch in 0..<3 as Range<Int64> {
            _ = try table.write(batch: batch, rows: Self.rows(batch), timestampMs: batch)
            let sorted = Self.rows(batch).rows.sorted { "\($0)" < "\($1)" }
            #expect(try Self.read(files) == sorted)
            #expect(try Self.read(files, version: batch + 1) == sorted)
        }
        _ = try table.write(batch: 3, rows: RecordBatch(empty: Self.schema), timestampMs: 3)
        #expect(try Self.read(files).isEmpty)
    }

    @Test func anUpsertKeepsTheLastRowOfEachKey() throws {
        let files = SimulatedFileSystem()
        let table = try Self.open(files, partitionBy: [], layout: .replaced)
        func put(_ batch: Int64, _ rows: [[Value]]) throws {
            _ = try table.write(
                batch: batch, rows: RecordBatch(Self.schema, rows: rows), keys: ["symbol"],
                timestampMs: 0)
        }
        try put(0, [[.string("B"), .long(1)], [.string("A"), .long(2)], [.null, .long(3)]])
        try put(
            1, [[.string("A"), .long(4)], [.string("C"), .long(5)], [.string("A"), .long(6)]])
        let expected: [[Value]] = [
            [.null, .long(3)], [.string("A"), .long(6)], [.string("B"), .long(1)],
            [.string("C"), .long(5)],
        ]
        #expect(try LakeReader(try Path(Self.path), files).read().rows == expected)
    }

    // MARK: Refusals

    private func refusal(_ work: () throws -> Void) -> LakeError.Code? {
        do {
            try work()
            return nil
        } catch { return (error as? LakeError)?.code }
    }

    @Test func anotherOwnersTableIsRefused() throws {
        let files = SimulatedFileSystem()
        _ = try Self.open(files)
        for owner in [
            TableOwner(checkpointID: "other", query: "q"),
            TableOwner(checkpointID: Self.owner.checkpointID, query: "p"),
        ] {
            let code1 = refusal { _ = try Self.open(files, owner: owner) }
            #expect(code1 == .ownedByAnother)
        }
    }

    @Test func aTableOfOtherColumnsIsRefused() throws {
        let files = SimulatedFileSystem()
        _ = try Self.write(0..<1, try Self.open(files))
        let others: [(Schema, [String], TableDescription.Layout)] = [
            (Schema([Field("symbol", .string), Field("n", .int)]), ["symbol"], .partitioned),
            (Schema([Field("symbol", .string), Field("N", .long)]), ["symbol"], .partitioned),
            (Self.schema, [], .partitioned), (Self.schema, ["symbol"], .replaced),
        ]
        for (schema, partitionBy, layout) in others {
            let code = refusal {
                _ = try Self.open(files, schema: schema, partitionBy: partitionBy, layout: layout)
            }
            #expect(code == .schemaDiffers)
        }
        for name in ["a b", "a,b", "a=b", "a\n"] {
            let schema = Schema([Field(name, .long)])
            let code = refusal { _ = try Self.open(files, schema: schema, partitionBy: []) }
            #expect(code == .schemaDiffers)
        }
    }

    @Test func filesOfOthersAreRefused() throws {
        let files = SimulatedFileSystem()
        try files.createDirectories(try Path(Self.path))
        try files.createAtomically(
            try Path("\(Self.path)/mine.parquet"), mode: .createNew, text: "x")
        let code2 = refusal { _ = try Self.open(files) }
        #expect(code2 == .foreignFiles)
        let plain = SimulatedFileSystem()
        _ = try LakeTable(try Path(Self.path), plain, owner: Self.owner, schema: Self.schema)
        let code3 = refusal { _ = try Self.open(plain) }
        #expect(code3 == .ownedByAnother)
    }

    /// Appends a commit that another tool would write.
    private func commit(
        _ lines: [String], version: Int64, _ files: any FileSystem
    ) throws {
        let digits = String(version)
        let name = String(repeating: "0", count: 20 - digits.count) + digits + ".json"
        try files.createAtomically(
            try Path("\(Self.path)/_delta_log/\(name)"), mode: .createNew,
            text: lines.joined(separator: "\n"))
    }

    @Test(arguments: [
        (
            #"{"protocol":{"minReaderVersion":1,"minWriterVersion":7}}"#,
            LakeError.Code.unsupportedTable
        ),
        (
            #"{"protocol":{"minReaderVersion":3,"minWriterVersion":7,"readerFeatures":["x"]}}"#,
            .unsupportedTable
        ),
        (
            #"{"add":{"path":"x.parquet","partitionValues":{"symbol":"A"},"size":1,"#
                + #""modificationTime":1,"dataChange":true}}"#, .changedByAnother
        ),
        (
            #"{"remove":{"path":"x.parquet","deletionTimestamp":1,"dataChange":true}}"#,
            .changedByAnother
        ),
        (
            #"{"add":{"path":"../x.parquet","partitionValues":{},"size":1,"modificationTime":1,"#
                + #""dataChange":false,"deletionVector":{"storageType":"u"}}}"#, .unsupportedTable
        ),
        (
            #"{"add":{"path":"file:///etc/passwd","partitionValues":{},"size":1,"#
                + #""modificationTime":1,"dataChange":false}}"#, .unsupportedTable
        ),
        (#"{"add":{"path":"x"}}"#, .damagedLog), (#"{"add":5}"#, .damagedLog), ("{", .damagedLog),
        ("[]", .damagedLog), ("", .damagedLog),
    ])
    func aCommitOfAnotherThatChangesTheTableIsRefused(
        line: String, code: LakeError.Code
    ) throws {
        let files = SimulatedFileSystem()
        let table = try Self.open(files)
        _ = try Self.write(0..<2, table)
        try commit([line], version: 3, files)
        let code4 = refusal { _ = try Self.write(2..<3, table) }
        #expect(code4 == code)
        let code5 = refusal { _ = try Self.open(files) }
        #expect(code5 == code)
    }

    @Test func aCommitOfAnotherThatChangesNothingIsFollowed() throws {
        let files = SimulatedFileSystem()
        let table = try Self.open(files)
        _ = try Self.write(0..<2, table)
        try commit(
            [
                #"{"commitInfo":{"operation":"VACUUM END"}}"#,
                #"{"txn":{"appId":"x","version":9}}"#,
            ], version: 3, files)
        _ = try Self.write(2..<3, table)
        #expect(try Self.read(files) == Self.expected(3))
        #expect(try LakeReader(try Path(Self.path), files).version == 4)
    }

    @Test func aPathThatLeavesTheTableIsNotRead() throws {
        let files = SimulatedFileSystem()
        _ = try Self.open(files)
        try commit(
            [
                #"{"add":{"path":"..%2F..%2Fsecret.parquet","partitionValues":{"symbol":"A"},"#
                    + #""size":1,"modificationTime":1,"dataChange":false}}"#
            ], version: 1, files)
        let error = #expect(throws: LakeError.self) { try Self.read(files) }
        #expect(error?.storage?.code == .invalidName)
    }

    // MARK: Damage

    @Test func everyCutAndAFlippedBitInEveryByteOfAnEntryAreFound() throws {
        let files = SimulatedFileSystem()
        _ = try Self.write(0..<2, try Self.open(files))
        let entry = try Path("\(Self.path)/_delta_log/00000000000000000001.json")
        let whole = try files.read(entry, maxBytes: 1 << 20)
        func code(_ bytes: [UInt8]) throws -> LakeError.Code? {
            try files.createAtomically(entry, mode: .replace, contents: bytes)
            return refusal { _ = try Self.open(files) }
        }
        for length in 0..<whole.count {
            let found = try code(Array(whole[..<length]))
            #expect(found == .damagedLog, "\(length)")
        }
        for index in whole.indices {
            var bytes = whole
            bytes[index] ^= 1 << UInt8(index % 8)
            let found = try code(bytes)
            #expect(
                [.damagedLog, .changedByAnother, .unsupportedTable].contains(found),
                "\(index): \(String(describing: found))")
        }
        let intact = try code(whole)
        #expect(intact == nil)
        try files.remove(entry)
        let code6 = refusal { _ = try Self.open(files) }
        #expect(code6 == .damagedLog)
    }

    @Test func verifyFindsWhatIsWrongWithFiles() throws {
        let files = SimulatedFileSystem()
        let receipts = try Self.write(0..<3, try Self.open(files))
        func result() throws -> [LakeVerification] {
            let reader = try LakeReader(try Path(Self.path), files)
            return [try reader.verify(), try reader.verify(receipts)]
        }
        #expect(try result().map(\.isIntact) == [true, true])
        #expect(try result().map(\.intactFiles) == [6, 9])
        let file = try Path(Self.path).joining(relative: receipts[0].path)
        var bytes = try files.read(file, maxBytes: 1 << 20)
        bytes[bytes.count / 2] ^= 1
        try files.createAtomically(file, mode: .replace, contents: bytes)
        #expect(try result().map(\.damaged.count) == [1, 1])
        try files.remove(file)
        #expect(try result().map(\.missing) == [[receipts[0].path], [receipts[0].path]])
    }

    // MARK: Crashes

    @Test func everyBatchIsThereOnceAfterAnyCrash() throws {
        let last: Int64 = 11
        let undisturbed = SimulatedFileSystem()
        let receipts = try Self.write(0..<last, try Self.open(undisturbed))
        let log = try Self.logBytes(undisturbed)
        let survived = try sweepCrashes(
            seeds: 1, step: TestSlice.step(4),
            prepare: { _ = try Self.write(0..<9, try Self.open($0)) },
            run: { _ = try Self.write(9..<last, try Self.open($0)) },
            recover: { files, point in
                let found = try LakeReader(try Path(Self.path), files)
                let version = try #require(found.version)
                #expect(try Self.read(files) == Self.expected(version), "\(point)")
                #expect(try found.verify().isIntact, "\(point)")
                #expect(try Self.write(0..<last, try Self.open(files)) == receipts, "\(point)")
                #expect(try Self.logBytes(files) == log, "\(point)")
            })
        #expect(survived > 150 / TestSlice.step(4))
    }

    @Test func aTableIsMadeWholeAfterAnyCrash() throws {
        for layout in [TableDescription.Layout.partitioned, .replaced] {
            func run(_ files: SimulatedFileSystem) throws -> [FileReceipt] {
                try Self.write(0..<2, try Self.open(files, layout: layout))
            }
            let receipts = try run(SimulatedFileSystem())
            try sweepCrashes(
                seeds: 2, run: { _ = try run($0) },
                recover: { files, point in
                    let again = try run(files)
                    #expect(again == receipts, "\(point)")
                })
        }
    }

    @Test func everyOperationMayFailOnce() throws {
        let undisturbed = SimulatedFileSystem()
        let receipts = try Self.write(0..<3, try Self.open(undisturbed))
        let count = undisturbed.operations
        for code in [StorageError.Code.noSpace, .inputOutput] {
            for operation in 0..<count {
                let files = SimulatedFileSystem()
                files.plan(.failure(code), at: operation)
                do { _ = try Self.write(0..<3, try Self.open(files)) } catch {}
                let again = try Self.write(0..<3, try Self.open(files))
                #expect(again == receipts, "\(code) at \(operation)")
                #expect(try Self.read(files) == Self.expected(3), "\(code) at \(operation)")
            }
        }
    }
}
