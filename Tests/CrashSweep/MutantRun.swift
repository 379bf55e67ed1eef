import ConnectorAPI
import Jobs
import Storage
import TestSupport
import TickLog

/// What noticed a sabotage.
struct Verdict {
    /// The discipline checker, in a run that nothing disturbed.
    var byDiscipline = false
    /// The sweep that came to a wrong outcome, with the discipline checker off, and its seed.
    var bySweep: String?

    var isCaught: Bool { byDiscipline || bySweep != nil }
}

/// Runs the sweeps on machines that do something wrong on purpose.
struct MutantRun {
    let mutant: Mutant
    let seeds: Range<UInt64>

    func run() throws -> Verdict {
        var verdict = Verdict()
        for seed in seeds where !verdict.byDiscipline {
            let reference = try Reference(Scenario(seed: seed), mutant: mutant)
            verdict.byDiscipline = !reference.story.files.indiscipline.isEmpty
        }
        for seed in seeds where verdict.bySweep == nil {
            let reference = try Reference(
                Scenario(seed: seed), mutant: mutant, watchesDiscipline: false)
            do {
                try sweep(reference)
            } catch is Violation {
                verdict.bySweep = "\(mutant.sweep.rawValue), seed \(seed)"
            }
        }
        return verdict
    }

    private func sweep(_ reference: Reference) throws {
        switch mutant.sweep {
        case .crashes:
            // Until a machine has done something wrong, it is like a sound one.
            let first = mutant.isOfMachine ? reference.story.files.firstSabotage : 0
            guard let first else { return }
            let options = CrashOptions(partial: 2, first: first, isSpread: true)
            var run = CrashRun(reference, options)
            try run.run()
        case .faults:
            var run = FaultRun(reference)
            try run.run(isSpread: true)
        case .locks: try checkLocks()
        }
    }

    /// A second writer is refused; one whose lock file was replaced stops.
    private func checkLocks() throws {
        let files = SimulatedFileSystem(mutant: mutant)
        let path = try Path(Scenario.logPath)
        let feed = try Scenario(seed: 1).jobs[0].sources[0].feed
        guard let columns = feed?.declaredColumns, let time = columns.timeColumn else { return }
        try TickLogWriter.create(path, schema: columns.schema, timeColumn: time, files)
        let first = try TickLogWriter(path, files)
        if (try? TickLogWriter(path, files)) != nil { throw Violation("two writers on one log") }
        try files.remove(path.appending("LOCK"))
        guard let second = try? TickLogWriter(path, files) else { return }
        if (try? first.seal()) != nil { throw Violation("a writer without its lock goes on") }
        try second.close()
    }
}

extension Mutant {
    /// Whether it is the machine that does wrong, not a sink.
    var isOfMachine: Bool {
        switch action {
        case .committedInPrepare, .committedBeforeOthers, .abortIgnored, .recoverySkipped: false
        default: true
        }
    }

    enum Sweep: String {
        case crashes = "crash sweep"
        case faults = "device faults"
        case locks = "two writers"
    }

    /// The sweep that is to notice it.
    var sweep: Sweep {
        switch action {
        case .fileSyncDropped, .directorySyncDropped, .namedBeforeSync, .renameMadeWrite,
            .committedInPrepare, .committedBeforeOthers, .recoverySkipped:
            .crashes
        case .failedSyncIgnored, .failedSyncRetried, .failedWriteIgnored, .abortIgnored: .faults
        case .lockGranted, .lostLockIgnored: .locks
        }
    }
}

/// The sabotages that the sweeps must notice.
enum Mutants {
    /// What can be done wrong with whole files that are published under a name.
    private static let published: [FileRole] = [
        .offsets, .commit, .stateDelta, .stateSnapshot, .part, .table, .sideTable, .rejects,
        .segment, .journal, .retention, .logDescription, .identity, .compacted,
    ]

    static let all: [Mutant] =
        published.map { Mutant(.fileSyncDropped, $0) }
        + published.map { Mutant(.namedBeforeSync, $0) }
        + published.map { Mutant(.renameMadeWrite, $0) }
        + [
            .logDirectory, .checkpointDirectory, .offsetsDirectory, .commitsDirectory,
            .stateDirectory, .tableDirectory, .partitionDirectory, .compactionDirectory,
        ].map { Mutant(.directorySyncDropped, $0) }
        + [Mutant(.fileSyncDropped, .highWatermark)]
        + [.segment, .journal, .offsets, .commit, .stateDelta, .part, .table, .compacted].map {
            Mutant(.failedSyncIgnored, $0)
        }
        + [.segment, .journal, .stateDelta, .part, .compacted].map {
            Mutant(.failedSyncRetried, $0)
        }
        + [.segment, .journal, .stateDelta, .part, .commit, .offsets, .compacted].map {
            Mutant(.failedWriteIgnored, $0)
        }
        + [Mutant(.lockGranted), Mutant(.lostLockIgnored)]
        + [
            Mutant(.committedInPrepare), Mutant(.committedBeforeOthers), Mutant(.abortIgnored),
            Mutant(.recoverySkipped),
        ]
}
