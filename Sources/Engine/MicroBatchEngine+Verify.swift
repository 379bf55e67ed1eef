import Checkpoints
import Columnar
import ConnectorAPI
import Expressions
import Jobs
import KeyedState
import Operators
import Storage

/// What running recorded batches again found.
public struct VerificationReport: Sendable {
    /// The batches that were run again.
    public var batches: ClosedRange<Int64>?
    /// Files (of sinks and of state) whose every byte came out the same.
    public var identicalFiles = 0
    /// A sentence for each file that did not.
    public var differences: [String] = []
}

extension MicroBatchEngine {
    /// Runs the committed batches from `first` on again and compares what they give with what they
    /// published.
    ///
    /// They run with their recorded offsets, watermarks and times. Nothing is published, and the
    /// engine goes on afterwards from where it stood.
    ///
    /// - Parameter first: the first batch to run again.
    /// - Returns: how many files came out the same, and which did not.
    /// - Throws: `.batchNotRetained` when the checkpoint no longer holds what batch `first` began
    ///   with.
    public func verify(from first: Int64) throws -> VerificationReport {
        let reader = checkpoint.reader
        guard let last = try reader.committedBatches().last?.number else {
            return VerificationReport()
        }
        try checkRetained(first, last)
        let watermark = graph.tracker
        try graph.restoreState(before: first, commit: checkpoint.recordedCommit)
        var report = VerificationReport(batches: first...last)
        for number in first...last {
            let commit = try reader.commit(BatchID(number))
            let plan = try BatchPlan(
                reader.rerunPoint(BatchID(number)), sources: sources.names)
            try sources.require(plan.offsets)
            var timer = BatchTimer(time)
            let outcome = try graph.run(
                plan, from: sources.all, workers: runner.workers, timer: &timer)
            try graph.verify(outcome, plan, against: commit, isLast: number == last, &report)
        }
        graph.tracker = watermark
        return report
    }

    private func checkRetained(_ first: Int64, _ last: Int64) throws {
        let oldest = try checkpoint.reader.plannedBatches().first?.number ?? 0
        let earliest = oldest == 0 ? 0 : oldest + 1
        guard (earliest...max(earliest, last)).contains(first) else {
            throw EngineError(
                .batchNotRetained,
                "batch \(first) cannot be run again: the checkpoint holds batches \(earliest) to "
                    + "\(last). Raise options.minBatchesToRetain to keep more, or replay the log "
                    + "from its start")
        }
    }
}

extension QueryGraph {
    /// Compares a batch's outcome with what its commit recorded and with the files in place.
    fileprivate func verify(
        _ outcome: BatchOutcome, _ plan: BatchPlan, against commit: CommitEntry, isLast: Bool,
        _ report: inout VerificationReport
    ) throws {
        for publication in publications(outcome).flatMap(\.self) {
            let sink = publication.sink
            guard isLast || sink.history == .everyBatch else { continue }
            let receipts = commit.sinks.filter { sink.id.isOwner($0.owner) }.map(\.receipt)
            let found = try sink.verify(publication.batch(plan), receipts)
            report.differences += found.map { "batch \(plan.batch): \($0)" }
            report.identicalFiles += max(0, receipts.count - found.count)
        }
        for state in nodes.flatMap(\.states) {
            let differences = try state.verify(plan.batch, commit)
            report.differences += differences.map { "batch \(plan.batch): \($0)" }
            report.identicalFiles +=
                commit.state.count { $0.owner == state.owner } - differences.count
        }
    }
}
