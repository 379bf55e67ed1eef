import Glibc
import Storage
import TestSupport
import Testing

@Suite struct FileTests {
    @Test func appendFileWritesAtOffsets() throws {
        try withTemporaryDirectory { files, root in
            let path = try root.appending("log")
            let file = try files.openForAppend(path, createNew: true)
            try file.write([1, 2, 3, 4], at: 0)
            try file.write([9], at: 2)
            try file.write([], at: 4)
            try file.sync()
            #expect(try file.size() == 4)
            #expect(try files.read(path, maxBytes: 10) == [1, 2, 9, 4])
            try file.truncate(to: 1)
            try file.sync()
            #expect(try files.read(path, maxBytes: 10) == [1])
            try file.close()
            try file.close()
            #expect(code { try file.write([1], at: 0) } == .closed)
            #expect(code { try file.sync() } == .closed)
            #expect(code { _ = try file.size() } == .closed)
            #expect(code { _ = try files.openForAppend(path, createNew: true) } == .alreadyExists)
            let missing = try root.appending("missing")
            #expect(code { _ = try files.openForAppend(missing, createNew: false) } == .notFound)
        }
    }

    /// A file of the kernel cannot be synced: fdatasync fails with EINVAL, as a broken disk would
    /// with EIO.
    @Test func afterAFailedSyncTheFileIsPoisoned() throws {
        let files = POSIXFileSystem()
        let file = try files.openForAppend(Path("/proc/self/comm"), createNew: false)
        for _ in 0..<2 {
            #expect(code { try file.sync() } == .syncFailed)
            #expect(code { try file.write([1], at: 0) } == .syncFailed)
            #expect(code { try file.truncate(to: 0) } == .syncFailed)
            #expect(code { _ = try file.size() } == .syncFailed)
        }
    }

    @Test func readingIsBounded() throws {
        try withTemporaryDirectory { files, root in
            let path = try root.appending("a")
            try files.createAtomically(path, mode: .createNew, contents: [1, 2, 3, 4])
            #expect(code { _ = try files.read(path, maxBytes: 3) } == .tooLarge)
            #expect(try files.read(path, at: 1, count: 2) == [2, 3])
            #expect(try files.read(path, at: 4, count: 0) == [])
            for (offset, count) in [(0, 5), (4, 1), (5, 0), (1, Int.max)] as [(Int64, Int)] {
                #expect(
                    code { _ = try files.read(path, at: offset, count: count) } == .unexpectedEnd)
            }
            #expect(code { _ = try files.read(root, maxBytes: 9) } == .wrongKind)
            let missing = try root.appending("b")
            #expect(code { _ = try files.read(missing, maxBytes: 9) } == .notFound)
        }
    }

    @Test func openFileKeepsItsContentWhenReplaced() throws {
        try withTemporaryDirectory { files, root in
            let path = try root.appending("a")
            try files.createAtomically(path, mode: .createNew, text: "old")
            let file = try files.openForReading(path)
            try files.createAtomically(path, mode: .replace, text: "new!")
            #expect(try file.read(at: 0, count: 3) == Array("old".utf8))
            try file.dropCache()
            #expect(try file.readUpTo(100, at: 1) == Array("ld".utf8))
        }
    }

    @Test func mappingOutlivesFileAndName() throws {
        try withTemporaryDirectory { files, root in
            let path = try root.appending("a")
            let content = (0..<10_000).map { UInt8(truncatingIfNeeded: $0) }
            try files.createAtomically(path, mode: .createNew, contents: content)
            let mapping = try files.map(path, length: 9000)
            try files.remove(path)
            #expect(mapping.count == 9000)
            let sum = Checksum.xxh3(mapping.bytes)
            #expect(sum == Checksum.xxh3(Array(content[..<9000])))
        }
    }

    @Test func mappingPastTheEndIsRefused() throws {
        try withTemporaryDirectory { files, root in
            let path = try root.appending("a")
            try files.createAtomically(path, mode: .createNew, contents: [1])
            #expect(code { _ = try files.map(path, length: 2) } == .unexpectedEnd)
            #expect(try files.map(path, length: 0).count == 0)
        }
    }

    @Test func inputReadsInOrderToTheEnd() throws {
        try withTemporaryDirectory { files, root in
            let path = try root.appending("a")
            try files.createAtomically(path, mode: .createNew, contents: [1, 2, 3, 4, 5])
            let input = try files.openInput(path)
            var all: [UInt8] = []
            var piece = [UInt8](repeating: 0, count: 2)
            while true {
                let got = try unsafe piece.withUnsafeMutableBytes {
                    try unsafe input.read(into: $0)
                }
                if got == 0 { break }
                all += piece[..<got]
            }
            #expect(all == [1, 2, 3, 4, 5])
        }
    }

    @Test func infoTellsFilesApart() throws {
        try withTemporaryDirectory { files, root in
            let path = try root.appending("a")
            #expect(try files.info(path) == nil)
            #expect(try files.info(root)?.kind == .directory)
            try files.createAtomically(path, mode: .createNew, text: "abc")
            let before = try #require(try files.info(path))
            #expect(before.kind == .file && before.size == 3)
            #expect(before.modifiedNanos > 1_600_000_000_000_000_000)
            #expect(try files.info(path.appending("below-a-file")) == nil)
            try files.createAtomically(path, mode: .replace, text: "abc")
            #expect(try files.info(path)?.inode != before.inode)
        }
    }
}
