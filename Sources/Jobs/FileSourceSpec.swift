import ConnectorAPI

/// A directory of files that a job reads as a stream: whole files, each once.
public struct FileSourceSpec: Hashable, Sendable {
    /// What the files hold.
    public enum Content: Hashable, Sendable {
        /// Parquet files, with the partition columns of their directories.
        case parquet
        /// Delimited text, a record a line.
        case csv(CSVSpec)
        /// One JSON object a line.
        case json(JSONLinesSpec)
    }

    /// What becomes of a record of a text file that does not parse.
    public enum ParseMode: String, CaseIterable, Sendable {
        /// The batch fails, and says which record it is.
        case failFast = "FAILFAST"
        /// It is left out and counted.
        case dropMalformed = "DROPMALFORMED"
    }

    /// What the files hold.
    public var content: Content
    /// Directories, files, or globs of them.
    public var paths: [String]
    /// A glob that the names of files must match; `nil` is any.
    public var pathGlobFilter: String?
    /// The most files of one batch; `nil` is no limit.
    public var maxFilesPerTrigger: Int?
    /// The size of files, in bytes, beyond which a batch takes no more; `nil` is no limit.
    public var maxBytesPerTrigger: Int64?
    /// What becomes of a record that does not parse.
    public var mode = ParseMode.failFast

    /// Every file of some paths, without limits.
    public init(_ content: Content, paths: [String]) {
        self.content = content
        self.paths = paths
    }
}

/// History in a directory that is read before a log.
public struct BackfillSpec: Hashable, Sendable {
    /// The directory.
    public var history: FileSourceSpec
    /// The event time, µs, from which on rows are the log's.
    public var untilMicros: Int64
}

extension FileSourceSpec.Content {
    /// The word of the job file for the format.
    public var format: String {
        switch self {
        case .parquet: "parquet"
        case .csv: "csv"
        case .json: "json"
        }
    }

    /// The columns of text files; a Parquet file has its own.
    ///
    /// None while two of them have one name, for which the job is refused.
    var declaredColumns: SourceColumns? {
        guard let feed else { return nil }
        return feed.checkedSchema.map { SourceColumns(schema: $0, timeColumn: feed.eventTime) }
    }

    /// A feed that reads the same text.
    var feed: FeedSpec? {
        switch self {
        case .parquet: nil
        case .csv(let spec): .csv(spec)
        case .json(let spec): .json(spec)
        }
    }
}
