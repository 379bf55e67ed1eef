/// What an operator did in a batch, and what it holds afterwards.
///
/// Where Spark counts the same, under `stateOperators` of a progress, the field says so.
public struct OperatorCounters: Hashable, Sendable {
    /// A number under a name of the operator's own.
    public struct Metric: Hashable, Sendable {
        /// What is counted.
        public let name: String
        /// How many.
        public let count: Int

        /// A count.
        public init(_ name: String, _ count: Int) {
            self.name = name
            self.count = count
        }
    }

    /// Spark's `operatorName`; `nil` for an operator without state, which Spark does not list.
    public var operatorName: String?
    /// Rows that came in.
    public var rowsIn = 0
    /// Rows that were left out because they were late.
    public var rowsLate = 0
    /// Spark's `numRowsDroppedByWatermark`: behind a partial aggregation those are groups.
    public var rowsDropped = 0
    /// Spark's `numRowsTotal`: rows in state.
    public var stateRows = 0
    /// Spark's `numRowsUpdated`: rows of state that were added or changed.
    public var stateRowsUpdated = 0
    /// Spark's `numRowsRemoved`: rows of state that were let go.
    public var stateRowsRemoved = 0
    /// Spark's `memoryUsedBytes`, about.
    public var stateBytes = 0
    /// Spark's `customMetrics`.
    public var metrics: [Metric] = []
    /// What is added up over all batches, in commits, besides rows that came in late.
    public var totals: [Metric] = []

    /// Counters of an operator that has done nothing.
    public init(operatorName: String? = nil) { self.operatorName = operatorName }
}
