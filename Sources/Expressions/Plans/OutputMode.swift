/// Which rows of a query's result a batch hands on.
public enum OutputMode: String, Sendable, CaseIterable {
    /// Groups once, when the watermark says that they are complete.
    case append
    /// Groups that changed in the batch.
    case update
    /// All groups, every batch.
    case complete
}
