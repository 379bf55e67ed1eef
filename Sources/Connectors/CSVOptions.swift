import Columnar

/// How to read comma-separated files.
public struct CSVOptions: Sendable, Equatable {
    /// Files, patterns (`ticks/*.csv.gz`) or `-` for standard input; read in this order, the
    /// files of a pattern in the order of the bytes of their paths.
    public var files: [String]
    /// The columns to read, in the order of the feed's schema.
    public var columns: [InputColumn]
    /// The column that holds the event time.
    public var timeColumn: String
    /// Whether the first record of each file names the fields.
    public var hasHeader = true
    /// What separates fields: one ASCII character.
    public var delimiter: Character = ","
    /// What encloses fields that contain a delimiter, a newline or, doubled, itself.
    public var quote: Character = "\""
    /// A field without quotes that consists of this text is a null; `nil` when nothing is.
    public var nullText: String? = ""
    /// How many fields a record has; `nil` takes it from the first record of each file.
    public var fieldCount: Int?
    /// The share of rejected rows above which the feed stops, counted from 1,000 rows on.
    public var maxRejectShare = 0.1
    /// The longest record, in bytes; a longer one is rejected.
    public var maxRecordBytes = 1 << 20
    /// How many bytes are read at a time; the rows do not depend on it.
    public var readBytes = 1 << 18

    /// Files with a header, separated by commas.
    public init(files: [String], columns: [InputColumn], timeColumn: String) {
        self.files = files
        self.columns = columns
        self.timeColumn = timeColumn
    }

    func validate() throws(FeedError) {
        guard let delimiter = delimiter.asciiValue, let quote = quote.asciiValue,
            delimiter != quote, ![0x0a, 0x0d, 0].contains(delimiter),
            ![0x0a, 0x0d, 0].contains(quote)
        else {
            throw FeedError(
                .badOptions, "delimiter and quote are two different ASCII characters", at: "csv")
        }
        if let fieldCount, fieldCount < 1 {
            throw FeedError(.badOptions, "a record has at least one field", at: "csv.fieldCount")
        }
        guard readBytes >= 1, readBytes <= 64 << 20 else {
            throw FeedError(.badOptions, "must lie between 1 and 67108864", at: "csv.readBytes")
        }
        guard hasHeader else {
            for column in columns {
                guard case .field(let name) = column.source else { continue }
                throw FeedError(
                    .badOptions,
                    "'\(name)' is the name of a field, but the files have no header; give the "
                        + "field's index", at: "csv.columns.\(column.name)")
            }
            return
        }
    }

    /// Everything that the content depends on.
    var identity: String {
        feedIdentity(
            "csv",
            files + ["|"] + columns.map(\.fingerprint) + [
                timeColumn, "\(hasHeader)", "\(delimiter)", "\(quote)", nullText ?? "none",
                nullText == nil ? "no" : "yes", fieldCount.map { "\($0)" } ?? "first",
                "\(maxRecordBytes)",
            ])
    }
}
