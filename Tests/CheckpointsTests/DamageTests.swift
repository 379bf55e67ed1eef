import Checkpoints
import Storage
import TestSupport
import Testing

/// Whatever happens to a file of a checkpoint is refused by name, never used.
@Suite struct DamageTests {
    static let files = ["metadata"] + (0..<3).flatMap { ["offsets/\($0)", "commits/\($0)"] }

    private func threeBatches() throws -> SimulatedFileSystem {
        let files = SimulatedFileSystem()
        let query = try Query(files)
        try query.run(until: 3)
        query.store.close()
        return files
    }

    /// Nil when the checkpoint was taken, and the file that was blamed when not.
    private func blamed(_ files: SimulatedFileSystem) throws -> String? {
        let facts = try CheckpointReader(Path(Query.checkpoint), files: files).facts()
        do throws(CheckpointError) {
            _ = try decideRecovery(facts)
            return nil
        } catch {
            #expect(error.description.contains(error.remedy) && !error.remedy.isEmpty)
            return error.path
        }
    }

    @Test(arguments: files)
    func everyFlippedBitIsRefused(name: String) throws {
        let files = try threeBatches()
        let path = try Path(Query.checkpoint).joining(relative: name)
        let content = try files.read(path, maxBytes: 10_000)
        #expect(try blamed(files) == nil)
        for index in content.indices {
            for bit in 0..<8 where (index + bit) % TestSlice.step(8) == 0 {
                var changed = content
                changed[index] ^= 1 << UInt8(bit)
                try vandalise(files, path, changed)
                let blame = try blamed(files)
                // Spacing around the JSON of `metadata` means nothing.
                let isSpacing = name == "metadata" && index == content.count - 1
                if blame == nil && !isSpacing {
                    Issue.record("\(name): byte \(index), bit \(bit) went unnoticed")
                } else if let blame, name != "metadata", blame != path.string {
                    Issue.record("\(name): \(blame) was blamed")
                }
            }
        }
    }

    @Test(arguments: files)
    func everyTruncationAndEveryTailIsRefused(name: String) throws {
        let files = try threeBatches()
        let path = try Path(Query.checkpoint).joining(relative: name)
        let content = try files.read(path, maxBytes: 10_000)
        for count in stride(from: 0, to: content.count, by: TestSlice.step(3)) {
            try vandalise(files, path, Array(content[..<count]))
            if name == "metadata" && count == content.count - 1 { continue }
            if try blamed(files) != path.string { Issue.record("\(name) cut to \(count) bytes") }
        }
        if name == "metadata" { return }
        for tail in [[0], [0x0a], Array("#".utf8), content] as [[UInt8]] {
            try vandalise(files, path, content + tail)
            #expect(try blamed(files) == path.string)
        }
    }

    @Test func everyMissingFileIsRefusedButTheLastCommit() throws {
        for name in Self.files {
            let files = try threeBatches()
            let path = try Path(Query.checkpoint).joining(relative: name)
            try files.remove(path)
            let expected =
                switch name {
                case "commits/2": nil as String?
                // The commit is what still speaks of batch 2.
                default: path.string
                }
            #expect(try blamed(files) == expected, "\(name)")
        }
    }

    @Test func swappedEntriesAreRefused() throws {
        for (first, second) in [
            ("offsets/0", "offsets/1"), ("commits/1", "commits/2"), ("offsets/2", "commits/2"),
        ] {
            let files = try threeBatches()
            let root = try Path(Query.checkpoint)
            try files.rename(
                root.joining(relative: first), to: root.joining(relative: second), mode: .exchange)
            #expect(try blamed(files) != nil)
        }
    }

    /// Entries that are whole, numbered right and follow each other, but not this identity.
    @Test func entriesOfAnotherCheckpointAreRefused() throws {
        let otherFiles = SimulatedFileSystem()
        var generator = SeededGenerator(seed: 3)
        let store = try CheckpointStore.open(
            Path("other"), files: otherFiles, newIdentity: .random(using: &generator))
        try store.logOffsets(Query.plan(.first, nowMs: 1))
        for name in ["metadata", "offsets/0"] {
            let files = try threeBatches()
            let stolen = try store.reader.path.joining(relative: name)
            let bytes = try otherFiles.read(stolen, maxBytes: 10_000)
            try vandalise(files, Path(Query.checkpoint).joining(relative: name), bytes)
            let facts = try CheckpointReader(Path(Query.checkpoint), files: files).facts()
            #expect(fault { try decideRecovery(facts) } == .brokenLink)
        }
    }

    @Test(arguments: ["v2", "v10", "v2147483648"])
    func newerVersionSaysSo(version: String) throws {
        for name in ["offsets/2", "commits/2"] {
            let files = try threeBatches()
            let path = try Path(Query.checkpoint).joining(relative: name)
            let content = try files.read(path, maxBytes: 10_000)
            try vandalise(files, path, Array(version.utf8) + content.dropFirst(2))
            #expect(fault { try Query(files) } == .newerVersion)
        }
    }

    @Test(arguments: ["v0\n", "v01\n", "1\n", "v-1\n", "v1", "\n", "v99999999999999999999\n"])
    func noVersionIsDamage(start: String) throws {
        let files = try threeBatches()
        let path = try Path(Query.checkpoint).joining(relative: "offsets/1")
        let content = try files.read(path, maxBytes: 10_000)
        try vandalise(files, path, Array(start.utf8) + content.dropFirst(3))
        #expect(fault { try Query(files) } == .damaged)
    }

    /// The checksum is right, so the writer is a stranger: nothing it says may trap.
    @Test(arguments: [
        "", "{}", "[]", "null", "{\"batchId\":1}", "{\"batchId\":-1}", "{\"batchId\":1.5}", "{",
        "{\"batchWatermarkMs\":\"0\"}", String(repeating: "[", count: 1000),
    ])
    func strangeMetadataIsDamage(json: String) throws {
        for name in ["offsets/2", "commits/2"] {
            let files = try threeBatches()
            let path = try Path(Query.checkpoint).joining(relative: name)
            let body = "v1\n" + json + "\n"
            let text = body + "#xxh3:" + Checksum.hex(Checksum.xxh3(Array(body.utf8))) + "\n"
            try vandalise(files, path, Array(text.utf8))
            #expect(fault { try Query(files) } == .damaged)
        }
    }

    @Test func unreadableDeviceIsNotDamage() throws {
        let files = try threeBatches()
        files.plan(.crash, at: files.operations)
        #expect(throws: StorageError.self) { try Query(files) }
    }
}
