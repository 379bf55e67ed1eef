import Storage
import TestSupport
import Testing

@Suite struct SimulatedFileSystemTests {
    @Test func behavesAsTheMachineDoes() throws {
        // The same steps on both must see the same.
        func steps(_ files: any FileSystem, _ root: Path) throws -> [String] {
            var seen: [String] = []
            func note(_ action: () throws -> Any?) {
                do {
                    seen.append("\(try action() ?? "nil")")
                } catch {
                    seen.append((error as? StorageError)?.code.rawValue ?? "\(error)")
                }
            }
            let a = try root.appending("a")
            let b = try root.appending("b")
            let deep = try root.joining(relative: "x/y")
            note { try files.createDirectories(deep) }
            note { try files.createAtomically(a, mode: .createNew, text: "one") }
            note { try files.createAtomically(a, mode: .createNew, text: "one") }
            note { try files.createAtomically(a, mode: .createOrMatch, text: "one") }
            note { try files.createAtomically(a, mode: .createOrMatch, text: "two") }
            note { try files.createAtomically(b, mode: .replace, text: "two") }
            note { try files.createAtomically(deep.appending("no/c"), mode: .createNew, text: "") }
            note { try files.list(root) }
            note { try files.rename(a, to: b, mode: .createNew) }
            note { try files.rename(a, to: b, mode: .exchange) }
            note { try files.read(a, maxBytes: 3) }
            note { try files.read(a, maxBytes: 2) }
            note { try files.read(a, at: 1, count: 2) }
            note { try files.read(a, at: 2, count: 2) }
            note { try files.map(a, length: 3).count }
            note { try files.map(a, length: 4).count }
            note { try files.rename(b, to: root.appending("x"), mode: .createNew) }
            note { try files.openForAppend(a, createNew: true) }
            note { try files.openForAppend(deep.appending("log"), createNew: false) }
            let log = try files.openForAppend(deep.appending("log"), createNew: true)
            note { try log.write([1, 2, 3], at: 2) }
            note { try log.truncate(to: 4) }
            note { try log.sync() }
            note { try log.size() }
            note { try log.close() }
            note { try log.sync() }
            note { try files.read(deep.appending("log"), maxBytes: 9) }
            note { try files.remove([a, root.appending("missing")]) }
            note { try files.remove(deep) }
            note { try files.info(a) }
            note { try files.info(b)?.size }
            note { try files.removeTree(root.appending("x")) }
            note { try files.list(root) }
            let lock = try files.lock(root.appending("LOCK"))
            note { try files.lock(root.appending("LOCK")) }
            note { try lock.verify() }
            note { try files.lockHolder(root.appending("LOCK")) != nil }
            lock.release()
            note { try lock.verify() }
            note { try files.lockHolder(root.appending("LOCK")) != nil }
            note { try files.lockHolder(root.appending("NONE")) != nil }
            return seen
        }
        let simulated = SimulatedFileSystem()
        let root = try Path("root")
        try simulated.createDirectories(root)
        let expected = try withTemporaryDirectory { try steps($0, $1) }
        #expect(try steps(simulated, root) == expected)
    }

    @Test func unsyncedBytesAndNamesAreLostWithPowerOnly() throws {
        let files = SimulatedFileSystem()
        let path = try Path("log")
        let log = try files.openForAppend(path, createNew: true)
        try log.write([1, 2], at: 0)
        try log.sync()
        try log.write([3, 4], at: 2)
        #expect(try files.restarted(.everything).read(path, maxBytes: 9) == [1, 2, 3, 4])
        #expect(try files.restarted(.syncedOnly).read(path, maxBytes: 9) == [1, 2])
        // A process that died leaves its unsynced bytes as undurable as they were.
        let later = files.restarted(.everything).restarted(.syncedOnly)
        #expect(try later.read(path, maxBytes: 9) == [1, 2])
        var partial: Set<[UInt8]> = []
        for seed in 0..<64 as Range<UInt64> {
            partial.insert(try files.restarted(.some(seed: seed)).read(path, maxBytes: 9))
        }
        // Whole, cut, or only its length.
        #expect(partial == [[1, 2], [1, 2, 3], [1, 2, 3, 4], [1, 2, 0, 0]])
    }

    @Test func unsyncedFileWithADurableNameIsEmpty() throws {
        let files = SimulatedFileSystem()
        let path = try Path("log")
        let log = try files.openForAppend(path, createNew: true)
        try log.write([1], at: 0)
        #expect(try files.restarted(.syncedOnly).read(path, maxBytes: 9) == [])
    }

    @Test func failedSyncLosesWhatItShouldHaveKept() throws {
        let files = SimulatedFileSystem()
        let path = try Path("log")
        let log = try files.openForAppend(path, createNew: true)
        try log.write([1], at: 0)
        files.plan(.failure(.inputOutput), at: files.operations)
        #expect(throws: StorageError.self) { try log.sync() }
        #expect(throws: StorageError.self) { try log.sync() }
        #expect(try files.read(path, maxBytes: 9) == [1], "the cache still shows it")
        // Another process syncs the same file: a success that means nothing.
        let again = try files.openForAppend(path, createNew: false)
        try again.sync()
        #expect(try files.restarted(.syncedOnly).read(path, maxBytes: 9) == [])
    }

    @Test func plannedFailureHasNoEffect() throws {
        let files = SimulatedFileSystem()
        let path = try Path("a")
        files.plan(.failure(.noSpace), at: 1)
        do throws(StorageError) {
            try files.createAtomically(path, mode: .createNew, text: "x")
            Issue.record("the write was to fail")
        } catch {
            #expect(error.code == .noSpace)
        }
        #expect(try files.list(.currentDirectory).isEmpty, "the temporary is removed")
        try files.createAtomically(path, mode: .createNew, text: "x")
    }

    @Test func everythingThrowsOnceTheMachineIsDown() throws {
        let files = SimulatedFileSystem()
        let path = try Path("a")
        files.plan(.crash, at: 2)
        #expect(throws: StorageError.self) {
            try files.createAtomically(path, mode: .createNew, text: "x")
        }
        #expect(files.isDown)
        #expect(throws: StorageError.self) { try files.list(.currentDirectory) }
        #expect(try files.restarted(.syncedOnly).list(.currentDirectory).isEmpty)
    }
}
