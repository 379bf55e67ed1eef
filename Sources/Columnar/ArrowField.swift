/// A type of Arrow that is read, as it lies in the bytes.
enum ArrowType: Hashable, Sendable {
    case null
    case boolean
    case integer(bits: Int, isSigned: Bool)
    case float32
    case float64
    case decimal128(precision: Int, scale: Int)
    case utf8
    case largeUtf8
    case utf8View
    case date32
    case date64
    /// Ticks of the unit; `perSecond` is 1, 1,000, 1,000,000 or 1,000,000,000.
    case timestamp(perSecond: Int64)

    /// The type a column of ours gets.
    var dataType: DataType {
        switch self {
        // Spark's VOID has no counterpart; a column of nulls is read as strings.
        case .null, .utf8, .largeUtf8, .utf8View: .string
        case .boolean: .boolean
        case .integer(let bits, let isSigned):
            bits < 32 || (bits == 32 && isSigned) ? .int : .long
        case .float32, .float64: .double
        case .decimal128(let precision, let scale): .decimal(precision: precision, scale: scale)
        case .date32, .date64: .date
        case .timestamp: .timestamp
        }
    }

    /// The number of buffers of a column, not counting a view's data buffers.
    var bufferCount: Int {
        switch self {
        case .null: 0
        case .utf8, .largeUtf8: 3
        default: 2
        }
    }
}

/// A column of an Arrow stream: its name, and how its values lie in the bytes.
struct ArrowField: Sendable {
    let name: String
    let isNullable: Bool
    /// The type of the values; of the dictionary's values where there is one.
    let type: ArrowType
    /// The dictionary's id and the type of the indices.
    let dictionary: (id: Int64, index: ArrowType)?

    var bufferCount: Int { dictionary == nil ? type.bufferCount : 2 }

    /// How many view columns there are, which have a data buffer count each.
    var isView: Bool { dictionary == nil && type == .utf8View }

    init(_ table: FlatBufferTable, name: String) throws(ArrowError) {
        self.name = name
        do throws(ArrowError) {
            isNullable = try table.scalar(1, UInt8(0)) != 0
            type = try ArrowType(table)
            if let encoding = try table.table(4) {
                guard type.dataType == .string, type != .null else {
                    throw ArrowError(
                        .unsupported, "a dictionary of \(type.dataType) is not read; of utf8 is")
                }
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
    init(_ field: FlatBufferTable) throws(ArrowError) {
        let number = try field.scalar(2, UInt8(0))
        guard let type = try field.table(3) else {
            throw ArrowError(.malformed, "a column without type")
        }
        switch number {
        case ArrowFormat.typeNull: self = .null
        case ArrowFormat.typeBool: self = .boolean
        case ArrowFormat.typeInt: self = try ArrowType(integer: type)
        case ArrowFormat.typeUtf8: self = .utf8
        case ArrowFormat.typeLargeUtf8: self = .largeUtf8
        case ArrowFormat.typeUtf8View: self = .utf8View
        case ArrowFormat.typeFloatingPoint: self = try ArrowType(float: type)
        case ArrowFormat.typeDecimal: self = try ArrowType(decimal: type)
        case ArrowFormat.typeDate: self = try ArrowType(date: type)
        case ArrowFormat.typeTimestamp: self = try ArrowType(timestamp: type)
        default:
            let name =
                Int(number) < ArrowFormat.typeNames.count
                ? ArrowFormat.typeNames[Int(number)] : "number \(number)"
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
        case 1: self = .float32
        case 2: self = .float64
        default: throw ArrowError(.unsupported, "the type half float is not read; cast to double")
        }
    }

    private init(decimal type: FlatBufferTable) throws(ArrowError) {
        let precision = try Int(type.scalar(0, Int32(0)))
        let scale = try Int(type.scalar(1, Int32(0)))
        let bits = try type.scalar(2, Int32(128))
        guard bits == 128 else {
            throw ArrowError(
                .unsupported, "the type decimal\(bits) is not read; cast it to decimal128")
        }
        guard (1...DataType.decimalPrecisionMax).contains(precision),
            (0...precision).contains(scale)
        else {
            throw ArrowError(
                .unsupported,
                "decimal(\(precision),\(scale)) is not read; precision is 1…38, scale 0…precision")
        }
        self = .decimal128(precision: precision, scale: scale)
    }

    private init(date type: FlatBufferTable) throws(ArrowError) {
        switch try type.scalar(0, Int16(1)) {
        case 0: self = .date32
        case 1: self = .date64
        case let unit: throw ArrowError(.malformed, "a date of unit \(unit)")
        }
    }

    private init(timestamp type: FlatBufferTable) throws(ArrowError) {
        switch try type.scalar(0, Int16(0)) {
        case 0: self = .timestamp(perSecond: 1)
        case 1: self = .timestamp(perSecond: 1_000)
        case 2: self = .timestamp(perSecond: 1_000_000)
        case 3: self = .timestamp(perSecond: 1_000_000_000)
        case let unit: throw ArrowError(.malformed, "a timestamp of unit \(unit)")
        }
    }
}
