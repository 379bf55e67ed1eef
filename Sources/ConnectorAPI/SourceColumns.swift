public import Columnar

/// The columns of a source.
public struct SourceColumns: Hashable, Sendable {
    /// Names and types.
    public var schema: Schema
    /// The source's own event-time column, if it has one.
    public var timeColumn: String?
    /// Whether it may come to have several splits, so that its rows have no one order.
    public var hasSplits: Bool

    /// The columns of a source.
    public init(schema: Schema, timeColumn: String?, hasSplits: Bool = false) {
        self.schema = schema
        self.timeColumn = timeColumn
        self.hasSplits = hasSplits
    }
}
