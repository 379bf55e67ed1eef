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
    /// Bit-packed differences; for integers.
    case deltaBinaryPacked = 5
    /// Lengths as differences, then the bytes of all strings.
    case deltaLengthByteArray = 6
    /// Shared prefix lengths, then suffixes; read, never written.
    case deltaByteArray = 7
    /// Codes into a dictionary page, as runs and bit-packed groups.
    case dictionary = 8
    /// The first bytes of all values, then the second bytes, …; for doubles.
    case byteStreamSplit = 9
}

/// How the bytes of a page are compressed.
public enum ParquetCompression: Int32, Sendable, Hashable {
    /// Not at all.
    case uncompressed = 0
    /// Zstandard.
    case zstd = 6

    /// The name of a codec's number, for messages.
    static func name(of number: Int32) -> String {
        let names = ["none", "SNAPPY", "GZIP", "LZO", "BROTLI", "LZ4", "ZSTD", "LZ4_RAW"]
        return names.indices.contains(Int(number)) ? names[Int(number)] : "number \(number)"
    }
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
enum ConvertedType {
    static let utf8: Int32 = 0
    static let map: Int32 = 1
    static let list: Int32 = 3
    static let enumeration: Int32 = 4
    static let decimal: Int32 = 5
    static let date: Int32 = 6
    static let timestampMillis: Int32 = 9
    static let timestampMicros: Int32 = 10
    static let uint8: Int32 = 11
    static let uint16: Int32 = 12
    static let int8: Int32 = 15
    static let int16: Int32 = 16
    static let int32: Int32 = 17
    static let int64: Int32 = 18
    static let json: Int32 = 19
}

enum TimeUnit: Int16 {
    case millis = 1
    case micros = 2
    case nanos = 3
}

/// The annotations of the new format, as far as a type of ours corresponds.
enum LogicalType: Equatable {
    case string
    case decimal(scale: Int32, precision: Int32)
    case date
    case timestamp(isAdjustedToUTC: Bool, unit: TimeUnit)
    case integer(bitWidth: Int8, isSigned: Bool)
    /// One that we have no type for, by its field number.
    case other(Int16)
}

let magic: [UInt8] = Array("PAR1".utf8)
