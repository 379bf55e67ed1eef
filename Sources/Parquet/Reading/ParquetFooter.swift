public import Columnar

/// What a Parquet file says about itself, read from its end alone.
public struct ParquetFooter: Sendable {
    /// The columns that can be read, in order.
    public let schema: Schema
    /// The columns that cannot be read, each with the reason: nested ones, and types that have no
    /// counterpart here.
    public let refusedColumns: [(name: String, error: ParquetError)]
    /// The number of rows.
    public let rowCount: Int
    /// Who wrote the file.
    public let createdBy: String?
    /// The pairs of the file's metadata, in order.
    public let keyValueMetadata: [(key: String, value: String)]
    /// The rows of each row group, in order.
    public let rowGroupRowCounts: [Int]

    /// The schema as the file has it, the root first.
    let elements: [SchemaElement]
    let columns: [LeafColumn]
    let rowGroups: [RowGroupMetadata]
    /// For each column, whether its bounds are ordered as its type defines, and can be trusted.
    let isTypeOrdered: [Bool]
    /// How many bytes a chunk may have behind the end that its metadata gives.
    let chunkSlack: Int
    /// Where the footer begins: no page lies behind it.
    let dataEnd: Int

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
                    ? "the file is encrypted; write it without encryption"
                    : "the file does not end as a Parquet file does",
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
        dataEnd = fileBytes - Self.trailerBytes - footer.count
        let metadata = try FileMetadata(decoding: ByteCursor(footer, fileOffset: dataEnd))
        let found = try FileColumns(metadata.schema)
        elements = metadata.schema
        columns = found.leaves
        schema = Schema(columns.map(\.field))
        refusedColumns = found.refused.map { (name: $0.name, error: $0.error) }
        isTypeOrdered = columns.map { leaf in
            leaf.isOrdered && metadata.isTypeOrdered.count == found.chunkCount
                && metadata.isTypeOrdered[leaf.chunk]
        }
        rowGroups = metadata.rowGroups
        createdBy = metadata.createdBy
        chunkSlack = Self.leavesOutDictionaryHeaders(metadata.createdBy) ? 100 : 0
        keyValueMetadata = metadata.keyValues.map { (key: $0.key, value: $0.value ?? "") }
        rowGroupRowCounts = try Self.checked(metadata, found, dataEnd: dataEnd)
        rowCount = rowGroupRowCounts.reduce(0, +)
    }

    /// The value of a key in the file's metadata.
    public func metadata(_ key: String) -> String? {
        keyValueMetadata.first { $0.key == key }?.value
    }

    /// Before 1.2.9 parquet-mr left the dictionary page's header out of a chunk's size
    /// (PARQUET-816).
    private static func leavesOutDictionaryHeaders(_ createdBy: String?) -> Bool {
        let words = (createdBy ?? "").split(separator: " ")
        guard words.first == "parquet-mr" else { return false }
        guard words.count > 2, words[1] == "version" else { return true }
        let numbers = words[2].split(separator: "-")[0].split(separator: ".").map { Int($0) ?? 0 }
        return numbers.lexicographicallyPrecedes([1, 2, 9])
    }

    /// Checks that the row groups agree with the schema, the row count and the file's size.
    private static func checked(
        _ metadata: FileMetadata, _ columns: FileColumns, dataEnd: Int
    ) throws(ParquetError) -> [Int] {
        var counts: [Int] = []
        var rowsLeft = metadata.rowCount
        var bytesLeft = Int64(dataEnd - magic.count)
        for group in metadata.rowGroups {
            guard group.columns.count == columns.chunkCount, group.rowCount >= 0,
                group.rowCount <= rowsLeft, let count = Int(exactly: group.rowCount)
            else {
                throw ParquetError(
                    .damaged,
                    "a row group of \(group.rowCount) rows and \(group.columns.count) "
                        + "columns does not match the footer's \(metadata.rowCount) and "
                        + "\(columns.chunkCount)")
            }
            rowsLeft -= group.rowCount
            counts.append(count)
            for leaf in columns.leaves {
                do throws(ParquetError) {
                    try check(
                        group.columns[leaf.chunk], leaf, rowCount: group.rowCount,
                        dataEnd: dataEnd, bytesLeft: &bytesLeft)
                } catch {
                    throw error.inColumn(leaf.field.name)
                }
            }
        }
        guard rowsLeft == 0 else {
            throw ParquetError(.damaged, "row groups have fewer rows than the file")
        }
        return counts
    }

    private static func check(
        _ chunk: ColumnChunkMetadata, _ leaf: LeafColumn, rowCount: Int64, dataEnd: Int,
        bytesLeft: inout Int64
    ) throws(ParquetError) {
        guard chunk.path == [leaf.field.name], chunk.type == leaf.physicalType,
            chunk.valueCount == rowCount
        else { throw ParquetError(.damaged, "a column chunk does not match the schema") }
        if rowCount == 0 { return }
        let start = chunk.startOffset
        // Chunks do not share bytes: each byte of the file can be decoded once.
        guard start >= magic.count, chunk.compressedBytes >= 0,
            chunk.compressedBytes <= bytesLeft, start <= Int64(dataEnd) - chunk.compressedBytes
        else { throw ParquetError(.damaged, "a column chunk lies outside the file") }
        bytesLeft -= chunk.compressedBytes
    }
}

extension ColumnChunkMetadata {
    /// Where the first page lies.
    var startOffset: Int64 {
        // Some writers give 0 where there is no dictionary page, or no data page.
        guard let dictionaryPageOffset, dictionaryPageOffset > 0 else { return dataPageOffset }
        return dataPageOffset > 0 ? min(dictionaryPageOffset, dataPageOffset) : dictionaryPageOffset
    }
}
