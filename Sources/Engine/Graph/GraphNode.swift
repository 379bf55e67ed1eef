import Columnar
import ConnectorAPI
import Expressions
import Jobs
import KeyedState
import Operators
import Storage

/// What a query gives in a batch.
struct NodeOutput: Sendable {
    /// The rows that it emits.
    var rows: RecordBatch
    /// The rows that were too late, for a query that keeps them.
    var late: RecordBatch?
}

/// One operator of a job at run time, with its state files; that which gives the result of its query
/// has the query's sinks, too.
///
/// Invariants:
/// - `parts` has what it emitted in the batch, if somebody wants it, and `rowsOut` counts it; the
///   first `shownParts` of them were shown.
// `@unchecked`: `prepare` reads only what is set once; the graph lets one thread at a time do
// everything else.
final class GraphNode: @unchecked Sendable {
    // Set once.
    let node: OperatorNode
    /// The query that it is a part of.
    let query: PlannedQuery
    /// The query's sinks, if what the operator emits is its result.
    let sinks: [any Sink]
    /// Those that show rows while a batch runs: of a query in output mode `append` only those that
    /// take what may yet change.
    let liveSinks: [any LiveSink]
    /// Where late rows go, if the query keeps them: the same for all of its operators.
    let late: SideOutput?
    let states: [OperatorStateStore]
    /// Whether what is emitted stays true: whether all operators that the rows came through say so.
    let isAppendOnly: Bool
    /// Whether its rows stay true that come in, which is when what it emits can be shown at once.
    private let readsAppendOnly: Bool

    // Changing.
    var rows = OutputRows()
    private var parts: [RecordBatch] = []
    private var shownParts = 0
    /// Whether those who look were shown everything up to the last call, so that changes are enough.
    private var isFollowed = false
    private(set) var rowsOut = 0

    init(
        _ node: OperatorNode, of query: PlannedQuery, sinks: [any Sink], late: SideOutput?,
        states: [OperatorStateStore], readsAppendOnly: Bool
    ) {
        self.node = node
        self.query = query
        self.sinks = sinks
        liveSinks = sinks.compactMap { $0 as? any LiveSink }.filter { sink in
            query.outputMode == .update || query.outputMode == .append && sink.takesProvisional
        }
        self.late = late
        self.states = states
        self.readsAppendOnly = readsAppendOnly
        isAppendOnly = readsAppendOnly && node.operation.output.isAppendOnly
    }

    /// Forgets what the last batch gave; rows that operators make are numbered from a sequence on.
    func beginBatch(firstSequence: Int64) {
        rows = OutputRows(firstSequence: firstSequence)
        parts = []
        shownParts = 0
        rowsOut = 0
        late?.beginBatch()
    }

    /// Where the rows of a block are from, for faults that name a row of it: those that another
    /// query emits have no offset of their own.
    func origin(of block: InputBlock) -> Lane? { query.upstream == nil ? block.lane : nil }

    /// Does the work on a block that needs no state: any thread, any order.
    func prepare(_ block: InputBlock, port: Int, _ batch: BatchContext) throws -> PreparedRows {
        try attributingErrors(lane: origin(of: block)) {
            PreparedRows(
                input: try node.prepare(block, port: port, batch), lane: origin(of: block),
                block: late == nil ? nil : block)
        }
    }

    /// Takes a prepared block in; gives what is emitted.
    func fold(_ prepared: PreparedRows, _ batch: BatchContext) throws -> [InputBlock] {
        try attributingErrors(lane: prepared.lane) {
            try node.fold(prepared.input, batch, into: &rows)
        }
        late?.add(rows.takeLateRows(), of: prepared.block)
        return takeBlocks()
    }

    /// Ends a batch; gives what is emitted.
    func finish(_ batch: BatchContext) throws -> [InputBlock] {
        try attributingErrors { try node.operation.finish(batch, into: &rows) }
        return takeBlocks()
    }

    private func takeBlocks() -> [InputBlock] {
        let blocks = rows.takeBlocks()
        for block in blocks {
            rowsOut += block.batch.count
            if !sinks.isEmpty { parts.append(block.batch) }
        }
        return blocks
    }

    /// Ends a batch behind `finish`: the rows for the sinks, and those that were set aside.
    func takeOutput(_ plan: BatchPlan) throws -> NodeOutput {
        try attributingErrors {
            defer { parts = [] }
            return NodeOutput(
                rows: try RecordBatch.concatenate(parts, schema: query.outputSchema),
                late: try late?.lateRows(of: query, plan))
        }
    }
}

/// A block on its way from `prepare` to `fold` of a node.
struct PreparedRows: Sendable {
    let input: PreparedInput
    let lane: Lane?
    /// The block itself, for a query that keeps its late rows.
    let block: InputBlock?
}

extension GraphNode {
    // MARK: Showing rows while a batch runs

    /// Whether a sink was shown a batch's rows while the batch ran, and gets none at its commit.
    func shows(_ sink: any Sink) -> Bool {
        liveSinks.contains { $0 === sink && !$0.takesProvisional }
    }

    /// Whether rows are to be shown at a moment of a batch.
    func wantsShowing(at moment: ShowMoment) -> Bool {
        switch moment {
        case .running: liveSinks.contains(where: \.wantsRows)
        case .endOfLive: liveSinks.contains(where: \.isWatched)
        // What is emitted comes with the commit; groups that stay open would not come at all.
        case .end: query.outputMode == .append && liveSinks.contains(where: \.isWatched)
        }
    }

    /// A batch ended without showing: who looks next is shown all that is open.
    func endUnshown() { isFollowed = false }

    /// What is unfinished here and has changed since the last call in the batch; `inputs` are what
    /// was unfinished before it, with the ports.
    ///
    /// What an unfinished group of a query in output mode `append` comes to is only looked at: where
    /// it cannot be computed, as where nothing has yet been added to a divisor, it is left out.
    func unfinished(
        _ inputs: [(port: Int, block: InputBlock)], _ batch: BatchContext
    ) throws -> [InputBlock] {
        do {
            return try attributingErrors {
                var shown = OutputRows()
                try node.operation.show(isFollowed ? .changes : .all, batch, into: &shown)
                for input in inputs {
                    try node.operation.preview(input.block, port: input.port, batch, into: &shown)
                }
                return shown.blocks
            }
        } catch {
            guard query.outputMode == .append else { throw error }
            return []
        }
    }

    /// Shows what was emitted since the last call, and what is unfinished.
    func show(_ unfinished: [InputBlock], _ batch: BatchContext) throws {
        let watching = liveSinks.filter(\.isWatched)
        isFollowed = watching.contains(where: \.takesProvisional)
        guard !watching.isEmpty else { return }
        try attributingErrors {
            // What is emitted behind unfinished rows was shown with those.
            let emitted = readsAppendOnly && node.operation.output.isAppendOnly
            let new = emitted ? Array(parts[shownParts...]) : []
            shownParts = parts.count
            guard !(new.isEmpty && unfinished.isEmpty) else { return }
            let rows = try RecordBatch.concatenate(
                new + unfinished.map(\.batch), schema: query.outputSchema)
            guard rows.count > 0 else { return }
            let update = LiveUpdate(number: batch.number, rows: rows)
            for sink in watching { sink.show(update) }
        }
    }
}

/// When rows are shown that may yet change.
enum ShowMoment {
    /// While a batch in real time takes rows in.
    case running
    /// At the end of one, behind which a sink gets no more of its rows.
    case endOfLive
    /// At the end of any other batch.
    case end
}
