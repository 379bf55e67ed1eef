import Checkpoints
import Columnar
import ConnectorAPI
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
    let outcome: BatchOutcome
    let sources: [SourceProgress]
    var timer: BatchTimer
}

/// Makes batches durable, one after the other: the plan, then state and what the sinks publish, then
/// the commit.
// `@unchecked`: of the graph it uses what is set once.
struct BatchStorage: @unchecked Sendable {
    let checkpoint: CheckpointStore
    let graph: QueryGraph
    let workers: Workers
    let time: any TimeSource
    /// Asks sinks again.
    let retry: SinkRetry
    let sourceNames: [String]

    /// Stores a batch; when this returns it is committed.
    ///
    /// - Returns: the times of storing it.
    /// - Throws: ``BatchError`` when it fails before the commit.
    func store(_ batch: ComputedBatch) throws -> BatchTimer {
        var timer = BatchTimer(time)
        do {
            if let entry = batch.entry { try log(entry, &timer) }
            var commit = batch.commit
            (commit.state, commit.sinks) = try save(batch, &timer)
            try timer.measure(\.commitOffsets, .checkpoint) { try checkpoint.logCommit(commit) }
        } catch {
            throw BatchError(batch.plan, sources: sourceNames, error)
        }
        return timer
    }

    /// Logs what a batch reads, before anything of it is durable.
    func log(_ entry: OffsetsEntry, _ timer: inout BatchTimer) throws {
        try timer.measure(\.walCommit, .checkpoint) { try checkpoint.logOffsets(entry) }
    }

    /// Makes state and results durable, side by side: their syncs need not wait for each other.
    ///
    /// First everything is written that can fail: state under temporary names, and what every sink
    /// prepares. Until the last of them has, nobody sees anything of the batch, and state whose names
    /// are lost is computed again. Then the state gets its names, and beside that the sinks commit
    /// one after the other. For all of this one other thread is woken, and once: in a batch of few
    /// rows that takes longer than anything else.
    private func save(
        _ batch: ComputedBatch, _ timer: inout BatchTimer
    ) throws -> (state: [Owned<FileReceipt>], sinks: [Owned<Receipt>]) {
        let attempt = Attempts(time)
        let both = Meeting<[Measured<PreparedState>], [Measured<PreparedResults>]>()
        let beside = Background(threads: workers.threads) {
            both.bring(first: prepareState(batch, attempt))
            let parts = PreparedParts(both.wait())
            return parts.error == nil ? attempt { try publishState(parts) } : nil
        }
        both.bring(second: prepareResults(batch, attempt))
        beside.begin()
        let parts = PreparedParts(both.wait())
        timer.lap(
            (\.stateCommit, parts.stateNanos), beside: (\.addBatch, parts.sinkNanos),
            parts.stages)
        // Where there is one thread the state has its names by now, or could not be given them.
        let sinks = parts.error == nil ? attempt { try commit(parts) } : nil
        let state = try beside.wait()
        if let error = parts.error ?? state?.failure ?? sinks?.failure {
            if state?.hasBegun != true { for part in parts.state { part.value?.abort() } }
            if sinks?.hasBegun != true { for part in parts.results { part.value?.abort() } }
            throw error
        }
        guard let state, let sinks else { preconditionFailure("what has not failed was done") }
        timer.lap(
            (\.stateCommit, state.work.nanos), beside: (\.addBatch, sinks.work.nanos),
            state.work.stages(.state) + sinks.work.stages(.sinks))
        return try (state.result.get(), sinks.result.get())
    }

    /// Writes the state of every query aside.
    private func prepareState(
        _ batch: ComputedBatch, _ attempt: Attempts
    ) -> [Measured<PreparedState>] {
        workers.map(batch.changes.count) { index in
            attempt {
                try graph.nodes[index].attributingErrors {
                    try PreparedState(batch.changes[index], graph.files)
                }
            }
        }
    }

    /// Lets every sink prepare.
    private func prepareResults(
        _ batch: ComputedBatch, _ attempt: Attempts
    ) -> [Measured<PreparedResults>] {
        workers.map(batch.publications.count) { index in
            attempt {
                try attributingErrors(index) {
                    try PreparedResults(
                        batch.publications[index], batch.plan, retry)
                }
            }
        }
    }

    /// Gives the state files of every query their names, side by side.
    private func publishState(_ prepared: PreparedParts) throws -> [Owned<FileReceipt>] {
        do {
            return try workers.map(prepared.state.count) { index in
                try graph.nodes[index].attributingErrors {
                    try prepared.state[index].result.get().publish()
                }
            }.flatMap(\.self)
        } catch {
            for part in prepared.state { part.value?.abort() }
            throw error
        }
    }

    /// Lets the sinks commit, in the job's order.
    ///
    /// When one fails, nothing stays of those after it; those before it have the batch, and will be
    /// given it again.
    private func commit(_ prepared: PreparedParts) throws -> [Owned<Receipt>] {
        var receipts: [Owned<Receipt>] = []
        for (index, measured) in prepared.results.enumerated() {
            let results = try measured.result.get()
            for part in 0..<results.count {
                do {
                    receipts += try attributingErrors(index) { try results.commit(part) }
                } catch {
                    results.abort(from: part + 1)
                    for later in prepared.results[(index + 1)...] { later.value?.abort() }
                    throw error
                }
            }
        }
        return receipts
    }

    /// Does work for the sinks of a query, or of a watermark, by its index among the publications; an
    /// error tells the query.
    private func attributingErrors<Result>(
        _ index: Int, _ work: () throws -> Result
    ) throws -> Result {
        guard index < graph.outputs.count else { return try work() }
        return try graph.nodes[graph.outputs[index]].attributingErrors(work)
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

extension CheckpointStore {
    /// What the commit of a batch recorded, `nil` when it is not kept or cannot be read.
    func recordedCommit(_ batch: Int64) -> CommitEntry? { try? reader.commit(BatchID(batch)) }
}

/// A piece of work that was done or has failed, and how long it took.
private struct Measured<Value: Sendable>: Sendable {
    let result: Result<Value, any Error>
    let work: MeasuredWork

    init(_ time: any TimeSource, _ body: () throws -> Value) {
        (result, work) = MeasuredWork.measure(time) { Result { try body() } }
    }

    var value: Value? { try? result.get() }

    /// Whether it was begun: nothing else had failed by then.
    var hasBegun: Bool {
        if case .failure(let error) = result { !(error is NotBegun) } else { true }
    }

    /// Why it failed; nil also where it was not begun.
    var failure: (any Error)? {
        if hasBegun, case .failure(let error) = result { error } else { nil }
    }
}

/// Pieces of work of which none begins when another has failed: after a failed sync nothing more is
/// written.
private final class Attempts: Sendable {
    private let time: any TimeSource
    private let haveFailed = Mutex(false)

    init(_ time: any TimeSource) { self.time = time }

    func callAsFunction<Value>(_ body: () throws -> Value) -> Measured<Value> {
        Measured(time) {
            if haveFailed.withLock(\.self) { throw NotBegun() }
            do {
                return try body()
            } catch {
                haveFailed.withLock { $0 = true }
                throw error
            }
        }
    }
}

/// What became of a piece of work that another's failure left out.
private struct NotBegun: Error {}

/// Everything of a batch that is written and not yet visible, as far as it could be.
private struct PreparedParts: Sendable {
    /// By query.
    let state: [Measured<PreparedState>]
    /// As the batch's publications are ordered.
    let results: [Measured<PreparedResults>]

    init(_ parts: ([Measured<PreparedState>], [Measured<PreparedResults>])) {
        (state, results) = parts
    }

    /// What failed first, in the job's order.
    var error: (any Error)? { (state.compactMap(\.failure) + results.compactMap(\.failure)).first }

    /// What all threads spent on state and on results, ns.
    var stateNanos: UInt64 { state.reduce(0) { $0 + $1.work.nanos } }
    var sinkNanos: UInt64 { results.reduce(0) { $0 + $1.work.nanos } }

    var stages: [(stage: BatchProfile.Stage, nanos: UInt64)] {
        state.flatMap { $0.work.stages(.state) } + results.flatMap { $0.work.stages(.sinks) }
    }
}
