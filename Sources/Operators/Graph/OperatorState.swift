public import Columnar
public import KeyedState

/// A table that an operator keeps between batches.
public struct OperatorState {
    /// What it is called beside the state of its query: `duplicates`; `nil` for the query's own.
    public let name: String?
    /// What the rows mean, in a few bytes: state of another fingerprint cannot be restored.
    public let fingerprint: String
    /// Its aggregates, whose order and spelling are of no importance.
    public let order: StateOrder?
    /// The rows.
    public let table: any StateTable
    /// Gives the rows as they stand, for people: sorted, under names that say what they are.
    public let rows: () throws(OperatorError) -> RecordBatch

    /// A table under a name.
    public init(
        name: String? = nil, fingerprint: String, order: StateOrder? = nil, table: any StateTable,
        rows: @escaping () throws(OperatorError) -> RecordBatch
    ) {
        self.name = name
        self.fingerprint = fingerprint
        self.order = order
        self.table = table
        self.rows = rows
    }

    /// The name of its directory and its owner in commits: no query has a name with a `+`.
    public func owner(query: String) -> String { name.map { "\(query)+\($0)" } ?? query }
}
