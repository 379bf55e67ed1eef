import Storage
import TestSupport
import Testing

@Suite struct PublishingTests {
    @Test func createdFileHasItsContentAndNothingElseIsLeft() throws {
        try withTemporaryDirectory { files, root in
            let path = try root.appending("a")
            let result = try files.createAtomically(path, mode: .createNew, contents: [1, 2, 3])
            #expect(result == .created)
            #expect(try files.read(path, maxBytes: 3) == [1, 2, 3])
            #expect(try files.list(root).map(\.name) == ["a"])
        }
    }

    @Test func existingFile() throws {
        try withTemporaryDirectory { files, root in
            let path = try root.appending("a")
            try files.createAtomically(path, mode: .createNew, text: "one")
            #expect(
                code { try files.createAtomically(path, mode: .createNew, text: "one") }
                    == .alreadyExists)
            #expect(
                try files.createAtomically(path, mode: .createOrMatch, text: "one")
                    == .alreadyExisted)
            for other in ["two", "on", "one1", ""] {
                #expect(
                    code { try files.createAtomically(path, mode: .createOrMatch, text: other) }
                        == .contentDiffers)
            }
            #expect(try files.read(path, maxBytes: 10) == Array("one".utf8))
            #expect(try files.createAtomically(path, mode: .replace, text: "two") == .created)
            #expect(try files.read(path, maxBytes: 10) == Array("two".utf8))
            #expect(try files.list(root).map(\.name) == ["a"], "no temporary is left behind")
        }
    }

    @Test func matchComparesBeyondTheFirstBlock() throws {
        try withTemporaryDirectory { files, root in
            let path = try root.appending("big")
            var bytes = [UInt8](repeating: 7, count: (1 << 20) + 17)
            try files.createAtomically(path, mode: .createNew, contents: bytes)
            #expect(
                try files.createAtomically(path, mode: .createOrMatch, contents: bytes)
                    == .alreadyExisted)
            bytes[bytes.count - 1] = 8
            #expect(
                code { try files.createAtomically(path, mode: .createOrMatch, contents: bytes) }
                    == .contentDiffers)
        }
    }

    @Test func stagedFilesHaveNoNameUntilPublished() throws {
        try withTemporaryDirectory { files, root in
            let inner = try root.appending("p")
            try files.createDirectories(inner)
            let first = try files.stage(
                root.appending("a"), mode: .createNew, contents: [[1], [], [2, 3]])
            let second = try files.stage(
                inner.appending("b"), mode: .createOrMatch, contents: [[4]])
            #expect(first.size == 3)
            #expect(first.checksum == Checksum.xxh3([1, 2, 3]))
            #expect(try !files.exists(first.target))
            #expect(try files.publish([first, second]) == [.created, .created])
            #expect(try files.read(first.target, maxBytes: 9) == [1, 2, 3])
            #expect(try files.read(second.target, maxBytes: 9) == [4])
        }
    }

    @Test func publishThatFailsLeavesNoTemporaries() throws {
        try withTemporaryDirectory { files, root in
            let names = ["a", "b", "c"]
            try files.createAtomically(root.appending("b"), mode: .createNew, text: "old")
            let staged = try names.map {
                try files.stage(root.appending($0), mode: .createNew, contents: [[1]])
            }
            #expect(code { _ = try files.publish(staged) } == .alreadyExists)
            #expect(try files.list(root).map(\.name) == ["a", "b"])
            #expect(try files.read(root.appending("b"), maxBytes: 9) == Array("old".utf8))
        }
    }

    @Test func unfinishedFileGoesAwayWithItsWriter() throws {
        try withTemporaryDirectory { files, root in
            do {
                let file = try files.beginStaging(root.appending("a"), mode: .createNew)
                try file.append([1])
                #expect(try files.list(root).count == 1)
            }
            #expect(try files.list(root).isEmpty)
        }
    }

    @Test func finishedFileTakesNoMoreBytes() throws {
        try withTemporaryDirectory { files, root in
            let file = try files.beginStaging(root.appending("a"), mode: .createNew)
            _ = try file.finish()
            #expect(code { try file.append([1]) } == .closed)
            #expect(code { _ = try file.finish() } == .closed)
        }
    }

    @Test func straysAreRemovedAndOnlyThey() throws {
        try withTemporaryDirectory { files, root in
            _ = try files.stage(root.appending("a"), mode: .createNew, contents: [[1]])
            _ = try files.stage(root.appending("b"), mode: .createNew, contents: [[1]])
            try files.createAtomically(root.appending("kept"), mode: .createNew, text: "x")
            try files.createDirectories(root.appending(".tmp-directory"))
            #expect(try files.removeStrays(in: root) == 2)
            #expect(try files.list(root).map(\.name) == [".tmp-directory", "kept"])
            #expect(try files.removeStrays(in: root) == 0)
        }
    }

    @Test func fullDeviceIsNamed() throws {
        guard case .stream(let file) = try POSIXFileSystem.output(at: Path("/dev/full")) else {
            Issue.record("a device is written to")
            return
        }
        do throws(StorageError) {
            try file.write([1])
            Issue.record("a full device took bytes")
        } catch {
            #expect(error.code == .noSpace)
            #expect(error.path == "/dev/full")
            #expect(error.description.contains("free some space"))
        }
    }

    @Test func missingDirectoryIsNamed() throws {
        try withTemporaryDirectory { files, root in
            let path = try root.joining(relative: "no/a")
            #expect(
                code { try files.createAtomically(path, mode: .createNew, text: "x") }
                    == .notFound)
        }
    }
}
