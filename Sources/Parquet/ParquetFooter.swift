public import Columnar

/// What a Parquet file says about itself, read from its end alone.
public struct ParquetFooter: Sendable {
    /// The columns.
    public let schema: Schema
    /// The number of rows.
    public let rowCount: Int
    /// Who wrote the file.
    public let createdBy: String?
    /// The pairs of the file's metadata, in order.
    public let keyValueMetadata: [(key: String, value: String)]
    /// The rows of each row group, in order.
    public let rowGroupRowCounts: [Int]

    let columns: [LeafColumn]
    let rowGroups: [RowGroupMetadata]

    /// How many bytes at the end of a file are its length field and magic.
    public static let trailerBytes = 8

    /// The size of the footer before the last eight bytes of a file, which `trailer` holds.
    ///
    /// - Throws: `.notParquet`, or `.damaged` when it would not fit in the file.
    public static func footerBytes(
        trailer: [UInt8], fileBytes: Int
    ) throws(ParquetError) -> Int {
        guard trailer.count == trailerBytes, fileBytes >= magic.count + trailerBytes,
            Array(trailer[4...]) == magic
        else {
            let isEncrypted = Array(trailer.suffix(4)) == Array("PARE".utf8)
            throw ParquetError(
                isEncrypted ? .unsupported : .notParquet,
                isEncrypted
                    ? "the file is encrypted" : "the file does not end as a Parquet file does",
                offset: max(0, fileBytes - 4))
        }
        let length = (0..<4).reduce(0) { $0 | Int(trailer[$1]) << ($1 * 8) }
        guard length <= fileBytes - magic.count - trailerBytes else {
            throw ParquetError(
                .damaged, "a footer of \(length) bytes does not fit in the file",
                offset: fileBytes - trailerBytes)
        }
        return length
    }

    /// Decodes a footer; `fileBytes` is the size of the whole file.
    public init(_ footer: Buffer, fileBytes: Int) throws(ParquetError) {
        let end = fileBytes - Self.trailerBytes
        let metadata = try FileMetadata(
            decoding: ByteCursor(footer, fileOffset: end - footer.count))
        columns = try LeafColumn.columns(of: metadata.schema)
        let fields = columns.map(\.field)
        if let name = Schema.duplicateName(in: fields) {
            throw ParquetError(.unsupported, "two columns have one name", column: name)
        }
        schema = Schema(fields)
        rowGroups = metadata.rowGroups
        createdBy = metadata.createdBy
        keyValueMetadata = metadata.keyValues.map { (key: $0.key, value: $0.value ?? "") }
        rowGroupRowCounts = try Self.checked(
            metadata, columns, dataEnd: end - footer.count)
        rowCount = rowGroupRowCounts.reduce(0, +)
    }

    /// The value of a key in the file's metadata.
    public func metadata(_ key: String) -> String? {
        keyValueMetadata.first { $0.key == key }?.value
    }

    /// Checks that the row groups agree with the schema, the row count and the file's size.
    private static func checked(
        _ metadata: FileMetadata, _ columns: [LeafColumn], dataEnd: Int
    ) throws(ParquetError) -> [Int] {
        func damaged(_ message: String) -> ParquetError { ParquetError(.damaged, message) }
        var counts: [Int] = []
        var rowsLeft = metadata.rowCount
        var bytesLeft = Int64(dataEnd - magic.count)
        for group in metadata.rowGroups {
            guard group.columns.count == columns.count, group.rowCount >= 0,
                group.rowCount <= rowsLeft, let count = Int(exactly: group.rowCount)
            else { throw damaged("a row group does not match the footer") }
            rowsLeft -= group.rowCount
            counts.append(count)
            for (chunk, leaf) in zip(group.columns, columns) {
                guard chunk.path == [leaf.field.name], chunk.type == leaf.physicalType,
                    chunk.valueCount == group.rowCount
                else {
                    throw damaged("a column chunk does not match the schema")
                        .inColumn(leaf.field.name)
                }
                let start = chunk.startOffset
                // Chunks do not share bytes: each byte of the file can be decoded once.
                guard start >= magic.count, chunk.compressedBytes >= 0,
                    chunk.compressedBytes <= bytesLeft,
                    start <= Int64(dataEnd) - chunk.compressedBytes
                else {
                    throw damaged("a column chunk lies outside the file").inColumn(leaf.field.name)
                }
                bytesLeft -= chunk.compressedBytes
            }
        }
        guard rowsLeft == 0 else { throw damaged("row groups have fewer rows than the file") }
        return counts
    }
}

extension ColumnChunkMetadata {
    /// Where the first page lies.
    var startOffset: Int64 {
        // Some writers give 0 where there is no dictionary page.
        guard let dictionaryPageOffset, dictionaryPageOffset > 0 else { return dataPageOffset }
        return min(dictionaryPageOffset, dataPageOffset)
    }
}
