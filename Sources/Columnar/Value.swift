/// One value of any type, for code that handles rows one at a time: literals, tests, printing.
public enum Value: Sendable {
    /// SQL's NULL, of any type.
    case null
    /// A `boolean`.
    case boolean(Bool)
    /// An `int`.
    case int(Int32)
    /// A `long`.
    case long(Int64)
    /// A `double`.
    case double(Double)
    /// A decimal: `unscaled` times 10 to the power of minus `scale`.
    case decimal(unscaled: Int128, scale: Int)
    /// A `string`.
    case string(String)
    /// A `binary`.
    case binary([UInt8])
    /// A `date`: days since 1970-01-01.
    case date(Int32)
    /// A `timestamp`: microseconds since the epoch, UTC.
    case timestamp(Int64)

    /// Whether this is NULL.
    public var isNull: Bool { if case .null = self { true } else { false } }
}

extension Value: Equatable {
    /// Equality of representations, for tests: NaN equals NaN, -0.0 differs from 0.0, strings are
    /// compared by bytes.
    ///
    /// SQL's `=` is the expression layer's.
    public static func == (left: Value, right: Value) -> Bool {
        switch (left, right) {
        case (.null, .null): true
        case (.boolean(let a), .boolean(let b)): a == b
        case (.int(let a), .int(let b)): a == b
        case (.long(let a), .long(let b)): a == b
        case (.double(let a), .double(let b)):
            a.bitPattern == b.bitPattern || (a.isNaN && b.isNaN)
        case (.decimal(let a, let scaleA), .decimal(let b, let scaleB)): a == b && scaleA == scaleB
        case (.string(let a), .string(let b)): a.utf8.elementsEqual(b.utf8)
        case (.binary(let a), .binary(let b)): a == b
        case (.date(let a), .date(let b)): a == b
        case (.timestamp(let a), .timestamp(let b)): a == b
        default: false
        }
    }
}

extension Column {
    /// The value of one row.
    public func value(at row: Int) -> Value {
        precondition(row >= 0 && row < count, "row out of range")
        if isNull(row) { return .null }
        switch type {
        case .boolean: return bits.map { .boolean($0[row]) } ?? .null
        case .int: return .int(int32s[row])
        case .date: return .date(int32s[row])
        case .long: return .long(int64s[row])
        case .timestamp: return .timestamp(int64s[row])
        case .double: return .double(doubles[row])
        case .decimal(_, let scale):
            return type.layout == .int64
                ? .decimal(unscaled: Int128(int64s[row]), scale: scale)
                : .decimal(unscaled: int128s[row], scale: scale)
        case .string: return dictionary.map { .string($0.string(at: Int(int32s[row]))) } ?? .null
        case .binary: return dictionary.map { .binary($0.bytes(at: Int(int32s[row]))) } ?? .null
        }
    }

    /// A column of values, each of which is null or of the type.
    public init(_ type: DataType, _ values: [Value]) {
        var builder = ColumnBuilder(type, capacity: values.count)
        for value in values { builder.append(value) }
        self = builder.finish()
    }

    /// The same value in every row.
    public init(repeating value: Value, _ type: DataType, count: Int) {
        var builder = ColumnBuilder(type, capacity: 1)
        builder.append(value)
        self = builder.finish().gather([Int32](repeating: 0, count: count))
    }
}
