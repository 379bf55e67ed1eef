/// Which rows of a query's result a batch hands to the sinks.
public enum OutputMode: String, CaseIterable, Sendable {
    /// Rows that will not change any more.
    case append
    /// Rows that changed in this batch.
    case update
    /// All rows of the result, in every batch.
    case complete
}
