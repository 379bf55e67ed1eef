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

    /// Makes state and results durable.
    ///
    /// First everything is written that can fail, side by side: state under temporary names, and
    /// what every sink prepares. Until the last of them has, nobody sees anything of the batch, and
    /// state whose names are lost is computed again. Then the state gets its names, and beside that
    /// the sinks commit one after the other.
    private func save(
        _ batch: ComputedBatch, _ timer: inout BatchTimer
    ) throws -> (state: [Owned<FileReceipt>], sinks: [Owned<Receipt>]) {
        let prepared = try prepare(batch)
        timer.lap(
            (\.stateCommit, prepared.stateNanos), beside: (\.addBatch, prepared.sinkNanos),
            prepared.stages)
        let (state, sinks) = try publish(prepared)
        timer.lap(
            (\.stateCommit, state.work.nanos), beside: (\.addBatch, sinks.work.nanos),
            state.work.stages(.state) + sinks.work.stages(.sinks))
        return (state.files, sinks.receipts)
    }

    /// Writes the state of every query aside and lets every sink prepare, side by side.
    ///
    /// Their syncs need not wait for each other. When one fails nothing of any other stays.
    private func prepare(_ batch: ComputedBatch) throws -> PreparedParts {
        let attempt = Attempts(time)
        let parts = workers.map(2) { part in
            var parts = PreparedParts()
            if part == 0 {
                parts.state = workers.map(batch.changes.count) { index in
                    attempt {
                        try graph.nodes[index].attributingErrors {
                            try PreparedState(batch.changes[index], graph.files)
                        }
                    }
                }
            } else {
                parts.results = workers.map(batch.publications.count) { index in
                    attempt {
                        try attributingErrors(index) {
                            try PreparedResults(batch.publications[index], batch.plan)
                        }
                    }
                }
            }
            return parts
        }
        let prepared = PreparedParts(state: parts[0].state, results: parts[1].results)
        if let error = prepared.error {
            prepared.abort()
            throw error
        }
        return prepared
    }

    /// Names the state and lets the sinks commit, side by side; where there is one thread, the sinks
    /// only when the state has its names.
    private func publish(_ prepared: PreparedParts) throws -> (PublishedState, PublishedResults) {
        let sinksHaveBegun = Mutex(false)
        do {
            let published = try workers.map(2) { part in
                if part == 0 {
                    let (files, work) = try MeasuredWork.measure(time) {
                        try publishState(prepared)
                    }
                    return PublishedParts(state: PublishedState(files: files, work: work))
                }
                sinksHaveBegun.withLock { $0 = true }
                let (receipts, work) = try MeasuredWork.measure(time) { try commit(prepared) }
                return PublishedParts(results: PublishedResults(receipts: receipts, work: work))
            }
            guard let state = published[0].state, let results = published[1].results else {
                preconditionFailure("each part publishes its own")
            }
            return (state, results)
        } catch {
            if !sinksHaveBegun.withLock(\.self) { prepared.abort() }
            throw error
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

    var error: (any Error)? {
        if case .failure(let error) = result { error } else { nil }
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

/// State files that have their names.
private struct PublishedState: Sendable {
    let files: [Owned<FileReceipt>]
    let work: MeasuredWork
}

/// What the sinks gave when they committed.
private struct PublishedResults: Sendable {
    let receipts: [Owned<Receipt>]
    let work: MeasuredWork
}

/// What is published of a batch: one of the two.
private struct PublishedParts: Sendable {
    var state: PublishedState?
    var results: PublishedResults?
}

/// Everything of a batch that is written and not yet visible, as far as it could be.
private struct PreparedParts: Sendable {
    /// By query.
    var state: [Measured<PreparedState>] = []
    /// As the batch's publications are ordered.
    var results: [Measured<PreparedResults>] = []

    /// What failed first, in the job's order.
    var error: (any Error)? {
        (state.compactMap(\.error) + results.compactMap(\.error)).first { !($0 is NotBegun) }
    }

    func abort() {
        for part in results { part.value?.abort() }
        for part in state { part.value?.abort() }
    }

    /// What all threads spent on state and on results, ns.
    var stateNanos: UInt64 { state.reduce(0) { $0 + $1.work.nanos } }
    var sinkNanos: UInt64 { results.reduce(0) { $0 + $1.work.nanos } }

    var stages: [(stage: BatchProfile.Stage, nanos: UInt64)] {
        state.flatMap { $0.work.stages(.state) } + results.flatMap { $0.work.stages(.sinks) }
    }
}
