import Checkpoints
import Storage
import TestSupport
import Testing

/// The loop of a query, brought down before each of its operations.
@Suite struct CrashTests {
    struct Violation: Error {
        let detail: String
    }

    private static let batches: Int64 = 3
    /// Where crashes are nested: batch 0 and one that follows another.
    private static let batchesNested: Int64 = 2

    /// After any crash a run on another day finishes the query, and every batch had one effect,
    /// which agrees with its plan.
    private func finishAndCheck(
        _ files: SimulatedFileSystem, nowMs: Int64, batches: Int64 = batches
    ) throws {
        let query = try Query(files, nowMs: nowMs)
        try query.run(until: batches)
        try check(files, query.store.reader, batches)
    }

    private func check(
        _ files: SimulatedFileSystem, _ reader: CheckpointReader, _ batches: Int64
    ) throws {
        let all = (0..<batches).map { BatchID($0) }
        guard try reader.plannedBatches() == all, try reader.committedBatches() == all else {
            throw Violation(detail: "batches are missing")
        }
        for batch in all {
            let plan = try reader.offsets(batch)
            let part = try Path(Query.sink).appending("part-\(batch)")
            guard try files.read(part, maxBytes: 10_000) == Query.effect(plan) else {
                throw Violation(detail: "batch \(batch) has another effect than was planned")
            }
        }
        for directory in [reader.path, try reader.path.appending("offsets")] {
            guard try files.list(directory).allSatisfy({ !$0.name.hasPrefix(".tmp") }) else {
                throw Violation(detail: "strays are left in \(directory)")
            }
        }
    }

    @Test func everyCrashIsSurvived() throws {
        let survived = try sweepCrashes(
            seeds: 6,
            run: { try Query($0).run(until: Self.batches) },
            recover: { files, point in
                do {
                    try finishAndCheck(files, nowMs: 2)
                } catch {
                    Issue.record("\(point): \(error)")
                }
            })
        #expect(survived > 400)
    }

    /// A crash, and another one at each operation of the recovery from it.
    @Test func everySecondCrashIsSurvived() throws {
        var survived = 0
        try sweepCrashes(
            seeds: 0, step: TestSlice.step(23),
            run: { try Query($0).run(until: Self.batchesNested) },
            recover: { files, point in
                let first = files.restarted(.everything)
                let start = first.operations
                try Query(first, nowMs: 2).run(until: Self.batchesNested)
                for operation in start...first.operations {
                    let machine = files.restarted(.everything)
                    machine.plan(.crash, at: operation)
                    try? Query(machine, nowMs: 2).run(until: Self.batchesNested)
                    for survival in [Survival.syncedOnly, .some(seed: UInt64(operation))] {
                        do {
                            try finishAndCheck(
                                machine.restarted(survival), nowMs: 3, batches: Self.batchesNested)
                            survived += 1
                        } catch {
                            Issue.record("\(point), then \(operation), \(survival): \(error)")
                        }
                    }
                }
            })
        #expect(survived > 3000 / TestSlice.step(23))
    }

    /// Each operation fails once, with the process alive to misbehave.
    @Test(arguments: [StorageError.Code.noSpace, .inputOutput])
    func everyFailureIsSurvived(code: StorageError.Code) throws {
        let undisturbed = SimulatedFileSystem()
        try Query(undisturbed).run(until: Self.batches)
        for operation in stride(from: 0, to: undisturbed.operations, by: TestSlice.step(3)) {
            let machine = SimulatedFileSystem()
            machine.plan(.failure(code), at: operation)
            // An unlink of a temporary may fail without harm; everything else must be reported.
            let failed = (try? Query(machine).run(until: Self.batches)) == nil
            #expect(failed, "operation \(operation): \(undisturbed.trace[operation])")
            for survival in [Survival.everything, .syncedOnly, .some(seed: UInt64(operation))] {
                do {
                    try finishAndCheck(machine.restarted(survival), nowMs: 2)
                } catch {
                    Issue.record("\(undisturbed.trace[operation]), \(survival): \(error)")
                }
            }
        }
    }

    @Test func removalIsAllOrNothing() throws {
        let path = try Path(Query.checkpoint)
        try sweepCrashes(
            seeds: 6,
            prepare: { try Query($0).run(until: 2) },
            run: { try CheckpointStore.remove(path, files: $0) },
            recover: { files, point in
                let reader = try CheckpointReader(path, files: files)
                switch try decideRecovery(reader.facts()) {
                case .fresh:
                    #expect(try !files.exists(path), "\(point)")
                case .resume(let resume):
                    #expect(resume.next == BatchID(2) && point.step != "the end", "\(point)")
                case .rerun: Issue.record("\(point): half a checkpoint")
                }
                try CheckpointStore.remove(path, files: files)
                #expect(try files.list(path.parent).isEmpty, "\(point)")
            })
    }

    @Test(arguments: [Mutant.Action.fileSyncDropped, .directorySyncDropped])
    func plantedDefectIsFound(action: Mutant.Action) {
        #expect(throws: (any Error).self) {
            try sweepCrashes(
                seeds: 10, mutant: Mutant(action),
                run: { try Query($0).run(until: Self.batches) },
                recover: { files, _ in try finishAndCheck(files, nowMs: 2) })
        }
    }
}
