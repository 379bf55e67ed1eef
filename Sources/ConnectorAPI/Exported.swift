/// What a program for Spark reads in place of a source.
public struct ExportedSource: Sendable {
    /// How it is read.
    public enum Reading: Sendable {
        /// The tick log, by the data source that the program brings along.
        case tickLog(path: String)
        /// A format that Spark has, with its options.
        case format(String, options: [(name: String, value: String)])
    }

    /// How it is read.
    public let reading: Reading
    /// What Spark cannot do of it: sentences with the remedy.
    public let refusals: [String]

    /// How a source is read, unless there is something that Spark cannot do.
    public init(_ reading: Reading, refusals: [String] = []) {
        self.reading = reading
        self.refusals = refusals
    }
}

/// What a program for Spark writes in place of a sink.
public enum ExportedSink: Sendable {
    /// Files in a format that Spark has, added to by every batch.
    case files(
        format: String, path: String, partitionBy: [String],
        options: [(name: String, value: String)])
    /// One file that every batch replaces whole, or by keys.
    case replacedFile(path: String, keys: [String])
    /// Rows as text on standard output; `cellMax` is how many characters of a value, all for `nil`.
    case text(rowsMax: Int, cellMax: Int?)
    /// Nothing: a sentence with the remedy.
    case refused(String)
}
