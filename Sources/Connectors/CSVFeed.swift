public import Columnar
public import Storage

/// A feed from comma-separated files (RFC 4180), plain, gzipped or zipped, or standard input.
public final class CSVFeed: Feed {
    private let feed: FileFeed
    /// The column that holds the event time.
    public let timeColumn: String

    /// The columns of every batch.
    public var schema: Schema { feed.schema }
    /// A hash of the options that decide the content; empty when standard input is read.
    public var identity: String { feed.identity }

    /// Finds the files; none is opened before the first batch.
    ///
    /// - Throws: ``FeedError`` naming the option, file or pattern that is wrong.
    public init(_ options: CSVOptions, files: any FileSystem) throws {
        try options.validate()
        let schema = try InputColumn.schema(
            of: options.columns, timeColumn: options.timeColumn, at: "csv.columns")
        let inputs = try expandInputs(options.files, files: files, at: "csv.files")
        timeColumn = options.timeColumn
        feed = try FileFeed(
            inputs, parser: CSVParser(options),
            columns: ColumnSet(options.columns, schema: schema, files: files),
            identity: options.identity,
            options: FileFeedOptions(
                maxRejectShare: options.maxRejectShare, maxRecordBytes: options.maxRecordBytes,
                readBytes: options.readBytes),
            files: files)
    }

    /// The next rows, or `nil` after the last file.
    public func next(maxRows: Int) throws -> FeedBatch? { try feed.next(maxRows: maxRows) }

    /// Goes to the place after a batch that carried this position.
    public func resume(from position: String) throws { try feed.resume(from: position) }
}
