import Storage
import TestSupport
import Testing

/// The sweep must find nothing wrong with the protocols of Storage, and must find what is wrong
/// on purpose.
@Suite struct CrashSweepTests {
    private struct Violation: Error {}

    /// Publishes two files that refer to each other: the second promises the first.
    private func publishTwo(_ files: SimulatedFileSystem) throws {
        try files.createDirectories(Path("d"))
        try files.createAtomically(Path("d/data"), mode: .createNew, text: "content")
        try files.createAtomically(Path("d/promise"), mode: .createNew, text: "data")
    }

    private func checkPromise(_ files: SimulatedFileSystem, _ point: CrashPoint) throws {
        guard try files.exists(Path("d")) else {
            if point.step == "the end" { throw Violation() }
            return
        }
        for (name, content) in [("d/data", "content"), ("d/promise", "data")] {
            guard try files.exists(Path(name)) else { continue }
            guard try files.read(Path(name), maxBytes: 99) == Array(content.utf8) else {
                throw Violation()
            }
        }
        if try files.exists(Path("d/promise")), try !files.exists(Path("d/data")) {
            throw Violation()
        }
        if try point.step == "the end" && !files.exists(Path("d/promise")) { throw Violation() }
    }

    @Test func publishingSurvivesEveryCrash() throws {
        let survived = try sweepCrashes(seeds: 40, run: publishTwo, recover: checkPromise)
        // mkdir + sync; twice: create, write, sync, rename, sync; and the end.
        #expect(survived == 13 * 42)
    }

    @Test(arguments: [
        Mutant.Action.fileSyncDropped, .directorySyncDropped, .namedBeforeSync, .renameMadeWrite,
    ])
    func plantedDefectIsFound(action: Mutant.Action) {
        #expect(throws: Violation.self) {
            try sweepCrashes(
                seeds: 40, mutant: Mutant(action), run: publishTwo, recover: checkPromise)
        }
    }

    /// Three appends, each acknowledged after its sync.
    @Test func acknowledgedAppendsSurviveEveryCrash() throws {
        let path = try Path("log")
        var acknowledged = 0
        func append(_ files: SimulatedFileSystem) throws {
            acknowledged = 0
            let log = try files.openForAppend(path, createNew: true)
            for index in 0..<3 {
                try log.write([UInt8](repeating: UInt8(index), count: 100), at: Int64(index * 100))
                try log.sync()
                acknowledged = (index + 1) * 100
            }
        }
        func check(_ files: SimulatedFileSystem, _ point: CrashPoint) throws {
            if acknowledged == 0 { return }
            let bytes = try files.read(path, maxBytes: 1000)
            let expected = (0..<acknowledged).map { UInt8($0 / 100) }
            guard Array(bytes.prefix(acknowledged)) == expected else { throw Violation() }
        }
        try sweepCrashes(seeds: 20, run: append, recover: check)
        #expect(throws: Violation.self) {
            try sweepCrashes(
                seeds: 20, mutant: Mutant(.fileSyncDropped), run: append, recover: check)
        }
    }

    @Test func aTransientFaultOnASoundMachineIsNotSwallowed() {
        #expect(throws: Violation.self) {
            try sweepCrashes(run: { _ in throw Violation() }, recover: { _, _ in })
        }
    }
}
