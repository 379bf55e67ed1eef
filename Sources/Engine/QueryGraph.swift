import Checkpoints
import Columnar
import ConnectorAPI
import Expressions
import Jobs
import Operators
import Storage

/// The queries of a job at run time: one scan of the source feeds all that read it, their outputs
/// feed the queries behind them, and all commit together.
///
/// Parallelism is over blocks for reading and expressions, and over queries for folding; inside a
/// query rows are folded in source order by one thread at a time, so results do not depend on it.
// `@unchecked`: publishing reads what is set once, everything else is one thread's at a time.
final class QueryGraph: @unchecked Sendable {
    // Set once.
    let nodes: [QueryNode]
    let sourceNodes: [QueryNode]
    /// The sources, in the job's order: what becomes of their rows.
    let inputs: [EngineInput]
    let watermarks: [EngineWatermark]
    /// Where the rows that each watermark rejects go, if they are kept.
    let rejects: [SideOutput?]
    let policy: WatermarkPolicy
    let files: any FileSystem

    // Changing.
    var tracker: WatermarkTracker

    /// Rows of a block: large enough that a block's overhead is small, small enough that the
    /// columns of one stay in the second-level cache.
    static let blockRows = 65_536
    /// Blocks a thread that may be prepared and not yet folded: what bounds memory.
    static let blocksAheadPerThread = 2

    /// Opens every query's sinks and state directory.
    init(
        job: EngineJob, checkpointID: String, files: any FileSystem, stateDirectory: Path
    ) throws {
        let sideOutput = { (table: SideTable) in
            SideOutput(table, try job.openSideTable(table, checkpointID))
        }
        nodes = try job.plan.queries.map { query in
            try QueryNode(
                query, sinks: job.openSinks(query, checkpointID),
                late: query.late.map(sideOutput), job: job, files: files,
                stateDirectory: stateDirectory)
        }
        rejects = try job.plan.watermarks.map { try $0.rejects.map(sideOutput) }
        sourceNodes = nodes.filter { $0.query.upstream == nil }
        inputs = job.inputs
        watermarks = job.watermarks
        policy = job.job.options.multipleWatermarkPolicy
        self.files = files
        tracker = WatermarkTracker(inputs: [])
        restoreWatermark(maximaMs: [:], watermarkMs: 0)
    }

    /// The global watermark after the last batch, ms.
    var watermarkMs: Int64 { tracker.watermarkMs }

    /// Each watermark's own maximum of (event time - delay), ms; none before its first row.
    var watermarkMaximaMs: [String: Int64] {
        var maxima: [String: Int64] = [:]
        for (watermark, input) in zip(watermarks, tracker.inputs) {
            maxima[watermark.name] = input.watermarkMs
        }
        return maxima
    }

    /// Goes on from the maxima and the watermark that a checkpoint recorded.
    func restoreWatermark(maximaMs: [String: Int64], watermarkMs: Int64) {
        let inputs = watermarks.map { watermark in
            // Saturating: a recorded maximum is at most the largest time minus the delay.
            let seen = maximaMs[watermark.name].map { maximum in
                let (time, overflow) = maximum.addingReportingOverflow(watermark.delayMs)
                return overflow ? Int64.max : time
            }
            return WatermarkTracker.Input(delayMs: watermark.delayMs, maxEventTimeMs: seen)
        }
        tracker = WatermarkTracker(inputs: inputs, policy: policy, watermarkMs: watermarkMs)
    }

    func raiseWatermark(toMs watermarkMs: Int64) { tracker.raise(toMs: watermarkMs) }

    /// Whether a batch without rows would let a query close windows.
    func wantsNoDataBatch(watermarkMs: Int64, lastWatermarkMs: Int64) -> Bool {
        nodes.contains {
            $0.wantsNoDataBatch(watermarkMs: watermarkMs, lastWatermarkMs: lastWatermarkMs)
        }
    }

    /// The end of the last window that some query holds open, ms, rounded up.
    var lastOpenWindowEndMs: Int64? { nodes.compactMap(\.lastOpenWindowEndMs).max() }
}

/// What a batch computed, before anything of it is visible.
struct BatchOutcome {
    /// What each query emits, in the order of the nodes.
    var outputs: [NodeOutput]
    /// The rows that were too far ahead of the clock, for each watermark that keeps them.
    var rejected: [RecordBatch?]
    /// What each source gave.
    var tally: SourceTally
    /// What each query did.
    var queries: [QueryProgress]
    /// The batch's event times; `nil` without rows or watermark.
    var eventTime: EventTimeStatistics?
    /// The time spent in the stages of running.
    var durations = StageDurations()
    var profile = BatchProfile()
    /// Whether the sinks that can have shown their rows already.
    var isShown = false
}

extension QueryGraph {
    /// Reads the plan's rows once and computes what every query emits.
    func run(
        _ plan: BatchPlan, from sources: [any StreamSource], workers: Workers,
        clock: inout StageClock
    ) throws -> BatchOutcome {
        var scan = begin(isLive: false)
        try read(plan, from: sources, workers, into: &scan, &clock)
        return try finish(plan, scan, &clock)
    }

    /// Begins a batch: what is read is folded into it until it is finished.
    func begin(isLive: Bool) -> BatchScan {
        for node in nodes { node.beginBatch(isLive: isLive) }
        for output in rejects { output?.beginBatch() }
        return BatchScan(
            tally: SourceTally(watermarks: watermarks.count, sources: inputs.count), isLive: isLive)
    }

    /// Shows, where a sink can, what is new since the last call in the batch.
    func show(_ plan: BatchPlan) throws {
        for node in sourceNodes { try node.asItsOwn { try node.show(plan, plan.context) } }
    }

    /// Ends a batch: computes what every query emits.
    func finish(
        _ plan: BatchPlan, _ scan: BatchScan, _ clock: inout StageClock
    ) throws -> BatchOutcome {
        var scan = scan
        let outputs = try finish(plan, plan.context)
        let finishing = clock.lap()
        scan.durations.aggregate += finishing
        scan.profile.add(wall: finishing, [(.grouping, finishing)])
        let tally = scan.tally
        if !watermarks.isEmpty { tracker.endBatch(tally.times) }
        let rejected = try zip(rejects, watermarks).map { output, watermark in
            try output?.rejectedRows(timeColumn: watermark.column, plan)
        }
        return BatchOutcome(
            outputs: outputs, rejected: rejected, tally: tally, queries: nodes.map(\.progress),
            eventTime: tally.allTimes.count > 0 ? tally.allTimes : nil,
            durations: scan.durations, profile: scan.profile, isShown: scan.isLive)
    }

    private func finish(
        _ plan: BatchPlan, _ context: EvaluationContext
    ) throws -> [NodeOutput] {
        var outputs: [NodeOutput] = []
        for node in nodes {
            let output = try node.asItsOwn {
                if let upstream = node.query.upstream {
                    let sequence = Self.derivedSequence(batch: plan.batch)
                    for input in outputs[upstream].blocks(firstSequence: sequence) {
                        try node.fold(
                            node.prepare(input, context), lateWatermarkMs: plan.lateWatermarkMs,
                            context)
                    }
                }
                return try node.finishBatch(plan, context)
            }
            outputs.append(output)
        }
        return outputs
    }

    /// The sequence of the first row that a query gives another in a batch: the rows of a batch
    /// come after those of the batches before, whatever their number, and in a batch they keep
    /// the order in which the query gives them.
    private static func derivedSequence(batch: Int64) -> Int64 {
        precondition(batch < 1 << 31, "more than 2^31 batches")
        return batch << 32
    }
}

extension QueryGraph {
    /// Copies every query's changes out of its state, which then goes on to the next batch.
    func takeChanges(_ batch: Int64) throws -> [[ChangedState]] {
        try nodes.map { node in try node.asItsOwn { try node.takeChanges(batch) } }
    }

    /// Makes the state that which a batch begins with.
    func restoreState(before batch: Int64, commit: (Int64) -> CommitEntry?) throws {
        for node in nodes { try node.restoreState(before: batch, commit) }
    }

    /// Removes state files that no batch from `batch` on needs to begin with; gives the oldest batch
    /// whose commit they need, at most `batch`.
    func removeOldState(before batch: Int64, commit: (Int64) -> CommitEntry?) throws -> Int64 {
        try nodes.flatMap { try $0.removeOldState(before: batch, commit) }.reduce(batch, min)
    }

    /// What goes where after a batch: first the queries' sinks and late rows, one list each, then
    /// the rows that were rejected.
    func publications(_ outcome: BatchOutcome) -> [[Publication]] {
        var all = zip(nodes, outcome.outputs).map { node, output in
            node.sinks.filter { !(outcome.isShown && node.shows($0)) }
                .map { Publication(sink: $0, rows: output.rows) }
                + Publication.aside(node.late, output.late)
        }
        for (output, rejected) in zip(rejects, outcome.rejected) {
            all.append(Publication.aside(output, rejected))
        }
        return all
    }
}

/// Rows of a batch and the sink that they go to.
struct Publication: Sendable {
    let sink: any Sink
    let rows: RecordBatch

    /// Rows that were set aside, if their job keeps them.
    static func aside(_ output: SideOutput?, _ rows: RecordBatch?) -> [Publication] {
        guard let output, let rows else { return [] }
        return [Publication(sink: output.sink, rows: rows)]
    }

    /// Publishes the rows: what the commit has to remember of them.
    func publish(_ plan: BatchPlan) throws -> [FileReceipt] {
        try sink.write(
            batch: plan.batch, rows: rows, timestampMs: plan.timestampMs, isRerun: plan.isRerun
        ).map {
            FileReceipt(
                owner: sink.description, path: $0.path, size: $0.bytes, checksum: $0.checksum)
        }
    }
}
