import Checkpoints
import Storage
import TestSupport
import Testing

/// The list of files that a directory source has found: durable, in order, never believed when
/// damaged.
@Suite struct SourceLogTests {
    private let checkpoint = "checkpoints/job"

    private func open(_ files: any FileSystem) throws -> SourceLog {
        try SourceLog(checkpoint: Path(checkpoint), source: "source", files: files)
    }

    private func path() throws -> Path { try Path(checkpoint + "/sources/source") }

    /// File `index` of a source whose files have ten rows each, with a name that needs escapes.
    private func file(_ index: Int64) -> SourceFile {
        SourceFile(
            path: "in/\"\(index)\"\n é.csv", bytes: index * 100, modifiedNanos: index,
            fingerprint: UInt64(index) &* 0x9e37_79b9_7f4a_7c15,
            offsets: index * 10..<index * 10 + 10)
    }

    private func written(_ count: Int64) throws -> SimulatedFileSystem {
        let files = SimulatedFileSystem()
        let log = try open(files)
        for index in 0..<count { try log.append([file(index)]) }
        return files
    }

    @Test func whatWasAppendedIsFoundAgain() throws {
        let files = SimulatedFileSystem()
        let log = try open(files)
        #expect(log.found.isEmpty)
        try log.append([])
        #expect(try !files.exists(path()), "nothing is written for no files")
        try log.append([file(0), file(1)])
        try log.append([file(2)])
        #expect(try open(files).found == (0..<3).map(file))
        let again = try open(files)
        try again.append([file(3)])
        #expect(try open(files).found == (0..<4).map(file))
    }

    @Test func aCrashAtAnyOperationLosesNothingThatWasAppended() throws {
        var acknowledged = 0
        try sweepCrashes(
            run: { files in
                acknowledged = 0
                let log = try open(files)
                while log.found.count < 4 {
                    try log.append([file(Int64(log.found.count))])
                    acknowledged = log.found.count
                }
            },
            recover: { files, point in
                let log = try open(files)
                #expect(log.found.count >= acknowledged, "\(point)")
                #expect(log.found == (0..<Int64(log.found.count)).map(file), "\(point)")
                while log.found.count < 4 { try log.append([file(Int64(log.found.count))]) }
                #expect(try open(files).found == (0..<4).map(file), "\(point)")
            })
    }

    @Test func noFlippedBitIsBelieved() throws {
        let files = try written(3)
        let content = try files.read(path(), maxBytes: 10_000)
        for index in content.indices {
            for bit in 0..<8 {
                var changed = content
                changed[index] ^= 1 << UInt8(bit)
                try files.createAtomically(path(), mode: .replace, contents: changed)
                let found = try? open(files).found
                // Damage near the end may look like lines that a crash tore; the batches that read
                // those files then say that their offsets are gone.
                if let found, found.count == 3 || found != (0..<Int64(found.count)).map(file) {
                    Issue.record("byte \(index), bit \(bit): \(found.count) files were believed")
                }
            }
        }
    }

    @Test func aTornLastLineIsLeftOutAndWrittenAgain() throws {
        let files = try written(2)
        let content = try files.read(path(), maxBytes: 10_000)
        let lineEnd = try #require(content.firstIndex(of: UInt8(ascii: "\n"))) + 1
        for count in 0..<content.count {
            try files.createAtomically(path(), mode: .replace, contents: Array(content[..<count]))
            let log = try open(files)
            let whole: Int64 = count < lineEnd ? 0 : 1
            #expect(log.found == (0..<whole).map(file))
            try log.append((whole..<2).map(file))
            #expect(try files.read(path(), maxBytes: 10_000) == content)
        }
    }

    @Test func aLineOutOfItsPlaceIsRefused() throws {
        let files = try written(3)
        let lines = try files.read(path(), maxBytes: 10_000)
            .split(separator: UInt8(ascii: "\n")).map { Array($0) + [UInt8(ascii: "\n")] }
        let swapped = lines[1] + lines[0] + lines[2]
        try files.createAtomically(path(), mode: .replace, contents: swapped)
        #expect(throws: CheckpointError.self) { try open(files) }
    }
}
