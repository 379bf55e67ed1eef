import Columnar
import KeyedState
import Storage
import TestSupport
import Testing

/// A state with a string and a timestamp key and columns of every layout, changed at random.
private struct RandomState {
    let table: GroupTable
    private var random: SeededGenerator

    init(seed: UInt64) {
        table = Self.emptyTable()
        random = SeededGenerator(seed: seed)
    }

    static func emptyTable() -> GroupTable {
        GroupTable(
            keys: [Field("symbol", .string), Field("window.start", .timestamp, isNullable: false)],
            state: [
                Field("agg0.count", .long, isNullable: false), Field("agg1.sum", .double),
                Field("agg2.sum", .decimal(precision: 38, scale: 4)), Field("agg3.value", .string),
                Field("agg4.value", .boolean), Field("agg5.value", .date),
            ],
            sortOrder: [1, 0], rowsMax: 10_000)
    }

    /// Changes the state as a batch would.
    mutating func runBatch(_ batch: Int) throws {
        for _ in 0..<Int.random(in: 0..<30, using: &random) {
            let symbol = Int.random(in: 0..<6, using: &random)
            let key = Column(.string, [symbol == 0 ? .null : .string("s\(symbol)")])
            table.encodeKey([key], row: 0)
            table.setKey(1, to: Int64.random(in: 0..<4, using: &random) * 60)
            let slot = Int(try table.findOrInsert().slot)
            let columns = table.columns
            unsafe columns[0].pointer(as: Int64.self)[slot] += 1
            unsafe columns[1].pointer(as: Double.self)[slot] += .random(in: -1...1, using: &random)
            unsafe columns[1].valid[slot] = 1
            unsafe columns[2].pointer(as: Int128.self)[slot] -= 1 << 90
            unsafe columns[2].valid[slot] = UInt8.random(in: 0...1, using: &random)
            var text = "batch \(batch)"
            unsafe columns[3].pointer(as: Int32.self)[slot] = text.withUTF8 {
                unsafe table.strings.intern(UnsafeRawBufferPointer($0))
            }
            unsafe columns[3].valid[slot] = UInt8.random(in: 0...1, using: &random)
            unsafe columns[4].pointer(as: UInt8.self)[slot] = 1
            unsafe columns[4].valid[slot] = UInt8.random(in: 0...1, using: &random)
            unsafe columns[5].pointer(as: Int32.self)[slot] = Int32(batch)
            unsafe columns[5].valid[slot] = 1
        }
        for slot in table.sorted(table.liveSlots) where Int.random(in: 0..<8, using: &random) == 0 {
            table.remove([slot])
        }
        if batch % 3 == 1 {
            // What is complete goes together, as windows do that a watermark closes.
            let counts = unsafe table.columns[0].pointer(as: Int64.self)
            table.remove(
                table.sorted(table.liveSlots).filter { unsafe counts[Int($0)] <= 1 }, upTo: 1)
        }
        // A group may also move to another key, as a session does whose start moves.
        if let slot = table.sorted(table.liveSlots).first {
            table.rekey(slot, 1, to: Int64(batch) * -60 - 60)
        }
    }
}

@Suite struct StateStoreTests {
    private func store(_ files: some FileSystem, _ directory: Path) -> StateStore {
        StateStore(
            directory: directory, fileSystem: files, fingerprint: "f", snapshotIntervalBatches: 5)
    }

    /// Runs batches; gives each batch's receipts and the state after it as rows.
    private func run(
        _ store: StateStore, _ files: some FileSystem, batches: Int
    ) throws -> (receipts: [Int64: [FileReceipt]], snapshots: [[[Value]]]) {
        var state = RandomState(seed: 7)
        var receipts: [Int64: [FileReceipt]] = [:]
        var snapshots: [[[Value]]] = []
        try store.prepare()
        for batch in 0..<batches {
            try state.runBatch(batch)
            let staged = try store.stage(
                store.takeChanges(of: state.table, batch: Int64(batch)))
            _ = try files.publish(staged.files)
            receipts[Int64(batch)] = staged.receipts
            snapshots.append(try state.table.snapshot().rows)
        }
        return (receipts, snapshots)
    }

    @Test func everyVersionIsRestored() throws {
        let files = SimulatedFileSystem()
        let store = store(files, try Path("/state/q"))
        let (receipts, snapshots) = try run(store, files, batches: 17)
        for version in 0...17 {
            let table = RandomState.emptyTable()
            let restored = try store.restore(table, toVersion: Int64(version)) { receipts[$0] }
            #expect(try table.snapshot().rows == (version == 0 ? [] : snapshots[version - 1]))
            #expect(restored.deltas == version % 5)
            #expect(restored.snapshotBatch == (version < 5 ? nil : Int64(version / 5 * 5 - 1)))
        }
    }

    /// Files of the format before are read; those of one to come, and bounds that are none, are not.
    @Test(
        arguments: [
            ("1", nil, nil), ("3", nil, .fileMismatch), ("2", "soon", .fileCorrupt),
        ] as [(String, String?, KeyedStateError.Code?)])
    func formatsAreTold(format: String, bound: String?, fault: KeyedStateError.Code?) throws {
        let files = SimulatedFileSystem()
        let directory = try Path("/state/q")
        let store = store(files, directory)
        let (receipts, snapshots) = try run(store, files, batches: 1)
        let path = try directory.appending("0.delta")
        var reader = try ArrowStreamReader(Buffer(copying: files.read(path, maxBytes: 1 << 20)))
        var metadata = reader.metadata.map {
            $0.key == "streamer.state.format" ? ArrowMetadataEntry($0.key, format) : $0
        }
        if let bound { metadata.append(ArrowMetadataEntry("streamer.state.removedUpTo", bound)) }
        let bytes = ArrowStreamWriter(reader.schema).encodeStream(
            try reader.readAll(), metadata: metadata)
        _ = try files.publish([files.stage(path, mode: .replace, contents: [bytes])])
        let receipt = FileReceipt(
            path: "0.delta", bytes: Int64(bytes.count), xxh3: Checksum.xxh3(bytes))
        #expect(receipts[0]?.first?.path == receipt.path)
        let table = RandomState.emptyTable()
        if let fault {
            let error = #expect(throws: KeyedStateError.self) {
                try store.restore(table, toVersion: 1) { _ in [receipt] }
            }
            #expect(error?.code == fault)
        } else {
            try store.restore(table, toVersion: 1) { _ in [receipt] }
            #expect(try table.snapshot().rows == snapshots[0])
        }
    }

    /// The next delta's bytes do not tell whether the state was restored.
    @Test func deltasAreTheSameAfterARestore() throws {
        let files = SimulatedFileSystem()
        let store = store(files, try Path("/state/q"))
        let (receipts, _) = try run(store, files, batches: 12)
        for version in 1...11 {
            let restored = RandomState.emptyTable()
            try store.restore(restored, toVersion: Int64(version)) { receipts[$0] }
            // Undisturbed: the same state reached through deltas alone.
            let other = RandomState.emptyTable()
            let deltasOnly = { (batch: Int64) in
                receipts[batch].map { $0.filter { $0.path.hasSuffix(".delta") } }
            }
            try store.restore(other, toVersion: Int64(version), receipts: deltasOnly)
            for table in [restored, other] {
                let keys = Column(.string, [.string("s3"), .string("new"), .null])
                for row in 0..<3 {
                    table.encodeKey([keys], row: row)
                    table.setKey(1, to: 60)
                    _ = try table.findOrInsert()
                }
                table.remove(Array(table.sorted(table.liveSlots).prefix(4)))
            }
            let receipts = try [restored, other].map { table in
                try store.stage(store.takeChanges(of: table, batch: Int64(version))).receipts
            }
            #expect(receipts[0] == receipts[1])
        }
    }

    @Test func damageIsNamedAndAnOlderSnapshotStandsIn() throws {
        try withTemporaryDirectory { files, root in
            let directory = try root.appending("q")
            let store = store(files, directory)
            let (receipts, snapshots) = try run(store, files, batches: 12)
            var bytes = try files.read(directory.appending("9.snapshot"), maxBytes: 1 << 20)
            bytes[bytes.count / 2] ^= 1
            try files.createAtomically(
                directory.appending("9.snapshot"), mode: .replace, contents: bytes)
            let table = RandomState.emptyTable()
            let restored = try store.restore(table, toVersion: 12) { receipts[$0] }
            #expect(restored.snapshotBatch == 4)
            #expect(restored.deltas == 7)
            #expect(restored.damaged.map(\.path) == ["\(directory)/9.snapshot"])
            #expect(try table.snapshot().rows == snapshots[11])

            // Without the older commits there is nothing to stand in: the damage is the error.
            let error = #expect(throws: KeyedStateError.self) {
                try store.restore(table, toVersion: 12) { $0 < 8 ? nil : receipts[$0] }
            }
            #expect(error?.code == .fileCorrupt)
            #expect(error?.path == "\(directory)/9.snapshot")
            #expect(table.count == 0)

            try files.remove(directory.appending("10.delta"))
            let missing = #expect(throws: KeyedStateError.self) {
                try store.restore(table, toVersion: 11) { receipts[$0] }
            }
            #expect(missing?.description.contains("9.snapshot") == true)
            try files.remove(directory.appending("2.delta"))
            let delta = #expect(throws: KeyedStateError.self) {
                try store.restore(table, toVersion: 4) { receipts[$0] }
            }
            #expect(delta?.code == .fileMissing)
            #expect(delta?.path == "\(directory)/2.delta")
        }
    }

    @Test func stateOfAnotherQueryIsRefused() throws {
        let files = SimulatedFileSystem()
        let directory = try Path("/state/q")
        let (receipts, _) = try run(store(files, directory), files, batches: 3)
        let other = StateStore(directory: directory, fileSystem: files, fingerprint: "g")
        let error = #expect(throws: KeyedStateError.self) {
            try other.restore(RandomState.emptyTable(), toVersion: 3) { receipts[$0] }
        }
        #expect(error?.code == .fileMismatch)
        // A file that is not the batch's, though whole.
        let moved = #expect(throws: KeyedStateError.self) {
            try store(files, directory).restore(RandomState.emptyTable(), toVersion: 1) { _ in
                let file = receipts[1]![0]
                _ = try? files.createAtomically(
                    directory.appending("0.delta"), mode: .replace,
                    contents: files.read(directory.appending("1.delta"), maxBytes: 1 << 20))
                return [FileReceipt(path: "0.delta", bytes: file.bytes, xxh3: file.xxh3)]
            }
        }
        #expect(moved?.code == .fileMismatch)
    }

    @Test func retentionKeepsWhatVersionsNeed() throws {
        let files = SimulatedFileSystem()
        let directory = try Path("/state/q")
        let store = store(files, directory)
        let (receipts, snapshots) = try run(store, files, batches: 23)
        #expect(try store.retain(fromVersion: 18) { receipts[$0] } == 14)
        // Where commits do not reach back far enough, nothing is removed.
        #expect(try store.retain(fromVersion: 23) { $0 < 21 ? nil : receipts[$0] } == nil)
        let names = try files.list(directory).map(\.name)
        #expect(
            Set(names)
                == Set(
                    ["14.snapshot", "19.snapshot"] + (15...22).map { "\($0).delta" }))
        for version in 18...23 {
            let table = RandomState.emptyTable()
            try store.restore(table, toVersion: Int64(version)) { $0 < 14 ? nil : receipts[$0] }
            #expect(try table.snapshot().rows == snapshots[version - 1])
        }
        let error = #expect(throws: KeyedStateError.self) {
            try store.restore(RandomState.emptyTable(), toVersion: 9) {
                $0 < 14 ? nil : receipts[$0]
            }
        }
        #expect(error?.code == .versionUnavailable)
    }
}
