/// One JSON object a line.
public struct JSONLinesSpec: Hashable, Sendable {
    /// What to read.
    public var input: FeedInput
    /// The columns, in order; names are unique.
    ///
    /// An origin `field` is the value's keys from the outside in, with dots.
    public var columns: [FeedColumn]
    /// The name of the event-time column, one of the columns and a timestamp.
    public var eventTime: String

    /// Files of JSON lines.
    public init(_ input: FeedInput, columns: [FeedColumn], eventTime: String) {
        self.input = input
        self.columns = columns
        self.eventTime = eventTime
    }
}
