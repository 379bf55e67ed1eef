/// A type of Arrow that is read, as it lies in the bytes.
enum ArrowType: Hashable, Sendable {
    case null
    case boolean
    case integer(bits: Int, isSigned: Bool)
    case float16
    case float32
    case float64
    /// An unscaled value of 32, 64, 128 or 256 bits.
    case decimal(bits: Int, precision: Int, scale: Int)
    /// Text or bytes.
    case bytes(BytesLayout, isText: Bool)
    case date32
    case date64
    /// Ticks since the epoch; `perSecond` is 1, 1,000, 1,000,000 or 1,000,000,000.
    case timestamp(perSecond: Int64)
    /// Ticks since midnight, of 32 bits up to milliseconds, of 64 beyond.
    case time(perSecond: Int64)
    /// Ticks that went by.
    case duration(perSecond: Int64)
    case interval(IntervalUnit)

    /// How strings lie in the buffers.
    enum BytesLayout: Hashable, Sendable {
        /// End to end behind offsets of 32 bits.
        case offsets
        /// End to end behind offsets of 64 bits.
        case largeOffsets
        /// Short ones in 16 bytes each, others where these say.
        case views
        /// All of one length.
        case fixed(Int)
    }

    /// The parts of an interval, in the order in which they lie in the bytes.
    enum IntervalUnit: Int16, Sendable {
        case yearMonth = 0
        case dayTime = 1
        case monthDayNano = 2
    }

    /// The type a column of ours gets.
    var dataType: DataType {
        switch self {
        // Spark's VOID has no counterpart; a column of nulls is read as strings.
        case .null: .string
        case .bytes(_, let isText): isText ? .string : .binary
        case .boolean: .boolean
        case .integer(let bits, let isSigned):
            bits < 32 || (bits == 32 && isSigned) ? .int : .long
        case .float16, .float32, .float64: .double
        case .decimal(_, let precision, let scale):
            precision <= DataType.decimalPrecisionMax
                ? .decimal(precision: precision, scale: scale) : .string
        case .date32, .date64: .date
        case .timestamp: .timestamp
        case .time, .duration: .long
        case .interval(let unit): unit == .yearMonth ? .int : .string
        }
    }
}

/// A flat column of an Arrow stream: its name, and how its values lie in the bytes.
struct ArrowField: Sendable {
    let name: String
    let isNullable: Bool
    /// The type of the values; of the dictionary's values where there is one.
    let type: ArrowType
    /// The dictionary's id and the type of the indices.
    let dictionary: (id: Int64, index: ArrowType)?
    /// Where a value stands for a run of rows: the type of the runs' ends, and how many buffers come
    /// before theirs.
    let runs: (ends: ArrowType, buffersBefore: Int)?

    /// Reads a flat column.
    ///
    /// - Throws: `.unsupported` for a nested one, or a type without counterpart.
    init(_ table: FlatBufferTable, name: String, version: Int16) throws(ArrowError) {
        do throws(ArrowError) {
            var isNullable = try table.scalar(1, UInt8(0)) != 0
            var values = table
            if try table.scalar(2, UInt8(0)) == ArrowFormat.typeRunEndEncoded {
                let children = try table.tables(5)
                guard children.count == 2, try table.table(4) == nil else {
                    throw ArrowError(
                        .malformed, "runs have ends and values, and no dictionary of their own")
                }
                guard let ends = try children[0].table(3) else {
                    throw ArrowError(.malformed, "a column without type")
                }
                // Until V5 runs had validity.
                runs = (
                    try ArrowType(integer: ends), version < ArrowFormat.versionV5 ? 1 : 0
                )
                values = children[1]
                let holdsNulls = try values.scalar(1, UInt8(0)) != 0
                isNullable = isNullable || holdsNulls
            } else {
                runs = nil
            }
            self.name = name
            self.isNullable = isNullable
            type = try ArrowType(values)
            if let encoding = try values.table(4) {
                let index: ArrowType =
                    if let integer = try encoding.table(1) {
                        try ArrowType(integer: integer)
                    } else {
                        .integer(bits: 32, isSigned: true)
                    }
                dictionary = (try encoding.scalar(0, Int64(0)), index)
            } else {
                dictionary = nil
            }
        } catch {
            throw error.inColumn(name)
        }
    }
}

extension ArrowType {
    /// The most digits that 256 bits hold whatever they are.
    private static let decimal256PrecisionMax = 76

    init(_ field: FlatBufferTable) throws(ArrowError) {
        let number = try field.scalar(2, UInt8(0))
        guard let type = try field.table(3) else {
            throw ArrowError(.malformed, "a column without type")
        }
        switch number {
        case ArrowFormat.typeNull: self = .null
        case ArrowFormat.typeBool: self = .boolean
        case ArrowFormat.typeInt: self = try ArrowType(integer: type)
        case ArrowFormat.typeUtf8: self = .bytes(.offsets, isText: true)
        case ArrowFormat.typeLargeUtf8: self = .bytes(.largeOffsets, isText: true)
        case ArrowFormat.typeUtf8View: self = .bytes(.views, isText: true)
        case ArrowFormat.typeBinary: self = .bytes(.offsets, isText: false)
        case ArrowFormat.typeLargeBinary: self = .bytes(.largeOffsets, isText: false)
        case ArrowFormat.typeBinaryView: self = .bytes(.views, isText: false)
        case ArrowFormat.typeFixedSizeBinary:
            let length = try type.scalar(0, Int32(0))
            guard length >= 0 else {
                throw ArrowError(.malformed, "fixed-size binary of \(length) bytes")
            }
            self = .bytes(.fixed(Int(length)), isText: false)
        case ArrowFormat.typeFloatingPoint: self = try ArrowType(float: type)
        case ArrowFormat.typeDecimal: self = try ArrowType(decimal: type)
        case ArrowFormat.typeDate: self = try ArrowType(date: type)
        case ArrowFormat.typeTimestamp:
            self = .timestamp(perSecond: try Self.ticksPerSecond(type, default: 0))
        case ArrowFormat.typeTime: self = try ArrowType(time: type)
        case ArrowFormat.typeDuration:
            self = .duration(perSecond: try Self.ticksPerSecond(type, default: 1))
        case ArrowFormat.typeInterval: self = try ArrowType(interval: type)
        default:
            let name = ArrowFormat.typeName(number)
            if ArrowFormat.nestedTypes.contains(number) {
                throw ArrowError(
                    .unsupported, "the column is nested (\(name)); only flat columns can be read")
            }
            throw ArrowError(
                .unsupported,
                "the type \(name) is not read; cast it to one of "
                    + DataType.names.joined(separator: ", "))
        }
    }

    init(integer type: FlatBufferTable) throws(ArrowError) {
        let bits = try type.scalar(0, Int32(0))
        guard [8, 16, 32, 64].contains(bits) else {
            throw ArrowError(.malformed, "an integer of \(bits) bits")
        }
        self = .integer(bits: Int(bits), isSigned: try type.scalar(1, UInt8(0)) != 0)
    }

    private init(float type: FlatBufferTable) throws(ArrowError) {
        switch try type.scalar(0, Int16(0)) {
        case 0: self = .float16
        case 1: self = .float32
        case 2: self = .float64
        case let precision:
            throw ArrowError(.malformed, "a floating point number of precision \(precision)")
        }
    }

    private init(decimal type: FlatBufferTable) throws(ArrowError) {
        let precision = try Int(type.scalar(0, Int32(0)))
        let scale = try Int(type.scalar(1, Int32(0)))
        let bits = try type.scalar(2, Int32(128))
        guard [32, 64, 128, 256].contains(bits) else {
            throw ArrowError(.malformed, "a decimal of \(bits) bits")
        }
        let digitsMax = bits == 256 ? Self.decimal256PrecisionMax : DataType.decimalPrecisionMax
        guard (1...digitsMax).contains(precision), (0...precision).contains(scale) else {
            throw ArrowError(
                .unsupported,
                "decimal(\(precision),\(scale)) of \(bits) bits is not read; precision is "
                    + "1…\(digitsMax), scale 0…precision")
        }
        self = .decimal(bits: Int(bits), precision: precision, scale: scale)
    }

    private init(date type: FlatBufferTable) throws(ArrowError) {
        switch try type.scalar(0, Int16(1)) {
        case 0: self = .date32
        case 1: self = .date64
        case let unit: throw ArrowError(.malformed, "a date of unit \(unit)")
        }
    }

    private init(time type: FlatBufferTable) throws(ArrowError) {
        let perSecond = try Self.ticksPerSecond(type, default: 1)
        let bits = try type.scalar(1, Int32(32))
        guard bits == (perSecond <= 1_000 ? 32 : 64) else {
            throw ArrowError(
                .malformed, "a time of \(bits) bits with \(perSecond) ticks per second")
        }
        self = .time(perSecond: perSecond)
    }

    private init(interval type: FlatBufferTable) throws(ArrowError) {
        let number = try type.scalar(0, Int16(0))
        guard let unit = IntervalUnit(rawValue: number) else {
            throw ArrowError(.malformed, "an interval of unit \(number)")
        }
        self = .interval(unit)
    }

    /// The unit of a timestamp, time or duration; `unit` is the one that goes without saying.
    private static func ticksPerSecond(
        _ type: FlatBufferTable, default unit: Int16
    ) throws(ArrowError) -> Int64 {
        switch try type.scalar(0, unit) {
        case 0: return 1
        case 1: return 1_000
        case 2: return 1_000_000
        case 3: return 1_000_000_000
        case let unit: throw ArrowError(.malformed, "a time of unit \(unit)")
        }
    }
}
