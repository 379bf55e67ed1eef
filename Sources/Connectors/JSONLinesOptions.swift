/// How to read files with one JSON object a line.
public struct JSONLinesOptions: Sendable, Equatable {
    /// Files, patterns (`ticks/*.jsonl.gz`) or `-` for standard input; read in this order, the
    /// files of a pattern in the order of the bytes of their paths.
    public var files: [String]
    /// The columns to read, in the order of the feed's schema.
    ///
    /// A field is named by its keys from
    /// the outside in, separated by dots: `data.price`.
    public var columns: [InputColumn]
    /// The column that holds the event time.
    public var timeColumn: String
    /// The share of rejected rows above which the feed stops, counted from 1,000 rows on.
    public var maxRejectShare = 0.1
    /// The longest line, in bytes; a longer one is rejected.
    public var maxRecordBytes = 1 << 20
    /// How many bytes are read at a time; the rows do not depend on it.
    public var readBytes = 1 << 18

    /// Files of JSON lines.
    public init(files: [String], columns: [InputColumn], timeColumn: String) {
        self.files = files
        self.columns = columns
        self.timeColumn = timeColumn
    }

    func validate() throws(FeedError) {
        guard readBytes >= 1, readBytes <= 64 << 20 else {
            throw FeedError(.badOptions, "must lie between 1 and 67108864", at: "json.readBytes")
        }
        for column in columns {
            switch column.source {
            case .index:
                throw FeedError(
                    .badOptions, "JSON fields have names, not indices",
                    at: "json.columns.\(column.name)")
            case .field(let path):
                let keys = path.split(separator: "." as Character, omittingEmptySubsequences: false)
                guard !keys.contains("") else {
                    throw FeedError(
                        .badOptions, "'\(path)' has an empty key between dots",
                        at: "json.columns.\(column.name)")
                }
            default: break
            }
        }
    }

    /// Everything that the content depends on.
    var identity: String {
        feedIdentity(
            "json",
            files + ["|"] + columns.map(\.fingerprint) + [timeColumn, "\(maxRecordBytes)"])
    }
}
