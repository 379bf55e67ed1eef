import Checkpoints
import Columnar
import Dispatch
import Storage
import Synchronization

/// A computed batch with everything that is to be made durable of it.
///
/// Nothing in it changes any more, so that it can be stored while the next batch is computed.
struct ComputedBatch: Sendable {
    let plan: BatchPlan
    /// The plan, if it is still to be logged.
    let entry: OffsetsEntry?
    /// What changed in the state of each query.
    let changes: [[ChangedState]]
    /// What goes to the sinks, as `QueryGraph.publications` orders it.
    let publications: [[Publication]]
    /// The commit, but for the files that are not there yet.
    let commit: CommitEntry
    var outcome: BatchOutcome
    let sources: [SourceProgress]
    let begunNanos: UInt64
}

/// What storing a batch came to, or a part of it.
struct StoredBatch: Sendable {
    var durations = StageDurations()
    var profile = BatchProfile()
    var endedNanos: UInt64 = 0
}

/// Makes batches durable, one after the other: the plan, then state and results side by side, then
/// the commit.
// `@unchecked`: of the graph it uses what is set once.
struct BatchStorage: @unchecked Sendable {
    let checkpoint: CheckpointStore
    let graph: QueryGraph
    let workers: Workers
    let time: any TimeSource
    let sourceNames: [String]

    /// Stores a batch; when this returns it is committed.
    ///
    /// - Throws: ``BatchError`` when it fails before the commit.
    func store(_ batch: ComputedBatch) throws -> StoredBatch {
        var clock = StageClock(time)
        var stored = StoredBatch()
        do {
            if let entry = batch.entry { stored = try log(entry, &clock) }
            var commit = batch.commit
            (commit.state, commit.sinks) = try save(batch, &stored, &clock)
            let (_, work) = try MeasuredWork.measure(time) { try checkpoint.logCommit(commit) }
            stored.durations.commitOffsets = clock.lap()
            stored.profile.add(wall: stored.durations.commitOffsets, work.stages(.checkpoint))
        } catch {
            throw BatchError(batch.plan, sources: sourceNames, error)
        }
        stored.endedNanos = clock.now
        return stored
    }

    /// Logs what a batch reads, before anything of it is durable.
    func log(_ entry: OffsetsEntry, _ clock: inout StageClock) throws -> StoredBatch {
        let (_, work) = try MeasuredWork.measure(time) { try checkpoint.logOffsets(entry) }
        var stored = StoredBatch()
        stored.durations.walCommit = clock.lap()
        stored.profile.add(wall: stored.durations.walCommit, work.stages(.checkpoint))
        return stored
    }

    /// Makes state durable and publishes, side by side: a state without its commit is not read, and
    /// files without theirs are left again, byte for byte, by whoever runs the batch again.
    private func save(
        _ batch: ComputedBatch, _ stored: inout StoredBatch, _ clock: inout StageClock
    ) throws -> (state: [Owned<FileReceipt>], sinks: [Owned<Receipt>]) {
        let saved = try workers.map(2) { part in
            part == 0
                ? (try saveState(batch), Saved<Owned<Receipt>>())
                : (Saved<Owned<FileReceipt>>(), try publish(batch))
        }
        let (state, sinks) = (saved[0].0, saved[1].1)
        let wall = clock.lap()
        stored.durations.stateCommit = share(of: wall, state.nanos, beside: sinks.nanos)
        stored.durations.addBatch = wall - stored.durations.stateCommit
        stored.profile.add(wall: wall, state.stages(.state) + sinks.stages(.sinks))
        return (state.receipts, sinks.receipts)
    }

    /// Makes every query's changes durable, side by side: their syncs need not wait for each other.
    private func saveState(_ batch: ComputedBatch) throws -> Saved<Owned<FileReceipt>> {
        try Saved(workers, batch.changes.count, time) { index in
            try graph.nodes[index].attributingErrors {
                try batch.changes[index].flatMap { try $0.save() }
            }
        }
    }

    /// Publishes what the batch emits, query by query.
    private func publish(_ batch: ComputedBatch) throws -> Saved<Owned<Receipt>> {
        try Saved(workers, batch.publications.count, time) { index in
            let publish = { try batch.publications[index].flatMap { try $0.publish(batch.plan) } }
            return index < graph.outputs.count
                ? try graph.nodes[graph.outputs[index]].attributingErrors(publish) : try publish()
        }
    }

    /// Removes what no batch from `retained` on needs; may run beside a batch.
    ///
    /// First the state says how far back it needs commits, then entries before go.
    func removeOld(retained: BatchID) throws {
        let oldest = try graph.removeOldState(before: retained.number) {
            checkpoint.recordedCommit($0)
        }
        try checkpoint.purge(before: BatchID(oldest))
    }
}

/// Work that runs beside the calling thread.
final class Background<Value: Sendable>: Sendable {
    private let result = Mutex<Result<Value, any Error>?>(nil)
    private let isDone = DispatchSemaphore(value: 0)

    /// Begins the work; with one thread it is done at once.
    init(threads: Int, _ work: @escaping @Sendable () throws -> Value) {
        let run: @Sendable () -> Void = {
            let result = Result { try work() }
            self.result.withLock { $0 = result }
            self.isDone.signal()
        }
        if threads > 1 { DispatchQueue.global().async(execute: run) } else { run() }
    }

    /// Waits until it is done; called once.
    func wait() throws -> Value {
        isDone.wait()
        guard let result = result.withLock({ $0 }) else {
            preconditionFailure("work that is done left nothing")
        }
        return try result.get()
    }
}

extension BatchOutcome {
    /// Adds the times of storing the batch, or a part of it.
    mutating func add(_ stored: StoredBatch) {
        durations.add(stored.durations)
        profile.add(stored.profile)
    }
}

extension CheckpointStore {
    /// What the commit of a batch recorded, `nil` when it is not kept or cannot be read.
    func recordedCommit(_ batch: Int64) -> CommitEntry? { try? reader.commit(BatchID(batch)) }
}

/// What is durable now, and the work that it was.
private struct Saved<Receipt: Sendable>: Sendable {
    private(set) var receipts: [Receipt] = []
    private var work: [MeasuredWork] = []

    /// Nothing.
    init() {}

    /// Saves so many parts, side by side.
    init(
        _ workers: Workers, _ count: Int, _ time: any TimeSource,
        _ save: @escaping @Sendable (Int) throws -> [Receipt]
    ) throws {
        let parts = try workers.map(count) { index in
            try MeasuredWork.measure(time) { try save(index) }
        }
        receipts = parts.flatMap(\.0)
        work = parts.map(\.1)
    }

    /// What all threads spent on them, ns.
    var nanos: UInt64 { work.reduce(0) { $0 + $1.nanos } }

    /// The time under a stage's name, but for the syncs.
    func stages(_ stage: BatchProfile.Stage) -> [(stage: BatchProfile.Stage, nanos: UInt64)] {
        work.flatMap { $0.stages(stage) }
    }
}
