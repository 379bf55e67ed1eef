import Checkpoints
import Storage
import TestSupport
import Testing

/// The job of a checkpoint is the one that was saved, or it is refused.
@Suite struct RecordedJobTests {
    private static let text = #"{"name":"job","queries":[{"name":"q","select":["*"]}]}"#

    private func saved() throws -> (SimulatedFileSystem, Path, [UInt8]) {
        let files = SimulatedFileSystem()
        let query = try Query(files)
        try query.store.saveJob(Self.text)
        try query.run(until: 2)
        query.store.close()
        let path = try Path(Query.checkpoint).appending("job.json")
        return (files, path, try files.read(path, maxBytes: 10_000))
    }

    private func reader(_ files: SimulatedFileSystem) throws -> CheckpointReader {
        try CheckpointReader(Path(Query.checkpoint), files: files)
    }

    @Test func everyChangeIsRefused() throws {
        let (files, path, content) = try saved()
        #expect(try reader(files).jobText() == Self.text)
        var changed = content.indices.map { index in
            var bytes = content
            bytes[index] ^= 1
            return bytes
        }
        changed += (0..<content.count).map { Array(content[..<$0]) }
        changed += [content + [0x0a], Array(Self.text.utf8)]
        for bytes in changed {
            try vandalise(files, path, bytes)
            let error = #expect(throws: CheckpointError.self) { try reader(files).jobText() }
            #expect(error?.code == .damaged && error?.path == path.string)
        }
        try files.remove(path)
        #expect(throws: CheckpointError.self) { try reader(files).jobText() }
    }

    @Test func theJobOfACheckpointOfAnOlderProgramNeedsNoChecksum() throws {
        let (files, path, content) = try saved()
        let metadata = try Path(Query.checkpoint).appending("metadata")
        let id = try Query.identity().id
        try vandalise(files, metadata, Array("{\"id\":\"\(id)\"}\n".utf8))
        try vandalise(files, path, Array(Self.text.utf8))
        #expect(try reader(files).jobText() == Self.text)
        // Where there is one it counts.
        try vandalise(files, path, content)
        #expect(try reader(files).jobText() == Self.text)
        try vandalise(files, path, Array(content.dropLast()) + [UInt8(ascii: " ")])
        #expect(throws: CheckpointError.self) { try reader(files).jobText() }
        try files.remove(path)
        #expect(try reader(files).jobText() == nil)
    }

    @Test func whatTheNewestCommitThatKnowsASinkRemembers() throws {
        let (files, _, _) = try saved()
        let receipts = try reader(files).newestReceipts { $0 == Query.sink }
        #expect(receipts.compactMap(\.file?.path) == ["part-1"])
        #expect(try reader(files).newestReceipts { $0 == "another" }.isEmpty)
    }
}
