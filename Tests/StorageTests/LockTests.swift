import Glibc
import Storage
import TestSupport
import Testing

@Suite struct LockTests {
    @Test func secondLockIsRefusedAndNamesTheHolder() throws {
        try withTemporaryDirectory { files, root in
            let path = try root.appending("LOCK")
            #expect(try files.lockHolder(path) == nil)
            let lock = try files.lock(path)
            do throws(StorageError) {
                _ = try POSIXFileSystem().lock(path)
                Issue.record("a held lock was given out again")
            } catch {
                #expect(error.code == .locked)
                #expect(error.description.contains("pid \(getpid())"))
            }
            #expect(try files.lockHolder(path) == "pid \(getpid())")
            lock.release()
            #expect(try files.lockHolder(path) == nil)
            _ = try files.lock(path)
        }
    }

    /// POSIX record locks are dropped when any descriptor of the file is closed; this one not.
    @Test func closingAnotherDescriptorDoesNotDropTheLock() throws {
        try withTemporaryDirectory { files, root in
            let path = try root.appending("LOCK")
            let lock = try files.lock(path)
            _ = try files.read(path, maxBytes: 100)
            #expect(try files.lockHolder(path) != nil)
            #expect(code { _ = try files.lock(path) } == .locked)
            try lock.verify()
        }
    }

    @Test func removedLockFileIsNoticed() throws {
        try withTemporaryDirectory { files, root in
            let path = try root.appending("LOCK")
            let lock = try files.lock(path)
            try files.remove(path)
            #expect(code { try lock.verify() } == .lockLost)
            let usurper = try files.lock(path)
            #expect(code { try lock.verify() } == .lockLost)
            try usurper.verify()
            usurper.release()
            #expect(code { try usurper.verify() } == .lockLost)
        }
    }

    @Test func lockGoesWithItsObject() throws {
        try withTemporaryDirectory { files, root in
            let path = try root.appending("LOCK")
            do {
                let lock = try files.lock(path)
                try lock.verify()
            }
            try files.lock(path).release()
        }
    }
}
