public import Columnar
public import Storage

/// A feed from comma-separated files (RFC 4180), plain, gzipped or zipped, or standard input.
public final class CSVFeed: Feed {
    private let feed: FileFeed
    public let timeColumn: String

    public var schema: Schema { feed.schema }
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

    public func next(maxRows: Int) throws -> FeedBatch? { try feed.next(maxRows: maxRows) }

    public func resume(from position: String) throws { try feed.resume(from: position) }
}
