import JSON
public import Settings

/// The files of a feed and what becomes of records that do not parse.
public struct FeedInput: Hashable, Sendable {
    /// Paths or globs (`*`, `?`, `[…]`), read in this order; `-` is standard input.
    ///
    /// A glob's matches are read by the bytes of their paths. Compression is told from a file's
    /// first bytes.
    public var paths: [String]
    /// The most bytes of one record; a longer one is rejected.
    public var maxRecordBytes = 1 << 20
    /// The table that records go to that do not parse.
    public var rejectsPath = "lake/rejects"
    /// The share of rejected records (0…1) beyond which the feed stops with an error, once it has
    /// read 1,000.
    public var rejectsMaxShare = 0.1
    /// Whether the last file may still grow: its last line, while it has no line end, is then left
    /// for the next time.
    public var follows = false

    /// Files whose records have at most 1 MiB, and of which at most a tenth does not parse.
    public init(_ paths: [String]) { self.paths = paths }
}

extension FeedInput {
    /// The key for the most bytes of a record of text.
    public static let recordBytesKey = KeyShape.optional(
        "maxRecordBytes", .integer(64...1 << 28), "The most bytes of one record.",
        default: 1_048_576)
}
