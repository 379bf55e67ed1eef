public import Columnar

/// A step of a query with its state: rows come in through its ports block by block, and rows go
/// out.
///
/// One batch is `prepare` and `fold` for each block, then `finish`. `prepare` is called by any
/// thread, for blocks in any order, and must not look at what changes. Everything else is called
/// by one thread at a time, and the blocks of a port come in their order; those of several ports may
/// come in between each other, so that an operator which needs two inputs in the order of time
/// keeps their rows until `finish`.
///
/// A fault that is thrown ends the batch; the state must then be restored before it is used again.
public protocol StreamOperator: AnyObject, Sendable {
    /// A block with everything computed that does not depend on other blocks.
    associatedtype Prepared: Sendable

    /// What comes in.
    var ports: [PortSchema] { get }
    /// What goes out.
    var output: OutputProperties { get }
    /// The tables that are kept between batches, always the same.
    var state: [OperatorState] { get }

    /// Does the work on a block that needs no state.
    func prepare(
        _ block: InputBlock, port: Int, _ batch: BatchContext
    ) throws(OperatorError) -> Prepared

    /// Takes a prepared block in.
    ///
    /// What it emits goes on in that order.
    func fold(
        _ block: Prepared, port: Int, _ batch: BatchContext, into rows: inout OutputRows
    ) throws(OperatorError)

    /// Ends a batch: emits what it completes, and lets go of what no later batch needs.
    func finish(_ batch: BatchContext, into rows: inout OutputRows) throws(OperatorError)

    /// Gives unfinished results that changed since the last call in the batch, as `finish` would
    /// emit them if the batch ended now, or, of groups that are emitted once, if they were complete.
    ///
    /// By default there are none.
    func show(
        _ scope: ShowScope, _ batch: BatchContext, into rows: inout OutputRows
    ) throws(OperatorError)

    /// Gives what becomes of unfinished results of the operator before, which must leave no trace
    /// here; by default nothing.
    func preview(
        _ block: InputBlock, port: Int, _ batch: BatchContext, into rows: inout OutputRows
    ) throws(OperatorError)

    /// Whether a batch without rows is wanted to emit or let go of what a moved watermark completes
    /// (semantics, section 5); by default not.
    func wantsEmptyBatch(_ next: EventTime, after last: EventTime) -> Bool

    /// When the first and the last of the groups end that are held open and that the watermark will
    /// close; `nil`, the default, without one.
    var deadlines: ClosedRange<EventTime>? { get }

    /// What the batch that ended last came to.
    var counters: OperatorCounters { get }
}

extension StreamOperator {
    /// An operator without state.
    public var state: [OperatorState] { [] }

    /// An operator whose results are finished when it emits them.
    public func show(
        _ scope: ShowScope, _ batch: BatchContext, into rows: inout OutputRows
    ) throws(OperatorError) {}

    /// An operator that cannot say what would become of unfinished rows.
    public func preview(
        _ block: InputBlock, port: Int, _ batch: BatchContext, into rows: inout OutputRows
    ) throws(OperatorError) {}

    /// An operator for which the watermark completes nothing.
    public func wantsEmptyBatch(_ next: EventTime, after last: EventTime) -> Bool { false }

    /// An operator that holds no group open.
    public var deadlines: ClosedRange<EventTime>? { nil }
}

/// Which unfinished results are given.
public enum ShowScope: Hashable, Sendable {
    /// Those that changed since they were last given.
    case changes
    /// Also those of earlier batches: who looks has seen nothing yet.
    case all
}

/// The rows that come in through one port of an operator.
public struct PortSchema: Hashable, Sendable {
    /// Their columns.
    public let schema: Schema
    /// The column that is their event time, if there is one.
    public let eventTimeColumn: Int?

    /// Rows of these columns.
    public init(_ schema: Schema, eventTimeColumn: Int?) {
        self.schema = schema
        self.eventTimeColumn = eventTimeColumn
    }
}

/// What may be relied on of the rows that an operator emits.
public struct OutputProperties: Hashable, Sendable {
    /// In what order rows come out.
    public enum Order: Hashable, Sendable {
        /// In that of the rows that came in.
        case asInput
        /// By the end of their window, then by their grouping columns.
        case byGroup
    }

    /// Their columns.
    public let schema: Schema
    /// The order of the rows that come out in a batch.
    public let order: Order
    /// Whether rows that have come out stay true; otherwise later ones take the place of earlier
    /// ones with the same key.
    public let isAppendOnly: Bool
    /// How far the watermark of the rows that come out stays behind that of the rows that come in.
    public let watermarkDelay: Milliseconds

    /// Properties; by default the watermark passes through.
    public init(
        schema: Schema, order: Order, isAppendOnly: Bool,
        watermarkDelay: Milliseconds = Milliseconds(0)
    ) {
        self.schema = schema
        self.order = order
        self.isAppendOnly = isAppendOnly
        self.watermarkDelay = watermarkDelay
    }
}
