import Columnar

/// A flat column of a file: where it lies, and how its values become ours.
struct LeafColumn: Sendable, Equatable {
    var field: Field
    var physicalType: PhysicalType
    /// The length of a fixed-length byte array, 0 for other types.
    var typeLength: Int
    var meaning: Meaning
    /// Whether bounds of the values can be understood.
    var isOrdered: Bool
    /// Its number among the column chunks of a row group.
    var chunk: Int

    /// What the stored values are.
    enum Meaning: Sendable, Equatable {
        case boolean
        /// Numbers as we have them.
        case int32, int64, double
        case float, float16
        case unsigned32, unsigned64
        /// Timestamps and times of day that are not in microseconds.
        case millis, millis32, nanos, int96
        /// Integers or bytes that are a decimal's unscaled value.
        case decimal(precision: Int)
        /// Bytes that are the unscaled value of a decimal with more than 38 digits.
        case wideDecimal(precision: Int, scale: Int)
        /// Months, days and milliseconds.
        case interval
        /// Bytes that must be UTF-8.
        case text
        /// Bytes of any kind.
        case bytes
        case uuid
        /// Nothing but nulls.
        case nulls
    }
}

/// A column of a file that cannot be read.
struct RefusedColumn: Sendable {
    let name: String
    let error: ParquetError
}

/// The columns of a file's schema: those that can be read, and why the others cannot.
struct FileColumns: Sendable {
    var leaves: [LeafColumn] = []
    var refused: [RefusedColumn] = []
    /// How many column chunks a row group has.
    var chunkCount = 0

    /// The first element is the root; a group's children follow it.
    init(_ schema: [SchemaElement]) throws(ParquetError) {
        guard schema[0].type == nil, let count = schema[0].childCount, count >= 0 else {
            throw ParquetError(.damaged, "the schema's root is no group of columns")
        }
        var next = 1
        var names: Set<[UInt8]> = []
        for _ in 0..<count {
            guard next < schema.count else { throw Self.miscounted }
            let element = schema[next]
            guard names.insert(Array(element.name.utf8)).inserted else {
                throw ParquetError(.unsupported, "two columns have one name", column: element.name)
            }
            let leafCount = try Self.skip(schema, &next)
            if element.type != nil {
                do throws(ParquetError) {
                    leaves.append(try LeafColumn(element, chunk: chunkCount))
                } catch {
                    refused.append(RefusedColumn(name: element.name, error: error))
                }
            } else {
                let error = ParquetError(
                    .unsupported,
                    "the column is nested (\(Self.kind(element))); only flat columns can be read",
                    column: element.name)
                refused.append(RefusedColumn(name: element.name, error: error))
            }
            chunkCount += leafCount
        }
        guard next == schema.count else { throw Self.miscounted }
    }

    private static let miscounted = ParquetError(
        .damaged, "the schema announces another number of columns than it has")

    /// Steps over an element and all below it; returns how many of them are leaves.
    private static func skip(
        _ schema: [SchemaElement], _ next: inout Int
    ) throws(ParquetError) -> Int {
        var leafCount = 0
        var pending = 1
        while pending > 0 {
            guard next < schema.count else { throw miscounted }
            let children = Int(schema[next].childCount ?? 0)
            guard children >= 0, schema[next].type == nil || children == 0 else {
                throw miscounted
            }
            if schema[next].type != nil { leafCount += 1 }
            pending += children - 1
            next += 1
        }
        return leafCount
    }

    private static func kind(_ element: SchemaElement) -> String {
        switch element.convertedType.flatMap(ConvertedType.init(rawValue:)) {
        case .list: return "list"
        case .map, .mapKeyValue: return "map"
        default: break
        }
        if case .foreign(let name)? = element.logicalType { return name.lowercased() }
        return "struct"
    }
}
