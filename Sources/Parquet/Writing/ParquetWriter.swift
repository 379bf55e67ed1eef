public import Columnar

// A file: "PAR1"; row groups, each its column chunks in order; a column chunk is a dictionary
// page, if any, and data pages; then the bloom filters that were asked for, the ColumnIndex of
// every chunk, the OffsetIndex of every chunk (neither for a row group whose chunks have one page
// each), the footer (FileMetaData in Thrift's compact protocol), its length in four bytes, low byte
// first, and "PAR1".

/// Makes the bytes of a Parquet file out of record batches.
///
/// The bytes depend on the rows and the options alone: not on how the rows were cut into batches
/// or on the order of their string dictionaries.
public struct ParquetWriter {
    /// The columns of the file.
    public let schema: Schema
    private let options: ParquetOptions
    private let compressor: ZstandardCompressor
    private let rowGroupRowsMax: Int
    private var pending: [RecordBatch] = []
    private var pendingRows = 0
    private var rowCount = 0
    private var file = magic
    private var rowGroups: [RowGroupMetadata] = []
    private var indexes: [[ColumnChunkWriter.Result]] = []

    /// A writer that has no rows yet.
    public init(_ schema: Schema, _ options: ParquetOptions = ParquetOptions()) {
        precondition(
            options.rowGroupRowsMax > 0 && options.pageRowsMax > 0 && options.pageBytesMax > 0,
            "row groups and pages have room for a row at least")
        precondition(options.rowGroupRowsMax <= Int(Int32.max), "a row group's rows fit in 32 bits")
        self.schema = schema
        self.options = options
        compressor = ZstandardCompressor(level: options.zstdLevel)
        rowGroupRowsMax = Self.rowGroupRowsMax(schema, options)
        precondition(
            options.bloomFilterColumns.allSatisfy { schema.index(of: $0) != nil },
            "a bloom filter is of one of the columns")
    }

    /// How many rows a row group of this schema has at most.
    ///
    /// However well it compresses, `ParquetFile` decodes one row group within its limit.
    public static func rowGroupRowsMax(_ schema: Schema, _ options: ParquetOptions) -> Int {
        let width = schema.fields.reduce(1) { $0 + decodedBytesPerRow($1.type) }
        return max(1, min(options.rowGroupRowsMax, decodedBytesSlack / width))
    }

    /// The file of one batch.
    public static func encode(
        _ batch: RecordBatch, _ options: ParquetOptions = ParquetOptions()
    ) throws(ParquetError) -> [UInt8] {
        var writer = ParquetWriter(batch.schema, options)
        try writer.append(batch)
        return try writer.finish()
    }

    /// Adds rows, which have the writer's schema.
    ///
    /// - Throws: `.invalidArgument` for a null in a column that has none, or a decimal of too
    ///   many digits; the writer is then spent.
    public mutating func append(_ batch: RecordBatch) throws(ParquetError) {
        precondition(batch.schema == schema, "rows of another schema")
        var rest = batch
        while rest.count > 0 {
            let taken = min(rest.count, rowGroupRowsMax - pendingRows)
            pending.append(rest.slice(0..<taken))
            pendingRows += taken
            rest = rest.slice(taken..<rest.count)
            if pendingRows == rowGroupRowsMax { try writeRowGroup() }
        }
    }

    /// The whole file.
    public consuming func finish() throws(ParquetError) -> [UInt8] {
        if pendingRows > 0 { try writeRowGroup() }
        writeBloomFilters()
        writePageIndex()
        var elements = [SchemaElement(name: "schema")]
        elements[0].childCount = Int32(schema.count)
        elements += schema.fields.map { SchemaElement($0) }
        let footer = FileMetadata(
            version: 2, schema: elements, rowCount: Int64(rowCount), rowGroups: rowGroups,
            keyValues: options.keyValueMetadata.map { .init(key: $0.key, value: $0.value) },
            createdBy: options.createdBy
        ).encoded()
        file.append(contentsOf: footer)
        file.append(littleEndian: UInt32(footer.count))
        file.append(contentsOf: magic)
        return file
    }

    private mutating func writeRowGroup() throws(ParquetError) {
        let start = file.count
        var results: [ColumnChunkWriter.Result] = []
        for (index, field) in schema.fields.enumerated() {
            let column: Column
            do throws(StringsTooLarge) {
                column = try Column.concatenate(
                    pending.map { $0.columns[index] }, type: field.type)
            } catch {
                throw ParquetError(StringsTooLarge(column: field.name))
            }
            let normalised = column.nullCount == 0 ? column.withValidity(nil) : column
            guard field.isNullable || normalised.validity == nil else {
                throw ParquetError(
                    .invalidArgument, "a null in a column that is NOT NULL", column: field.name)
            }
            let writer = ColumnChunkWriter(
                field: field, options: options, compressor: compressor)
            do throws(ParquetError) {
                results.append(try writer.write(normalised, to: &file))
            } catch {
                throw error.inColumn(field.name)
            }
        }
        rowGroups.append(
            RowGroupMetadata(
                columns: [],
                uncompressedBytes: results.reduce(0) { $0 + $1.metadata.uncompressedBytes },
                rowCount: Int64(pendingRows), fileOffset: Int64(start),
                compressedBytes: Int64(file.count - start),
                ordinal: Int16(exactly: rowGroups.count)))
        indexes.append(results)
        rowCount += pendingRows
        pending = []
        pendingRows = 0
    }

    private mutating func writeBloomFilters() {
        for group in indexes.indices {
            for chunk in indexes[group].indices {
                guard let filter = indexes[group][chunk].bloomFilter else { continue }
                indexes[group][chunk].metadata.bloomFilterOffset = Int64(file.count)
                indexes[group][chunk].metadata.bloomFilterLength = Int32(filter.count)
                file.append(contentsOf: filter)
                indexes[group][chunk].bloomFilter = nil
            }
        }
    }

    /// Writes the page index and hands each chunk its place in it.
    ///
    /// A row group whose chunks have one page each has none: the statistics say the same.
    private mutating func writePageIndex() {
        let isIndexed = indexes.map { group in group.contains { $0.pages.count > 1 } }
        for group in indexes.indices where isIndexed[group] {
            for chunk in indexes[group].indices {
                guard let index = indexes[group][chunk].columnIndex else { continue }
                let bytes = index.encoded()
                indexes[group][chunk].metadata.columnIndexOffset = Int64(file.count)
                indexes[group][chunk].metadata.columnIndexLength = Int32(bytes.count)
                file.append(contentsOf: bytes)
            }
        }
        for group in indexes.indices {
            for chunk in indexes[group].indices where isIndexed[group] {
                let bytes = encodeOffsetIndex(indexes[group][chunk].pages)
                indexes[group][chunk].metadata.offsetIndexOffset = Int64(file.count)
                indexes[group][chunk].metadata.offsetIndexLength = Int32(bytes.count)
                file.append(contentsOf: bytes)
            }
            rowGroups[group].columns = indexes[group].map(\.metadata)
        }
    }
}
