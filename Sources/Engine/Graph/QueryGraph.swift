import Checkpoints
import Columnar
import ConnectorAPI
import Expressions
import Jobs
import KeyedState
import Operators
import Storage

/// The operators of a job at run time: one scan of the sources feeds all that read them, what they
/// emit goes on to those behind them, and all commit together.
///
/// Parallelism is over blocks for reading and expressions, and over chains for folding: operators
/// that rows pass between, directly or not, are in one chain, and one thread at a time folds rows
/// into them, in source order; so results do not depend on it.
// `@unchecked`: publishing reads what is set once, everything else is one thread's at a time.
final class QueryGraph: @unchecked Sendable {
    // Set once.
    /// The operators, each behind those that it reads.
    let nodes: [GraphNode]
    /// The nodes that give the results of the queries, in the order of the queries.
    let outputs: [Int]
    /// Who reads what a node emits.
    let users: [[NodePort]]
    /// The ports that read sources, chain by chain.
    let chains: [[SourcePort]]
    /// The sources, in the job's order: what becomes of their rows.
    let inputs: [SourceStage]
    let watermarks: [EngineWatermark]
    /// Where the rows that each watermark rejects go, if they are kept.
    let rejects: [SideOutput?]
    /// Where the records of each source go that do not parse, if they are kept.
    let malformed: [SideOutput?]
    let policy: WatermarkPolicy
    let files: any FileSystem

    // Changing.
    var tracker: WatermarkTracker

    /// Rows of a block: large enough that a block's overhead is small, small enough that the
    /// columns of one stay in the second-level cache.
    static let blockRows = 65_536
    /// Blocks a thread that may be prepared and not yet folded: what bounds memory.
    static let blocksAheadPerThread = 2

    /// Opens every query's sinks and state directories.
    init(
        job: EngineJob, checkpointID: String, files: any FileSystem, stateDirectory: Path
    ) throws {
        let sideOutput = { (table: SideTable) in
            SideOutput(table, try job.openSideTable(table, checkpointID))
        }
        var builder = QueryGraphBuilder(
            job: job, sourceCount: job.plan.sources.count, files: files,
            stateDirectory: stateDirectory)
        for query in job.plan.queries {
            try builder.add(
                query, sinks: job.openSinks(query, checkpointID), late: query.late.map(sideOutput))
        }
        nodes = builder.nodes
        outputs = builder.outputs
        users = builder.users
        chains = builder.chains
        rejects = try job.plan.watermarks.map { try $0.rejects.map(sideOutput) }
        malformed = try job.job.sources.map { try $0.malformed.map(sideOutput) }
        inputs = job.inputs
        watermarks = job.watermarks
        policy = job.job.options.multipleWatermarkPolicy
        self.files = files
        tracker = WatermarkTracker(inputs: [])
        restoreWatermark(WatermarkRecord(), watermarkMs: 0)
    }

    /// The global watermark after the last batch, ms.
    var watermarkMs: Int64 { tracker.watermarkMs }

    func raiseWatermark(toMs watermarkMs: Int64) { tracker.raise(toMs: watermarkMs) }

    /// Whether a batch without rows would let an operator close windows.
    func wantsNoDataBatch(watermarkMs: Int64, lastWatermarkMs: Int64) -> Bool {
        let next = EventTime(Milliseconds(watermarkMs))
        let last = EventTime(Milliseconds(lastWatermarkMs))
        return nodes.contains { $0.node.operation.wantsEmptyBatch(next, after: last) }
    }

    /// The end of the last window that some operator holds open, ms, rounded up.
    var lastOpenWindowEndMs: Int64? {
        let deadlines = nodes.compactMap { $0.node.operation.deadlines?.upperBound.micros }
        return deadlines.max().map { floorDivide($0, 1_000) + ($0 % 1_000 == 0 ? 0 : 1) }
    }

    /// The windows that queries in output mode `append` hold open, also where no batch was run.
    var openWindows: [OpenWindows] {
        nodes.compactMap { node -> OpenWindows? in
            let operation = node.node.operation
            guard node.query.outputMode == .append, let last = operation.deadlines?.upperBound,
                let groups = operation.state.first?.table.count, groups > 0
            else { return nil }
            return OpenWindows(query: node.query.name, count: groups, lastEnd: last)
        }
    }
}

extension QueryGraph {
    /// Copies every operator's changes out of its state, which then goes on to the next batch.
    func takeChanges(_ batch: Int64) throws -> [[ChangedState]] {
        try nodes.map { node in
            try node.attributingErrors { try node.states.map { try $0.takeChanges(batch) } }
        }
    }

    /// Makes the state that which a batch begins with.
    func restoreState(before batch: Int64, commit: (Int64) -> CommitEntry?) throws {
        for state in nodes.flatMap(\.states) { try state.restore(before: batch, commit) }
    }

    /// Removes state files that no batch from `batch` on needs to begin with; gives the oldest batch
    /// whose commit they need, at most `batch`.
    func removeOldState(before batch: Int64, commit: (Int64) -> CommitEntry?) throws -> Int64 {
        try nodes.flatMap(\.states).compactMap { try $0.removeOld(before: batch, commit) }
            .reduce(batch, min)
    }

    /// Every sink, in the order in which their batches become visible.
    var sinks: [any Sink] {
        outputs.map { nodes[$0] }.flatMap { $0.sinks + [$0.late?.sink].compactMap(\.self) }
            + (rejects + malformed).compactMap { $0?.sink }
    }

    /// What goes where after a batch: first the queries' sinks and late rows, one list each, then
    /// the rows and records that were set aside.
    func publications(_ outcome: BatchOutcome) -> [[Publication]] {
        var all = zip(outputs, outcome.outputs).map { index, output in
            let node = nodes[index]
            return node.sinks.filter { !(outcome.isShown && node.shows($0)) }
                .map { Publication(sink: $0, rows: output.rows) }
                + Publication.aside(node.late, output.late)
        }
        for (output, rows) in zip(rejects + malformed, outcome.rejected + outcome.malformed) {
            all.append(Publication.aside(output, rows))
        }
        return all
    }
}
