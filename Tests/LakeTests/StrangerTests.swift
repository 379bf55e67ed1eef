import Columnar
import Lake
import Storage
import TestSupport
import Testing

/// What is not the table's, or not where it was put, is told from what is.
@Suite struct StrangerTests {
    private func plainTable(_ files: any FileSystem, _ path: Path) throws -> [FileReceipt] {
        let table = try LakeTable(
            path, files, owner: DeltaTableTests.owner, schema: DeltaTableTests.schema,
            partitionBy: ["symbol"])
        return try (0..<3).flatMap { batch in
            try table.publish(table.stage(batch: batch, rows: DeltaTableTests.rows(batch)))
        }
    }

    private func reasons(
        _ files: any FileSystem, _ path: Path, _ published: PublishedBatches?
    ) throws -> [String: String] {
        let found = try LakeReader(path, files).extraFiles(published)
        return Dictionary(uniqueKeysWithValues: found.map { ($0.path, $0.reason) })
    }

    @Test func filesThatNobodyPublishedAreExtra() throws {
        let files = SimulatedFileSystem()
        let path = try Path("lake/t")
        let receipts = try plainTable(files, path)
        func published(from: Int64, to last: Int64, open: Int64? = nil) -> PublishedBatches {
            PublishedBatches(
                receipts: receipts.filter { !$0.path.contains("part-00000000") || from == 0 },
                knownFrom: from, last: last, open: open)
        }
        #expect(try reasons(files, path, published(from: 0, to: 2)).isEmpty)
        #expect(try reasons(files, path, published(from: 1, to: 2)).isEmpty)
        #expect(try reasons(files, path, nil).isEmpty)
        let bytes = try files.read(path.joining(relative: receipts[0].path), maxBytes: 1 << 20)
        let names = [
            "symbol=A/copy.parquet", "symbol=A/part-00000001-0077-0123abcd.zstd.parquet",
            "symbol=A/part-00000009-0000-0123abcd.zstd.parquet", "symbol=A/notes",
            "symbol=B/part-00000000-0000-0123abcd.zstd.parquet",
        ]
        for name in names {
            try files.createAtomically(
                path.joining(relative: name), mode: .createNew, contents: bytes)
        }
        #expect(try reasons(files, path, published(from: 0, to: 2)).keys.sorted() == names.sorted())
        let old = try reasons(files, path, published(from: 1, to: 2))
        #expect(
            old["symbol=B/part-00000000-0000-0123abcd.zstd.parquet"]?.contains("number") == true)
        let ahead = try reasons(files, path, published(from: 0, to: 2, open: 9))
        #expect(ahead["symbol=A/part-00000009-0000-0123abcd.zstd.parquet"] == nil)
    }

    @Test func aDirectorySaysWhoseItIsHoweverDamagedItIs() throws {
        let files = SimulatedFileSystem()
        let (plain, delta) = (try Path("lake/p"), try Path(DeltaTableTests.path))
        _ = try plainTable(files, plain)
        _ = try DeltaTableTests.write(0..<3, DeltaTableTests.open(files))
        let newest = try delta.joining(relative: "_delta_log/00000000000000000003.json")
        try files.createAtomically(newest, mode: .replace, text: "torn")
        #expect(throws: LakeError.self) { try LakeReader(delta, files) }
        for path in [plain, delta] {
            let claim = try TableClaim(of: path, files)
            #expect(claim == .owner(DeltaTableTests.owner))
            #expect(claim.isOne(ofCheckpoints: ["5d0f3a9c"], queries: []))
            #expect(!claim.isOne(ofCheckpoints: ["another"], queries: ["q"]))
        }
        #expect(try TableClaim(of: Path("lake"), files) == .nobody)
    }

    @Test func anOwnerThatIsTooLongForANameIsKnownByItsHash() throws {
        let files = SimulatedFileSystem()
        let path = try Path("lake/long")
        let owner = TableOwner(
            checkpointID: "5d0f3a9c", query: String(repeating: "query", count: 60))
        _ = try LakeTable(path, files, owner: owner, schema: DeltaTableTests.schema)
        let claim = try TableClaim(of: path, files)
        #expect(claim.isOne(ofCheckpoints: ["x", "5d0f3a9c"], queries: ["q", owner.query]))
        #expect(!claim.isOne(ofCheckpoints: ["5d0f3a9c"], queries: ["q"]))
    }

    @Test(arguments: 0..<13)
    func anEntryInAnothersPlaceIsRefused(from: Int) throws {
        let files = SimulatedFileSystem()
        _ = try DeltaTableTests.write(0..<12, DeltaTableTests.open(files))
        let log = try Path("\(DeltaTableTests.path)/_delta_log")
        func entry(_ version: Int) throws -> Path {
            let digits = String(version)
            return try log.appending(
                String(repeating: "0", count: 20 - digits.utf8.count) + digits + ".json")
        }
        let copied = try files.read(entry(from), maxBytes: 1 << 20)
        for place in 0..<13 where place != from {
            let path = try entry(place)
            let whole = try files.read(path, maxBytes: 1 << 20)
            let receipt = FileReceipt(
                path: "_delta_log/\(path.name)", bytes: Int64(whole.count),
                xxh3: Checksum.xxh3(whole))
            try files.createAtomically(path, mode: .replace, contents: copied)
            #expect(throws: LakeError.self, "\(from) in the place of \(place)") {
                // The newest may be followed by nothing: there its receipt tells.
                try DeltaTableTests.open(files).check([receipt])
            }
            try files.createAtomically(path, mode: .replace, contents: whole)
        }
        #expect(try DeltaTableTests.read(files) == DeltaTableTests.expected(12))
    }

    @Test func checkpointsOfALogAreComparedWithItsEntries() throws {
        let files = SimulatedFileSystem()
        _ = try DeltaTableTests.write(0..<22, DeltaTableTests.open(files))
        let table = try Path(DeltaTableTests.path)
        #expect(try LakeReader(table, files).verify().isIntact)
        let log = try table.appending("_delta_log")
        let (ten, twenty) = (
            try log.appending("00000000000000000010.checkpoint.parquet"),
            try log.appending("00000000000000000020.checkpoint.parquet")
        )
        let whole = try files.read(twenty, maxBytes: 1 << 20)
        for bytes in [
            try files.read(ten, maxBytes: 1 << 20), Array(whole.prefix(100)), [],
        ] as [[UInt8]] {
            try files.createAtomically(twenty, mode: .replace, contents: bytes)
            let damaged = try LakeReader(table, files).verify().damaged.map(\.path)
            #expect(damaged.contains("_delta_log/\(twenty.name)"))
        }
        try files.createAtomically(twenty, mode: .replace, contents: whole)
        // The entries that a checkpoint speaks of must be there.
        for version in ["20", "21", "22"] {
            try files.remove(log.appending("000000000000000000\(version).json"))
        }
        #expect(throws: LakeError.self) { try LakeReader(table, files) }
    }
}
