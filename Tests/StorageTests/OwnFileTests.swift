import Glibc
import Storage
import TestSupport
import Testing

/// Files of a log, a checkpoint or a table are regular files under their very names.
@Suite struct OwnFileTests {
    /// Runs a test with a file and, under other names, what is no file.
    private func withOthers(_ body: (POSIXFileSystem, Path, [Path]) throws -> Void) throws {
        try withTemporaryDirectory { files, root in
            let file = try root.appending("file")
            try files.createAtomically(file, mode: .createNew, text: "content")
            let (pipe, link) = (try root.appending("pipe"), try root.appending("link"))
            let (dead, device) = (try root.appending("dead"), try root.appending("device"))
            #expect(unsafe mkfifo(pipe.string, 0o600) == 0)
            #expect(unsafe symlink(file.string, link.string) == 0)
            #expect(unsafe symlink("/nowhere/at/all", dead.string) == 0)
            #expect(unsafe symlink("/dev/zero", device.string) == 0)
            try body(files, file, [pipe, link, dead, device])
        }
    }

    @Test func whatIsNoFileIsNeitherFollowedNorWaitedFor() throws {
        try withOthers { files, file, others in
            let bytes = try files.readOwn(file, maxBytes: 100)
            #expect(bytes == Array("content".utf8))
            for path in others {
                let kind = try files.entryInfo(path)?.kind
                #expect(kind == .other, "\(path)")
                for open in [
                    { _ = try files.openOwn(path) },
                    { _ = try files.openForAppend(path, createNew: false) },
                    { _ = try files.lock(path) }, { _ = try files.lockHolder(path) },
                    { _ = try files.readOwnIfThere(path, maxBytes: 100) },
                ] as [() throws -> Void] {
                    let error = #expect(throws: StorageError.self) { try open() }
                    #expect(error?.code == .notAFile && error?.path == path.string)
                }
            }
            let missing = try files.readOwnIfThere(file.parent.appending("x"), maxBytes: 1)
            #expect(missing == nil)
            #expect(throws: StorageError.self) { try files.openOwn(file.parent) }
        }
    }

    @Test func nothingIsPublishedOverWhatIsNoFile() throws {
        try withOthers { files, _, others in
            for path in others {
                for mode in [PublishMode.createNew, .createOrMatch] {
                    #expect(throws: StorageError.self) {
                        try files.createAtomically(path, mode: mode, text: "content")
                    }
                }
                let kind = try files.entryInfo(path)?.kind
                #expect(kind == .other)
            }
        }
    }

    @Test func resultsGoToAFileOrThroughWhatIsNone() throws {
        try withOthers { files, file, others in
            let new = try file.parent.appending("new")
            for (path, target) in [(file, file), (others[1], file), (new, new)] {
                guard case .file(let found) = try POSIXFileSystem.output(at: path) else {
                    Issue.record("\(path) is to be a file")
                    continue
                }
                let isSame = try found == target || found == POSIXFileSystem.resolved(target)
                #expect(isSame)
            }
            guard case .stream = try POSIXFileSystem.output(at: Path("/dev/null")) else {
                Issue.record("a device is written to")
                return
            }
            for path in [others[2], file.parent] {
                #expect(throws: StorageError.self) { try POSIXFileSystem.output(at: path) }
            }
        }
    }

    @Test func aPathThatIsAnAddressIsRefused() throws {
        for text in ["s3://bucket/key", "hdfs://host:9000/a", "file:///tmp/x", "a+b.c-9://x"] {
            let error = #expect(throws: StorageError.self) { try Path(text) }
            #expect(error?.code == .invalidName)
        }
        for text in ["a:/b", "s3:", "://x", "./s3://x", "date=1:2/x", "ä://x"] {
            #expect(throws: Never.self) { try Path(text) }
        }
    }

    @Test func sumsStopAtTheEndOfTheirType() {
        #expect([Int64.max, 1].clampedSum { $0 } == .max)
        #expect([Int64.min, -1].clampedSum { $0 } == .min)
        #expect(Int8(100).multipliedClamped(by: 2) == 127)
        #expect(Int8(-100).multipliedClamped(by: 2) == -128)
        #expect([1, 2, 3].clampedSum { $0 } == 6)
    }
}
