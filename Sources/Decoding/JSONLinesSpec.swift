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
    /// The path of the array whose elements are rows, each with the fields around the array.
    ///
    /// `nil` is one row a line, `$` the line itself. A path that goes through the array goes on in
    /// the element.
    public var exploded: String?
    /// Whether a line without elements is a row, too, whose element is null.
    public var keepsEmpty = false

    /// Files of JSON lines.
    public init(_ input: FeedInput, columns: [FeedColumn], eventTime: String) {
        self.input = input
        self.columns = columns
        self.eventTime = eventTime
    }
}
