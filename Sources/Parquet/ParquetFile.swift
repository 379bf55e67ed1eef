public import Columnar

/// A Parquet file in memory.
///
/// It reads flat columns in the encodings that `ParquetEncoding` names, in pages of both
/// versions, compressed with zstd or not at all. No file can make it trap or take more memory
/// than its limit.
public struct ParquetFile: Sendable {
    /// What the file says about itself.
    public let footer: ParquetFooter
    private let bytes: Buffer
    private let decodedBytesMax: Int

    /// Reads the footer of a whole file.
    ///
    /// - Parameters:
    ///   - bytes: the whole file.
    ///   - decodedBytesMax: what one call of `read` may decode to; by default eight times the
    ///     size of the file and 64 MiB.
    /// - Throws: `.notParquet`, `.damaged`, or `.unsupported` for columns of a type unknown here.
    public init(_ bytes: Buffer, decodedBytesMax: Int? = nil) throws(ParquetError) {
        let head = unsafe Array(bytes.unsafeBytes.prefix(magic.count))
        guard head == magic else {
            throw ParquetError(
                .notParquet, "the file does not begin as a Parquet file does", offset: 0)
        }
        let trailer = unsafe Array(bytes.unsafeBytes.suffix(ParquetFooter.trailerBytes))
        let length = try ParquetFooter.footerBytes(trailer: trailer, fileBytes: bytes.count)
        let end = bytes.count - ParquetFooter.trailerBytes
        footer = try ParquetFooter(bytes.slice(end - length..<end), fileBytes: bytes.count)
        self.bytes = bytes
        self.decodedBytesMax = decodedBytesMax ?? 8 * bytes.count + decodedBytesSlack
    }

    /// The columns.
    public var schema: Schema { footer.schema }

    /// All rows, of all columns or of those whose indices are given, in that order.
    public func read(columns: [Int]? = nil) throws(ParquetError) -> RecordBatch {
        let selected = columns ?? Array(schema.fields.indices)
        try checkSize(rows: footer.rowCount, selected)
        var batches: [RecordBatch] = []
        for group in footer.rowGroups.indices {
            batches.append(try read(rowGroup: group, columns: selected))
        }
        let schema = Schema(selected.map { self.schema[$0] })
        return batches.isEmpty
            ? RecordBatch(empty: schema) : RecordBatch.concatenate(batches, schema: schema)
    }

    /// The rows of one row group.
    public func read(
        rowGroup index: Int, columns: [Int]? = nil
    ) throws(ParquetError) -> RecordBatch {
        let selected = columns ?? Array(schema.fields.indices)
        let group = footer.rowGroups[index]
        let rowCount = footer.rowGroupRowCounts[index]
        try checkSize(rows: rowCount, selected)
        var found: [Column] = []
        for column in selected {
            let leaf = footer.columns[column]
            do throws(ParquetError) {
                found.append(try read(group.columns[column], leaf, rowCount: rowCount))
            } catch {
                throw error.inColumn(leaf.field.name)
            }
        }
        return RecordBatch(Schema(selected.map { schema[$0] }), found, count: rowCount)
    }

    private func read(
        _ chunk: ColumnChunkMetadata, _ leaf: LeafColumn, rowCount: Int
    ) throws(ParquetError) -> Column {
        // Safe: the footer's checks put the chunk inside the file.
        let start = Int(chunk.startOffset)
        var reader = try ColumnChunkReader(
            leaf, rowCount: rowCount,
            chunk: bytes.slice(start..<start + Int(chunk.compressedBytes)), fileOffset: start,
            codec: chunk.codec, pageBytesMax: decodedBytesMax)
        return try reader.read()
    }

    private func checkSize(rows: Int, _ columns: [Int]) throws(ParquetError) {
        let width = columns.reduce(1) { $0 + decodedBytesPerRow(schema[$1].type) }
        guard rows <= decodedBytesMax / width else {
            throw ParquetError(
                .tooLarge,
                "\(rows) rows of \(width) bytes from a file of \(bytes.count) bytes; at most "
                    + "\(decodedBytesMax) bytes are decoded: read row group by row group, or "
                    + "raise the limit")
        }
    }
}

/// What decoding may take beside eight times the size of the file.
let decodedBytesSlack = 64 << 20

/// What a row of a column takes in memory at most, its validity included.
func decodedBytesPerRow(_ type: DataType) -> Int { max(1, type.byteWidth) }
