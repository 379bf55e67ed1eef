public import Columnar
public import Expressions
public import KeyedState

/// Which groups a batch emits (semantics, section 4).
public enum OutputMode: String, Sendable, CaseIterable {
    /// Groups once, when the watermark says that they are complete.
    case append
    /// Groups that changed in the batch.
    case update
    /// All groups, every batch.
    case complete
}

/// The bounds of a query.
public struct OperatorLimits: Sendable {
    /// The most groups in state (`maxStateRows`).
    public var stateRowsMax: Int
    /// The most memory that the state takes, in bytes (`maxStateBytes`).
    public var stateBytesMax: Int

    /// Bounds; by default ten million groups in 4 GiB.
    public init(stateRowsMax: Int = 10_000_000, stateBytesMax: Int = 4 << 30) {
        self.stateRowsMax = stateRowsMax
        self.stateBytesMax = stateBytesMax
    }
}

/// What folding a block found.
public struct FoldResult: Sendable {
    /// The rows of the input block that were late for all of their windows, ascending: they changed
    /// nothing.
    public let lateRows: [Int32]
}

/// What a batch came to.
public struct BatchOutput: Sendable {
    /// The rows to emit, sorted by window start, window end and keys (nulls first, strings by
    /// bytes).
    public let rows: RecordBatch
    /// Input rows folded or dropped in the batch.
    public let rowsIn: Int
    /// Input rows that were late for all of their windows.
    public let rowsLate: Int
    /// (row, window) pairs that were late; for tumbling windows the same as `rowsLate`.
    public let pairsLate: Int
    /// Distinct late groups: what Spark counts as `numRowsDroppedByWatermark`.
    public let groupsDropped: Int
    /// Rows without a time, which belong to no window.
    public let rowsWithoutWindow: Int
    /// Groups in state after the batch.
    public let groupsTotal: Int
    /// Groups that the batch added or changed.
    public let groupsUpdated: Int
    /// Groups that the batch removed.
    public let groupsRemoved: Int
}

/// A query that groups rows, with its state: one batch is `prepare` and `fold` for each block in
/// log order, then `finishBatch`; then what changed is taken out of the state.
///
/// Invariants:
/// - a group's rows of one source are folded in the order of their sequence, so that results do
///   not depend on how rows are cut into blocks; of several sources each has a state of its own
///   where the order matters.
/// - for windowed queries the last key column is the window's start and the first state column its
///   end.
public final class AggregateQuery: @unchecked Sendable {
    // `@unchecked Sendable`: `prepare` only reads what is constant; everything else is called by
    // one thread at a time, which the caller sees to.

    /// What the query computes.
    public let plan: AggregationPlan
    /// Which groups a batch emits.
    public let mode: OutputMode
    /// The groups and their accumulators.
    public let state: GroupTable

    let preparation: BlockPreparation
    /// How many sources the rows are a union of.
    let sources: Int
    let accumulators: [any Accumulator]
    /// The state columns of each accumulator.
    let accumulatorColumns: [[StateColumn]]
    /// What decides whether a group is late or complete, if anything does.
    let lateness: Lateness
    /// Whether a watermark reaches the query at all.
    let isWatermarked: Bool

    var counts = BatchCounts()
    let lateGroups: WordTable
    var windowCache: WindowCache
    var keyNumbers: KeyNumbers
    /// No window in state ends before, while `keyNumbers` hold.
    var earliestEnd = Int64.min
    var sessions: SessionIndex?
    /// The groups that changed since they were last shown, for a batch that shows them.
    var changed: ChangedGroups?
    let pairs = PairMemory()
    let domainPairs = PairMemory()

    /// A query without state.
    ///
    /// - Parameters:
    ///   - plan: what the query computes.
    ///   - mode: which groups it emits; `check` says whether it can work.
    ///   - eventTimeColumn: the column of the plan's input that orders `first` and `last`.
    ///   - watermarked: whether that column has a watermark.
    ///   - sources: how many sources the rows are a union of.
    ///   - limits: how large the state may become.
    public init(
        plan: AggregationPlan, mode: OutputMode, eventTimeColumn: Int?, watermarked: Bool,
        sources: Int = 1, limits: OperatorLimits = OperatorLimits()
    ) {
        self.plan = plan
        self.mode = mode
        isWatermarked = watermarked
        preparation = BlockPreparation(plan: plan, eventTimeColumn: eventTimeColumn)
        accumulators = plan.aggregates.map { call in
            let accumulator = makeAccumulator(call)
            return sources > 1 && call.dependsOnOrder
                ? SourcewiseAccumulator(accumulator, sources: sources) : accumulator
        }
        self.sources = sources
        // Spark drops late rows of sessions in every mode, other groups' not in `complete`.
        let dropsLateRows = mode != .complete || plan.window?.isSession == true
        lateness =
            watermarked && dropsLateRows
            ? Lateness(plan, eventTimeColumn: eventTimeColumn) : .none
        var keys = plan.keys.map(\.field)
        var fields: [Field] = []
        var sortOrder = Array(keys.indices)
        if plan.window != nil {
            sortOrder.insert(keys.count, at: 0)
            keys.append(Field(Self.windowStart, .timestamp, isNullable: false))
            fields.append(Field(Self.windowEnd, .timestamp, isNullable: false))
        }
        for (index, accumulator) in accumulators.enumerated() {
            fields += accumulator.stateFields.map {
                Field("agg\(index).\($0.name)", $0.type, isNullable: $0.isNullable)
            }
        }
        state = GroupTable(
            keys: keys, state: fields, sortOrder: sortOrder, rowsMax: limits.stateRowsMax,
            bytesMax: limits.stateBytesMax)
        var next = plan.window == nil ? 0 : 1
        var columns: [[StateColumn]] = []
        for accumulator in accumulators {
            let end = next + accumulator.stateFields.count
            columns.append(Array(state.columns[next..<end]))
            next = end
        }
        accumulatorColumns = columns
        lateGroups = WordTable(width: state.keyWidth + 1)
        windowCache = WindowCache(windowsPerRow: FixedWindow(plan.window)?.windowsPerRow ?? 1)
        keyNumbers = KeyNumbers(
            keys: Array(state.keyFields.prefix(plan.keys.count)), keyWidth: state.keyWidth)
        if plan.window?.isSession == true { sessions = SessionIndex(state) }
    }

    static let windowStart = "window.start"
    static let windowEnd = "window.end"

    /// Does the work on a block that needs no state: any thread, any order.
    public func prepare(
        _ block: InputBlock, _ context: EvaluationContext
    ) throws(OperatorError) -> PreparedBlock {
        try preparation.prepare(block, context)
    }

    /// Whether an empty batch is wanted to emit or evict what a moved watermark completes
    /// (semantics, section 5).
    ///
    /// - Parameters:
    ///   - newWatermarkMs: the watermark that the batch would run with.
    ///   - lastWatermarkMs: the watermark that the last batch ran with.
    /// - Returns: whether the batch is wanted.
    public func wantsNoDataBatch(newWatermarkMs: Int64, lastWatermarkMs: Int64) -> Bool {
        isWatermarked && mode != .complete && newWatermarkMs > lastWatermarkMs
    }

    /// What the state means, in a few bytes: state of another fingerprint cannot be restored.
    public var stateFingerprint: String {
        var parts = plan.keys.map { "key \($0.expression.text) \($0.expression.type)" }
        if let window = plan.window { parts.append(window.meaning) }
        for call in plan.aggregates {
            let filter = call.filter.map { " filter \($0.text)" } ?? ""
            parts.append("aggregate \(call.text)\(filter) \(call.type)")
        }
        if sources > 1 { parts.append("sources \(sources)") }
        return fingerprint(of: parts)
    }
}

/// What the watermark is compared with to tell late rows and complete groups.
enum Lateness: Equatable, Sendable {
    /// Nothing: no row is late, no group is ever complete.
    case none
    /// The end of the group's window.
    case windowEnd
    /// The key column of this index, which is the event time itself.
    case key(Int)

    /// Whether rows of one window may be late or not.
    var isOfKey: Bool { if case .key = self { true } else { false } }

    init(_ plan: AggregationPlan, eventTimeColumn: Int?) {
        if let window = plan.window, window.isOnEventTime {
            self = .windowEnd
        } else if let eventTimeColumn,
            let index = plan.keys.firstIndex(where: {
                $0.expression.columnIndex == eventTimeColumn
            })
        {
            self = .key(index)
        } else {
            self = .none
        }
    }
}

/// What a batch has counted so far.
struct BatchCounts {
    var rowsIn = 0
    var rowsLate = 0
    var pairsLate = 0
    var rowsWithoutWindow = 0
}

/// Sixteen hexadecimal digits that stand for some texts.
func fingerprint(of parts: [String]) -> String {
    var text = parts.joined(separator: "\n")
    let hash = text.withUTF8 { unsafe hashBytes(UnsafeRawBufferPointer($0)) }
    let digits = String(hash, radix: 16)
    return String(repeating: "0", count: 16 - digits.utf8.count) + digits
}

/// A watermark in µs, as it is compared with event times; far ones are cut to the range of `Int64`.
func microseconds(ofMs milliseconds: Int64) -> Int64 {
    let (micros, overflow) = milliseconds.multipliedReportingOverflow(by: 1_000)
    return overflow ? (milliseconds < 0 ? .min : .max) : micros
}
