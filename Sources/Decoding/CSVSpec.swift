/// Delimited text files.
public struct CSVSpec: Hashable, Sendable {
    /// What to read.
    public var input: FeedInput
    /// Whether the first record of every file names the fields.
    public var hasHeader = true
    /// The ASCII character between two fields.
    public var delimiter: Character = ","
    /// The ASCII character around a field that holds delimiters, line ends or, doubled, itself.
    public var quote: Character = "\""
    /// A field without quotes that consists of this text is a null.
    public var nullText = ""
    /// How many fields a record has; `nil` takes it from the first record of each file.
    public var fieldCount: Int?
    /// The columns, in order; names are unique.
    public var columns: [FeedColumn]
    /// The name of the event-time column, one of the columns and a timestamp.
    public var eventTime: String

    /// Files with a header and commas between fields; an empty field is a null.
    public init(_ input: FeedInput, columns: [FeedColumn], eventTime: String) {
        self.input = input
        self.columns = columns
        self.eventTime = eventTime
    }
}
