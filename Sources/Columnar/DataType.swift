/// The type of a column: Spark SQL's names, Arrow's memory layout.
public enum DataType: Hashable, Sendable {
    /// One bit a row.
    case boolean
    /// 32-bit signed integer.
    case int
    /// 64-bit signed integer (Spark: `bigint`).
    case long
    /// IEEE 754 binary64.
    case double
    /// A fixed-point number: an unscaled integer of at most `precision` (1…38) decimal digits,
    /// times 10 to the power of minus `scale` (0…precision). Up to 18 digits it is stored as
    /// `Int64`, above as `Int128`.
    case decimal(precision: Int, scale: Int)
    /// UTF-8 text, dictionary-encoded.
    case string
    /// Bytes of any kind, dictionary-encoded as strings are.
    case binary
    /// Days since 1970-01-01.
    case date
    /// Microseconds since 1970-01-01T00:00:00Z.
    case timestamp

    /// How the values of a type lie in memory.
    public enum Layout: Sendable {
        /// Bit-packed, least significant bit first.
        case bits
        /// `Int32` a row.
        case int32
        /// `Int64` a row.
        case int64
        /// `Int128` a row (16 bytes, little endian, as Arrow's decimal128).
        case int128
        /// `Double` a row.
        case float64
        /// An `Int32` code a row, into the column's dictionary.
        case dictionary
    }

    /// The most digits a decimal may have.
    public static let decimalPrecisionMax = 38
    /// The most digits a decimal may have to be stored in 64 bits.
    public static let narrowDecimalPrecisionMax = 18

    /// How values of this type lie in memory.
    public var layout: Layout {
        switch self {
        case .boolean: .bits
        case .int, .date: .int32
        case .long, .timestamp: .int64
        case .decimal(let precision, _):
            precision <= Self.narrowDecimalPrecisionMax ? .int64 : .int128
        case .double: .float64
        case .string, .binary: .dictionary
        }
    }

    /// Bytes a row takes in the values buffer; 0 for booleans, which are bit-packed.
    public var byteWidth: Int {
        switch layout {
        case .bits: 0
        case .int32, .dictionary: 4
        case .int64, .float64: 8
        case .int128: 16
        }
    }

    /// Whether arithmetic is defined on this type.
    public var isNumeric: Bool {
        switch self {
        case .int, .long, .double, .decimal: true
        case .boolean, .string, .binary, .date, .timestamp: false
        }
    }
}

extension DataType: CustomStringConvertible {
    /// The name as a job file and Spark's DDL write it: `decimal(18,4)`, `timestamp`, ….
    public var description: String {
        switch self {
        case .boolean: "boolean"
        case .int: "int"
        case .long: "long"
        case .double: "double"
        case .decimal(let precision, let scale): "decimal(\(precision),\(scale))"
        case .string: "string"
        case .binary: "binary"
        case .date: "date"
        case .timestamp: "timestamp"
        }
    }

    /// The name with its article, for messages: `an int`.
    public var withArticle: String { (self == .int ? "an " : "a ") + description }

    /// Every type name that `init(parsing:)` takes, for messages.
    public static let names = [
        "boolean", "int", "long", "double", "decimal(p,s)", "string", "binary", "date",
        "timestamp",
    ]

    /// Reads a type name, case-insensitively; also the aliases `integer`, `bigint`, `bool`,
    /// `numeric(p,s)`, and `decimal` for decimal(10,0).
    ///
    /// `nil` when there is no such type.
    public init?(parsing name: String) {
        let text = name.lowercased().filter { $0 != " " }
        switch text {
        case "boolean", "bool": self = .boolean
        case "int", "integer": self = .int
        case "long", "bigint": self = .long
        case "double": self = .double
        case "string": self = .string
        case "binary": self = .binary
        case "date": self = .date
        case "timestamp": self = .timestamp
        case "decimal", "numeric", "dec": self = .decimal(precision: 10, scale: 0)
        default:
            guard let type = Self.parseDecimal(text) else { return nil }
            self = type
        }
    }

    private static func parseDecimal(_ text: String) -> DataType? {
        guard let open = text.firstIndex(of: "("), text.hasSuffix(")"),
            ["decimal", "numeric", "dec"].contains(text[..<open])
        else { return nil }
        let inside = text[text.index(after: open)...].dropLast()
        let parts = inside.split(separator: ",", omittingEmptySubsequences: false).map { Int($0) }
        guard parts.count == 1 || parts.count == 2, let precision = parts[0],
            (1...decimalPrecisionMax).contains(precision)
        else { return nil }
        guard parts.count == 2 else { return .decimal(precision: precision, scale: 0) }
        guard let scale = parts[1], (0...precision).contains(scale) else { return nil }
        return .decimal(precision: precision, scale: scale)
    }
}
