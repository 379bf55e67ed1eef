public import Columnar

/// A Parquet file that is read.
///
/// It reads flat columns of every physical type, encoding and page version, compressed with zstd,
/// snappy, gzip, LZ4, brotli or not at all. Nested columns and types that have no counterpart are
/// in the footer's `refusedColumns`; the others can be read beside them. No file can make it trap
/// or take more memory than its limit.
public struct ParquetFile: Sendable {
    /// What the file says about itself.
    public let footer: ParquetFooter
    let source: any ParquetSource
    let decodedBytesMax: Int

    /// Reads the footer of a file.
    ///
    /// - Parameters:
    ///   - source: the file; a `Buffer` that holds all of it will do.
    ///   - decodedBytesMax: what one call of `read` may take in memory; by default eight times
    ///     the size of the file and 64 MiB.
    /// - Throws: `.notParquet`, `.damaged`, or what the source throws.
    public init(
        _ source: any ParquetSource, decodedBytesMax: Int? = nil
    ) throws(ParquetError) {
        let size = source.byteCount
        let head = try Self.bytes(0..<min(size, magic.count), of: source)
        let trailerStart = max(0, size - ParquetFooter.trailerBytes)
        let trailer = try Self.bytes(trailerStart..<size, of: source)
        let isEncrypted = trailer.suffix(4) == Array("PARE".utf8)
        guard head == magic || isEncrypted else {
            throw ParquetError(
                .notParquet, "the file does not begin as a Parquet file does", offset: 0)
        }
        let length = try ParquetFooter.footerBytes(trailer: trailer, fileBytes: size)
        footer = try ParquetFooter(
            try source.read(trailerStart - length..<trailerStart), fileBytes: size)
        self.source = source
        self.decodedBytesMax = decodedBytesMax ?? decodedBytesLimit(ofFile: size)
    }

    private static func bytes(
        _ range: Range<Int>, of source: any ParquetSource
    ) throws(ParquetError) -> [UInt8] {
        // A source may make a buffer for each call, which must outlive the pointer into it.
        withExtendedLifetime(try source.read(range)) { unsafe Array($0.unsafeBytes) }
    }

    /// What it says about pages.
    var pageIndex: PageIndex { PageIndex(source, footer) }

    /// The columns that can be read.
    public var schema: Schema { footer.schema }

    /// All rows, of all columns or of those whose indices in `schema` are given, in that order.
    ///
    /// - Throws: also `.unsupported`, when no columns are chosen and some cannot be read.
    public func read(columns: [Int]? = nil) throws(ParquetError) -> RecordBatch {
        let selected = try chosen(columns)
        let budget = ReadBudget(decodedBytesMax)
        // The row groups and, for a moment, all of them end to end.
        if footer.rowGroups.count > 1 {
            let width = selected.reduce(1) { $0 + decodedBytesPerRow(self.schema[$1].type) }
            try budget.charge(footer.rowCount, of: width, "\(footer.rowCount) rows")
        }
        var batches: [RecordBatch] = []
        for (group, rowCount) in footer.rowGroupRowCounts.enumerated() {
            let reader = try RowGroupReader(self, group, rows: 0..<rowCount, selected)
            batches.append(try reader.read(0..<rowCount, budget))
        }
        return try joined(batches, Schema(selected.map { self.schema[$0] }))
    }

    func joined(
        _ batches: [RecordBatch], _ schema: Schema
    ) throws(ParquetError) -> RecordBatch {
        if batches.isEmpty { return RecordBatch(empty: schema) }
        do throws(StringsTooLarge) {
            return try RecordBatch.concatenate(batches, schema: schema)
        } catch {
            throw ParquetError(error)
        }
    }

    /// The rows of one row group, or those of a range in it.
    ///
    /// A range is read from the pages that hold it. Several ranges of one row group are read with
    /// less work by a ``RowGroupReader``.
    public func read(
        rowGroup: Int, rows: Range<Int>? = nil, columns: [Int]? = nil
    ) throws(ParquetError) -> RecordBatch {
        let rows = rows ?? 0..<footer.rowGroupRowCounts[rowGroup]
        return try RowGroupReader(self, rowGroup: rowGroup, rows: rows, columns: columns)
            .read(rows)
    }

    func chosen(_ columns: [Int]?) throws(ParquetError) -> [Int] {
        if let columns { return columns }
        if let refused = footer.refusedColumns.first { throw refused.error }
        return Array(schema.fields.indices)
    }
}
