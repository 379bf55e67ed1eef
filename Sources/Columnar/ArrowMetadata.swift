/// One key-value pair of Arrow's custom metadata.
public struct ArrowMetadataEntry: Hashable, Sendable {
    /// The key; keys may repeat.
    public var key: String
    /// The value.
    public var value: String

    /// A pair.
    public init(_ key: String, _ value: String) {
        self.key = key
        self.value = value
    }
}

// Numbers of Arrow's Schema.fbs and Message.fbs (Apache Arrow columnar format 1.5).

enum ArrowFormat {
    /// Starts every message since format 0.15.
    static let continuation: UInt32 = 0xffff_ffff
    /// MetadataVersion.V5, which is written; V4 differs in unions only and is read too.
    static let versionV5: Int16 = 4
    static let versionV4: Int16 = 3
    /// Messages, and buffers in a body, start on a multiple of this many bytes.
    static let alignment = 64

    // MessageHeader.
    static let headerSchema: UInt8 = 1
    static let headerDictionaryBatch: UInt8 = 2
    static let headerRecordBatch: UInt8 = 3

    // Type.
    static let typeNull: UInt8 = 1
    static let typeInt: UInt8 = 2
    static let typeFloatingPoint: UInt8 = 3
    static let typeBinary: UInt8 = 4
    static let typeUtf8: UInt8 = 5
    static let typeBool: UInt8 = 6
    static let typeDecimal: UInt8 = 7
    static let typeDate: UInt8 = 8
    static let typeTime: UInt8 = 9
    static let typeTimestamp: UInt8 = 10
    static let typeInterval: UInt8 = 11
    static let typeList: UInt8 = 12
    static let typeStruct: UInt8 = 13
    static let typeUnion: UInt8 = 14
    static let typeFixedSizeBinary: UInt8 = 15
    static let typeFixedSizeList: UInt8 = 16
    static let typeMap: UInt8 = 17
    static let typeDuration: UInt8 = 18
    static let typeLargeBinary: UInt8 = 19
    static let typeLargeUtf8: UInt8 = 20
    static let typeLargeList: UInt8 = 21
    static let typeRunEndEncoded: UInt8 = 22
    static let typeBinaryView: UInt8 = 23
    static let typeUtf8View: UInt8 = 24
    static let typeListView: UInt8 = 25
    static let typeLargeListView: UInt8 = 26
    /// Types with children that are no encoding of a flat one.
    static let nestedTypes: Set<UInt8> = [
        typeList, typeStruct, typeUnion, typeFixedSizeList, typeMap, typeLargeList, typeListView,
        typeLargeListView,
    ]
    /// Names of `Type` by number, for messages about what is not read.
    static let typeNames = [
        "none", "null", "int", "floating point", "binary", "utf8", "bool", "decimal", "date",
        "time", "timestamp", "interval", "list", "struct", "union", "fixed-size binary",
        "fixed-size list", "map", "duration", "large binary", "large utf8", "large list",
        "run-end encoded", "binary view", "utf8 view", "list view", "large list view",
    ]

    /// A type by its name, or by its number where it is newer.
    static func typeName(_ type: UInt8) -> String {
        Int(type) < typeNames.count ? typeNames[Int(type)] : "number \(type)"
    }

    // CompressionType.
    static let codecLZ4Frame: Int8 = 0
    static let codecZstd: Int8 = 1
}
