// Names and numbers of the Parquet format, as parquet.thrift gives them.

enum PhysicalType: Int32 {
    case boolean = 0
    case int32 = 1
    case int64 = 2
    case int96 = 3
    case float = 4
    case double = 5
    case byteArray = 6
    case fixedLengthByteArray = 7
}

enum Repetition: Int32 {
    case required = 0
    case optional = 1
    case repeated = 2
}

/// How the values of a page are laid out before compression.
public enum ParquetEncoding: Int32, Sendable, Hashable, CaseIterable {
    /// Values end to end, low byte first.
    case plain = 0
    /// The old name of ``dictionary``; read, never written.
    case plainDictionary = 2
    /// Runs and bit-packed groups; for booleans and levels.
    case rle = 3
    /// Levels, high bit first, without runs; superseded by ``rle``; read, never written.
    case bitPacked = 4
    /// Bit-packed differences; for integers.
    case deltaBinaryPacked = 5
    /// Lengths as differences, then the bytes of all strings.
    case deltaLengthByteArray = 6
    /// Shared prefix lengths, then suffixes; read, never written.
    case deltaByteArray = 7
    /// Codes into a dictionary page, as runs and bit-packed groups.
    case dictionary = 8
    /// The first bytes of all values, then the second bytes, …; for numbers of any width.
    case byteStreamSplit = 9
}

/// How the bytes of a page are compressed when it is written.
public enum ParquetCompression: Int32, Sendable, Hashable {
    /// Not at all.
    case uncompressed = 0
    /// Zstandard.
    case zstd = 6
}

enum PageType: Int32 {
    case data = 0
    case index = 1
    case dictionary = 2
    case dataV2 = 3
}

enum BoundaryOrder: Int32 {
    case unordered = 0
    case ascending = 1
    case descending = 2
}

/// The annotations of the old format that say what a physical type means.
enum ConvertedType: Int32 {
    case utf8 = 0
    case map = 1
    case mapKeyValue = 2
    case list = 3
    case enumeration = 4
    case decimal = 5
    case date = 6
    case timeMillis = 7
    case timeMicros = 8
    case timestampMillis = 9
    case timestampMicros = 10
    case uint8 = 11
    case uint16 = 12
    case uint32 = 13
    case uint64 = 14
    case int8 = 15
    case int16 = 16
    case int32 = 17
    case int64 = 18
    case json = 19
    case bson = 20
    case interval = 21
}

enum TimeUnit: Int16 {
    case millis = 1
    case micros = 2
    case nanos = 3
}

/// The annotations of the new format.
enum LogicalType: Equatable {
    case string
    case enumeration
    case json
    case decimal(scale: Int32, precision: Int32)
    case date
    case timestamp(isAdjustedToUTC: Bool, unit: TimeUnit)
    case time(unit: TimeUnit)
    /// Twelve bytes: months, days and milliseconds, unsigned, low byte first.
    case interval
    case integer(bitWidth: Int8, isSigned: Bool)
    /// A column of nulls alone.
    case null
    case uuid
    case bson
    case float16
    /// Shapes as well-known binary.
    case geometry, geography
    /// One that no type of ours corresponds to, by its name.
    case foreign(String)
    /// One that is newer than this reader: the values are what their physical type says.
    case unknown(Int16)

    /// By the number of the field that stands for it, those without parameters.
    static let simple: [Int16: LogicalType] = [
        1: .string, 2: .foreign("MAP"), 3: .foreign("LIST"), 4: .enumeration, 6: .date,
        11: .null, 12: .json, 13: .bson, 14: .uuid, 15: .float16, 16: .foreign("VARIANT"),
        17: .geometry, 18: .geography,
    ]
}

let magic: [UInt8] = Array("PAR1".utf8)
