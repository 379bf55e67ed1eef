// The structs of Parquet's metadata, each with the fields we write or read.

struct SchemaElement: Equatable {
    var name: String
    var type: PhysicalType?
    var typeLength: Int32?
    var repetition: Repetition?
    var childCount: Int32?
    var convertedType: Int32?
    var scale: Int32?
    var precision: Int32?
    var logicalType: LogicalType?
}

/// What is known of the values of a page or a column chunk.
struct Statistics: Equatable {
    var nullCount: Int64?
    var min: [UInt8]?
    var max: [UInt8]?
    var isMinExact: Bool?
    var isMaxExact: Bool?
}

struct ColumnChunkMetadata: Equatable {
    var type: PhysicalType
    var encodings: [Int32]
    var path: [String]
    var codec: Int32
    var valueCount: Int64
    var uncompressedBytes: Int64
    var compressedBytes: Int64
    var dataPageOffset: Int64
    var dictionaryPageOffset: Int64?
    var statistics: Statistics?
    var dataPageEncoding: ParquetEncoding?
    var dataPageCount: Int32 = 0
    // Where the page index lies; filled in when it has been written.
    var offsetIndexOffset: Int64?
    var offsetIndexLength: Int32?
    var columnIndexOffset: Int64?
    var columnIndexLength: Int32?
    var bloomFilterOffset: Int64?
    var bloomFilterLength: Int32?
}

struct RowGroupMetadata: Equatable {
    var columns: [ColumnChunkMetadata]
    var uncompressedBytes: Int64
    var rowCount: Int64
    var fileOffset: Int64?
    var compressedBytes: Int64?
    var ordinal: Int16?
}

struct FileMetadata: Equatable {
    var version: Int32
    var schema: [SchemaElement]
    var rowCount: Int64
    var rowGroups: [RowGroupMetadata]
    var keyValues: [KeyValue]
    var createdBy: String?
    /// For each column chunk of a row group, whether its bounds are ordered as its type defines.
    var isTypeOrdered: [Bool] = []

    struct KeyValue: Equatable {
        var key: String
        var value: String?
    }
}

struct PageHeader: Sendable {
    var type: PageType
    var uncompressedSize: Int32
    var compressedSize: Int32
    var crc: Int32?
    /// Values of a data or dictionary page, nulls included.
    var valueCount: Int32 = 0
    var encoding: Int32 = 0
    /// How the definition levels of a V1 page are encoded.
    var levelEncoding: Int32 = ParquetEncoding.rle.rawValue
    /// Only of V2 pages.
    var nullCount: Int32 = 0
    var definitionBytes: Int32 = 0
    var repetitionBytes: Int32 = 0
    var isCompressed = true
}

struct PageLocation: Equatable {
    var offset: Int64
    /// With its header.
    var size: Int32
    var firstRow: Int64
}

struct ColumnIndex: Equatable {
    var nullPages: [Bool]
    var mins: [[UInt8]]
    var maxs: [[UInt8]]
    var order: BoundaryOrder
    var nullCounts: [Int64]
}
