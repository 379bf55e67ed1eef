/// How a Parquet file is written.
public struct ParquetOptions: Sendable {
    /// How pages are compressed.
    public var compression = ParquetCompression.zstd
    /// Zstandard's level, 1…19.
    public var zstdLevel = 3
    /// Rows a row group has at most.
    public var rowGroupRowsMax = 1 << 20
    /// Rows a page has at most.
    public var pageRowsMax = 20_000
    /// Bytes a page of strings has at most before compression, unless one string is longer.
    public var pageBytesMax = 1 << 20
    /// Whether each page's header has a CRC of the page.
    public var writesPageChecksums = true
    /// Encodings never to choose, for readers that do not know them.
    public var excludedEncodings: Set<ParquetEncoding> = []
    /// Encodings that are set rather than chosen by size, by column name.
    public var encodings: [String: ParquetEncoding] = [:]
    /// Columns that get a bloom filter in each row group: worth it for columns of many values that
    /// are looked up one at a time.
    public var bloomFilterColumns: Set<String> = []
    /// Pairs for the file's metadata, in order.
    public var keyValueMetadata: [(key: String, value: String)] = []
    /// Who wrote the file, in the form that readers parse.
    ///
    /// It is part of the bytes: it changes only when what the writer makes of the same rows does.
    public var createdBy = "streamer version 1.0.0 (build 2)"

    /// The defaults.
    public init() {}
}
