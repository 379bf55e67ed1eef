import Columnar
import ConnectorAPI
import Expressions
import Jobs
import KeyedState
import Operators
import Storage

/// A query's input block with everything computed that does not depend on other blocks.
struct PreparedInput: Sendable {
    enum Work: Sendable {
        /// To be searched for duplicates.
        case keys(PreparedKeys)
        /// To be folded into groups.
        case groups(PreparedBlock)
        /// Output rows of a query without state, of a source.
        case rows(RecordBatch, rowsIn: Int, source: Int)
    }

    let work: Work
    /// The block itself, for a query that keeps its late rows.
    let block: InputBlock?
}

/// What a query gives in a batch.
struct NodeOutput: Sendable {
    /// The rows that it emits.
    var rows: RecordBatch
    /// The places behind the rows of each source, for rows that are a union of several.
    var sourceEnds: [Int] = []
    /// The rows that were too late, for a query that keeps them.
    var late: RecordBatch?
}

extension NodeOutput {
    /// The rows as the input of another query: one block for each source.
    func blocks(firstSequence: Int64) -> [InputBlock] {
        guard !sourceEnds.isEmpty else {
            return rows.count == 0
                ? [] : [InputBlock(batch: rows, firstSequence: firstSequence)]
        }
        var start = 0
        var blocks: [InputBlock] = []
        for (source, end) in sourceEnds.enumerated() where end > start {
            blocks.append(
                InputBlock(
                    batch: rows.slice(start..<end), firstSequence: firstSequence + Int64(start),
                    source: source))
            start = end
        }
        return blocks
    }
}

/// One query of a job at run time, with its state files and its sinks.
///
/// A query with duplicates to leave out has two stages: what is first of its kind goes on to the
/// operation, with the sequence that it has in the input.
// `@unchecked`: `prepare` reads only what is set once; the graph lets one thread at a time do
// everything else.
final class QueryNode: @unchecked Sendable {
    // Set once.
    let query: PlannedQuery
    let deduplication: DeduplicateQuery?
    let operation: Operation
    let sinks: [any Sink]
    /// Those that show rows while a batch runs, in a query whose rows are of use before its end.
    let liveSinks: [any LiveSink]
    let late: SideOutput?
    let states: [KeptState]

    // Changing.
    private var outputRows: [RecordBatch] = []
    private var outputCounts: [Int]
    /// How many of `outputRows` were shown.
    private var shownBlocks = 0
    private(set) var progress: QueryProgress

    /// What a query does with its rows.
    enum Operation {
        case projection(ProjectionQuery)
        case aggregation(AggregateQuery)
    }

    /// A query with its sinks open; makes its state directories.
    init(
        _ query: PlannedQuery, sinks: [any Sink], late: SideOutput?, job: EngineJob,
        files: any FileSystem, stateDirectory: Path
    ) throws {
        let options = job.job.options
        let limits = OperatorLimits(
            stateRowsMax: options.maxStateRows, stateBytesMax: options.maxStateBytes)
        self.query = query
        self.sinks = sinks
        liveSinks = query.outputMode == .update ? sinks.compactMap { $0 as? any LiveSink } : []
        self.late = late
        progress = QueryProgress(name: query.name)
        progress.sinks = sinks.map(\.description)
        outputCounts = Array(repeating: 0, count: query.sources)
        // Spark's: the delay is that of the first source which has one.
        let distinct = query.deduplicateQuery(delayMs: job.watermarks.first?.delayMs, limits)
        deduplication = distinct
        var states: [KeptState] = []
        if let distinct {
            states.append(
                try KeptState(
                    query.duplicatesOwner, distinct.state, distinct.stateFingerprint, job, files,
                    stateDirectory))
        }
        switch distinct == nil ? query.plan : query.plan.withoutFilter {
        case .projection(let plan):
            operation = .projection(ProjectionQuery(plan: plan))
        case .aggregation(let plan):
            let aggregate = AggregateQuery(
                plan: plan, mode: query.outputMode, eventTimeColumn: query.eventTimeColumn,
                watermarked: query.isWatermarked, sources: query.sources, limits: limits)
            operation = .aggregation(aggregate)
            progress.isStateful = true
            states.append(
                try KeptState(
                    query.name, aggregate.state, aggregate.stateFingerprint, job, files,
                    stateDirectory))
        }
        self.states = states
    }

    private var aggregate: AggregateQuery? {
        if case .aggregation(let query) = operation { query } else { nil }
    }

    func wantsNoDataBatch(watermarkMs: Int64, lastWatermarkMs: Int64) -> Bool {
        let wants = [
            deduplication?.wantsNoDataBatch(
                newWatermarkMs: watermarkMs, lastWatermarkMs: lastWatermarkMs),
            aggregate?.wantsNoDataBatch(
                newWatermarkMs: watermarkMs, lastWatermarkMs: lastWatermarkMs),
        ]
        return wants.contains(true)
    }

    /// The end of the last window held open, ms, rounded up; `nil` when none is, or none closes.
    var lastOpenWindowEndMs: Int64? {
        guard query.outputMode != .complete, let end = aggregate?.lastWindowEndMicros else {
            return nil
        }
        return floorDivide(end, 1_000) + (end % 1_000 == 0 ? 0 : 1)
    }
}

extension PlannedQuery {
    /// The first stage of a query that leaves duplicates out, without state.
    func deduplicateQuery(delayMs: Int64?, _ limits: OperatorLimits) -> DeduplicateQuery? {
        deduplication.map { deduplication in
            let column = isWatermarked ? eventTimeColumn : nil
            return DeduplicateQuery(
                deduplication, filter: plan.filter, input: input,
                watermark: column.map { WatermarkedColumn(column: $0, delayMs: delayMs ?? 0) },
                limits: limits)
        }
    }
}

extension QueryNode {
    /// Does the work on a block that needs no state: any thread, any order.
    func prepare(_ block: InputBlock, _ context: EvaluationContext) throws -> PreparedInput {
        let work: PreparedInput.Work =
            if let deduplication {
                .keys(try deduplication.prepare(block, context))
            } else {
                try prepareOperation(block, context)
            }
        return PreparedInput(work: work, block: late == nil ? nil : block)
    }

    private func prepareOperation(
        _ block: InputBlock, _ context: EvaluationContext
    ) throws -> PreparedInput.Work {
        switch operation {
        case .projection(let query):
            .rows(
                try query.process(block, context), rowsIn: block.batch.count, source: block.source)
        case .aggregation(let query): .groups(try query.prepare(block, context))
        }
    }

    /// Takes in a prepared block; blocks come in the order of their rows.
    func fold(
        _ input: PreparedInput, lateWatermarkMs: Int64, _ context: EvaluationContext
    ) throws {
        switch (operation, input.work) {
        case (.projection, .rows(let rows, let rowsIn, let source)):
            outputRows.append(rows)
            outputCounts[source] += rows.count
            progress.rowsIn += rowsIn
        case (.aggregation(let query), .groups(let block)):
            let lateRows = try query.fold(block, lateWatermarkMs: lateWatermarkMs).lateRows
            late?.add(lateRows, of: input.block)
        case (_, .keys(let keys)):
            guard let distinct = try deduplication?.fold(keys, lateWatermarkMs: lateWatermarkMs)
            else { return }
            late?.add(distinct.lateRows, of: input.block)
            // What comes after is worked out here, since only now it is known for which rows.
            let work = try prepareOperation(distinct.block, context)
            try fold(
                PreparedInput(work: work, block: late == nil ? nil : distinct.block),
                lateWatermarkMs: lateWatermarkMs, context)
        default: preconditionFailure("a block prepared by another kind of query")
        }
    }

    /// Forgets what the last batch counted; `isLive` says whether the batch shows rows as it runs.
    func beginBatch(isLive: Bool) {
        var fresh = QueryProgress(name: query.name)
        fresh.sinks = progress.sinks
        fresh.isStateful = progress.isStateful
        progress = fresh
        outputRows = []
        shownBlocks = 0
        outputCounts = Array(repeating: 0, count: query.sources)
        late?.beginBatch()
        if isLive && !liveSinks.isEmpty { aggregate?.showChanges() }
    }

    /// Whether a sink shows rows while a batch runs.
    func shows(_ sink: any Sink) -> Bool { liveSinks.contains { $0 === sink } }

    /// Shows what is new or changed since the last call in the batch.
    func show(_ plan: BatchPlan, _ context: EvaluationContext) throws {
        guard !liveSinks.isEmpty else { return }
        let rows: RecordBatch
        switch operation {
        case .projection:
            rows = try RecordBatch.concatenate(
                Array(outputRows[shownBlocks...]), schema: query.plan.outputSchema)
            shownBlocks = outputRows.count
        case .aggregation(let aggregate): rows = try aggregate.changedRows(context)
        }
        guard rows.count > 0 else { return }
        for sink in liveSinks { sink.show(batch: plan.batch, rows: rows) }
    }

    /// Ends a batch: the rows that the query emits, and those that it sets aside.
    func finishBatch(_ plan: BatchPlan, _ context: EvaluationContext) throws -> NodeOutput {
        let rows: RecordBatch
        switch operation {
        case .projection:
            rows = try RecordBatch.concatenate(outputRows, schema: query.plan.outputSchema)
            outputRows = []
        case .aggregation(let aggregate):
            let output = try aggregate.finishBatch(evictionWatermarkMs: plan.watermarkMs, context)
            progress.count(output, stateBytes: aggregate.state.memoryBytes)
            rows = output.rows
        }
        progress.rowsOut = rows.count
        if let deduplication {
            let counts = deduplication.finishBatch(evictionWatermarkMs: plan.watermarkMs)
            progress.count(
                counts, of: deduplication.deduplication,
                stateBytes: deduplication.state.memoryBytes)
        }
        return NodeOutput(
            rows: rows, sourceEnds: query.outputSources > 1 ? sourceEnds : [],
            late: try late?.lateRows(of: query, plan))
    }
}

extension QueryNode {
    /// The places behind the rows of each source, which come one after the other.
    private var sourceEnds: [Int] {
        var end = 0
        return outputCounts.map { count in
            end += count
            return end
        }
    }
}

extension QueryProgress {
    fileprivate mutating func count(_ output: BatchOutput, stateBytes: Int) {
        rowsIn = output.rowsIn
        rowsLate = output.rowsLate
        groupsLate = output.groupsDropped
        stateRows = output.groupsTotal
        stateRowsUpdated = output.groupsUpdated
        stateRowsRemoved = output.groupsRemoved
        self.stateBytes = stateBytes
    }

    fileprivate mutating func count(
        _ counts: DeduplicationCounts, of kind: Deduplication, stateBytes: Int
    ) {
        rowsIn = counts.rowsIn
        rowsLate += counts.rowsLate
        deduplication = DeduplicationProgress(
            counts: counts, isWithinWatermark: kind.isWithinWatermark, stateBytes: stateBytes)
    }
}
