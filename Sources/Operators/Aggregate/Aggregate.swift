public import Columnar
public import Expressions
public import KeyedState

/// Groups rows and folds each group with aggregate functions.
///
/// A `GroupAssigner` says which groups rows go to, `Groups` holds them.
public final class Aggregate: StreamOperator, @unchecked Sendable {
    // `@unchecked Sendable`: `prepare` only reads what is constant; everything else is called by
    // one thread at a time, which the caller sees to.

    // Set once.
    /// What it computes.
    public let plan: AggregationPlan
    /// Which groups a batch emits.
    public let mode: OutputMode
    /// The rows that come in.
    public let ports: [PortSchema]
    /// Groups.
    public let output: OutputProperties
    /// Whether a watermark reaches the operator at all.
    private let isWatermarked: Bool
    private let lanes: LaneLayout
    private let preparation: BlockPreparation
    private let assigner: any GroupAssigner
    let groups: Groups

    // Changing.
    /// What the last batch came to.
    public private(set) var counters = OperatorCounters(operatorName: "stateStoreSave")
    /// (row, window) pairs that were late in the last batch; for tumbling windows the same as rows.
    public private(set) var pairsLate = 0
    private var rowsIn = 0
    private var rowsLate = 0

    /// An operator that has seen nothing.
    ///
    /// - Parameters:
    ///   - plan: what it computes.
    ///   - mode: which groups it emits; `check` says whether it can work.
    ///   - eventTimeColumn: the column of the plan's input that orders `first` and `last`.
    ///   - watermarked: whether that column has a watermark.
    ///   - lanes: of which lanes the rows are.
    ///   - limits: how large the state may become.
    public init(
        plan: AggregationPlan, mode: OutputMode, eventTimeColumn: Int?, watermarked: Bool,
        lanes: LaneLayout = .one, limits: OperatorLimits = OperatorLimits()
    ) {
        self.plan = plan
        self.mode = mode
        self.lanes = lanes
        ports = [PortSchema(plan.input, eventTimeColumn: eventTimeColumn)]
        output = OutputProperties(
            schema: plan.outputSchema, order: .byGroup, isAppendOnly: mode == .append)
        isWatermarked = watermarked
        preparation = BlockPreparation(plan: plan, eventTimeColumn: eventTimeColumn)
        // Spark drops late rows of sessions in every mode, other groups' not in `complete`.
        let dropsLateRows = mode != .complete || plan.window?.isSession == true
        groups = Groups(
            plan, preparation.aggregateInputs,
            lateness: watermarked && dropsLateRows
                ? Lateness(plan, eventTimeColumn: eventTimeColumn) : .none,
            lanes: lanes, limits: limits)
        assigner = makeGroupAssigner(plan, groups)
    }

    /// The groups and their accumulators, sorted by window and keys.
    public var table: GroupTable { groups.table }

    /// The groups and their accumulators, as the state of the query.
    public var state: [OperatorState] {
        let order = order
        let own = order.fingerprint(order.aggregates)
        var states = [
            OperatorState(fingerprint: own, order: order, table: table) {
                () throws(OperatorError) in try self.shownGroups()
            }
        ]
        if let parts = groups.lanes?.table {
            states.append(
                OperatorState(
                    name: "lanes", fingerprint: own, order: order, table: parts
                ) { () throws(OperatorError) in
                    do throws(KeyedStateError) {
                        return try parts.snapshot()
                    } catch {
                        throw OperatorError(error)
                    }
                })
        }
        return states
    }

    /// The aggregates, and what the state means but for their order.
    private var order: StateOrder {
        var keys = plan.keys.map { "key \($0.expression.text) \($0.expression.type)" }
        if let window = plan.window { keys.append(window.meaning) }
        func names(_ text: (AggregateCall) -> String) -> [String] {
            plan.aggregates.map { call in
                let filter = call.filter.map { " filter \($0.text)" } ?? ""
                return "aggregate \(text(call))\(filter) \(call.type)"
            }
        }
        var rest: [String] = []
        if case .sources(let count) = lanes { rest.append("sources \(count)") }
        if groups.lanes != nil { rest.append("lanes") }
        // Earlier builds called an aggregate what the job did; one that counts all rows was mostly
        // written in one of two ways.
        let former = [names(\.text), names { $0.function == .countAll ? "count(1)" : $0.text }]
        return StateOrder(names(\.meaning), formerly: former) { [keys, rest] in
            fingerprint(of: keys + $0 + rest)
        }
    }

    /// Does the work on a block that needs no state: any thread, any order.
    public func prepare(
        _ block: InputBlock, port: Int, _ batch: BatchContext
    ) throws(OperatorError) -> PreparedBlock {
        try preparation.prepare(block, batch.evaluation)
    }

    /// Folds a block into the groups.
    ///
    /// Rows at or before the late watermark are dropped (semantics, section 3), in `complete` mode
    /// only rows of sessions.
    ///
    /// - Throws: when a sum overflows, a window cannot be represented, or the state is full.
    public func fold(
        _ block: PreparedBlock, port: Int, _ batch: BatchContext, into rows: inout OutputRows
    ) throws(OperatorError) {
        try groups.lanes?.beginBlock(block.lane)
        let folded = FoldedBlock(block, into: groups, lateMicros: batch.lateMicros)
        let late = try assigner.fold(folded, into: groups)
        rowsIn += block.inputCount
        rowsLate += late.count
        if !late.isEmpty { rows.setAside(late: late.map { block.inputRow(Int($0)) }) }
    }

    /// Ends a batch: emits what the output mode asks for and evicts what the watermark completes
    /// (semantics, section 4).
    ///
    /// Rows come out sorted by window start, window end and keys (nulls first, strings by bytes).
    ///
    /// - Throws: when an output expression or a decimal result fails.
    public func finish(
        _ batch: BatchContext, into rows: inout OutputRows
    ) throws(OperatorError) {
        if plan.keys.isEmpty && plan.window == nil {
            // A global aggregate has a row even if no row came.
            table.encodeKey([], row: 0)
            _ = try groups.insertGroup(sequence: 0)
        }
        counters.stateRowsUpdated = table.touchedCount
        let watermark = batch.watermarkMicros
        let complete =
            mode == .complete ? [] : assigner.completeGroups(watermark, of: groups)
        let emitted: [Int32] =
            switch mode {
            case .append: table.sorted(complete)
            case .update: table.sorted(table.touchedSlots)
            case .complete: table.sorted(table.liveSlots)
            }
        rows.emit(try result(emitted, batch.evaluation))
        assigner.endBatch(removing: complete, watermark: watermark)
        if groups.lateness == .windowEnd {
            groups.remove(complete, upTo: watermark)
        } else {
            // Which keys were removed is told in their order.
            groups.remove(mode == .append ? emitted : table.sorted(complete))
        }
        count(removed: complete.count)
    }

    /// Ends the batch for what was counted.
    private func count(removed: Int) {
        counters.rowsIn = rowsIn
        counters.rowsLate = rowsLate
        counters.rowsDropped = groups.lateGroupCount
        counters.stateRows = table.count
        counters.stateRowsRemoved = removed
        counters.stateBytes = state.reduce(0) { $0 + $1.table.memoryBytes }
        counters.metrics = [
            .init("numInputRows", rowsIn), .init("numInputRowsDroppedByWatermark", rowsLate),
        ]
        pairsLate = groups.pairsLate
        (rowsIn, rowsLate) = (0, 0)
        groups.endBatch()
    }

    /// The most groups that are given at once to who looks for the first time: of more, those that
    /// change from then on.
    private static let shownAtFirstMax = 1 << 16

    /// Gives the groups that changed since the last call in the batch: in `update` mode what
    /// `finish` would emit if the batch ended now, in `append` mode what the open windows hold so
    /// far, of all of them if the scope says so.
    ///
    /// - Throws: when an output expression or a decimal result fails, as in `finish`.
    public func show(
        _ scope: ShowScope, _ batch: BatchContext, into rows: inout OutputRows
    ) throws(OperatorError) {
        guard mode != .complete else { return }
        // The first call in a batch finds what the batch has touched so far. A session may since
        // have become part of another.
        var slots = groups.changed?.take().filter(table.isLive) ?? table.touchedSlots
        if groups.changed == nil { groups.changed = ChangedGroups() }
        if mode == .append, scope == .all, table.count <= Self.shownAtFirstMax {
            slots = table.liveSlots
        }
        guard !slots.isEmpty else { return }
        rows.emit(try result(table.sorted(slots), batch.evaluation))
    }

    /// Whether an empty batch is wanted to emit or evict what a moved watermark completes
    /// (semantics, section 5).
    public func wantsEmptyBatch(_ next: EventTime, after last: EventTime) -> Bool {
        isWatermarked && mode != .complete && next > last
    }

    /// The ends of the first and the last window in state that the watermark will close; `nil`
    /// without windows or without groups.
    public var deadlines: ClosedRange<EventTime>? {
        guard mode != .complete, plan.window != nil else { return nil }
        // The first state column of a windowed query. Safe: a live slot lies within its capacity.
        let ends = unsafe table.columns[0].pointer(as: Int64.self)
        var (first, last) = (Int64.max, Int64.min)
        table.forEachLive { slot in
            first = min(first, unsafe ends[Int(slot)])
            last = max(last, unsafe ends[Int(slot)])
        }
        guard first <= last else { return nil }
        return EventTime(micros: first)...EventTime(micros: last)
    }
}
