import Columnar

// How our types stand in a file, and a file's types with us: physical type, logical type and the
// converted type that older readers look at.

extension DataType {
    /// Decimals up to this precision are stored in 32 bits.
    static let int32DecimalPrecisionMax = 9
    /// The length of a decimal that does not fit in 64 bits.
    static let fixedDecimalLength = 16
    /// An unsigned number of 64 bits, as Spark reads it.
    static let unsigned64 = DataType.decimal(precision: 20, scale: 0)

    var physicalType: PhysicalType {
        switch self {
        case .boolean: .boolean
        case .int, .date: .int32
        case .long, .timestamp: .int64
        case .double: .double
        case .string, .binary: .byteArray
        case .decimal(let precision, _):
            precision <= Self.int32DecimalPrecisionMax
                ? .int32
                : precision <= Self.narrowDecimalPrecisionMax ? .int64 : .fixedLengthByteArray
        }
    }
}

extension SchemaElement {
    /// The element that stands for a field.
    init(_ field: Field) {
        self.init(name: field.name)
        type = field.type.physicalType
        repetition = field.isNullable ? .optional : .required
        switch field.type {
        case .boolean, .int, .long, .double, .binary: break
        case .string:
            convertedType = ConvertedType.utf8.rawValue
            logicalType = .string
        case .date:
            convertedType = ConvertedType.date.rawValue
            logicalType = .date
        case .timestamp:
            convertedType = ConvertedType.timestampMicros.rawValue
            logicalType = .timestamp(isAdjustedToUTC: true, unit: .micros)
        case .decimal(let precision, let scale):
            convertedType = ConvertedType.decimal.rawValue
            self.precision = Int32(precision)
            self.scale = Int32(scale)
            logicalType = .decimal(scale: Int32(scale), precision: Int32(precision))
            if type == .fixedLengthByteArray { typeLength = Int32(DataType.fixedDecimalLength) }
        }
    }
}

extension LeafColumn {
    /// The format sets no bound; the time to print a number grows with the square of its digits.
    private static let decimalDigitsMax = 1_000

    /// How a leaf of the schema is read.
    ///
    /// - Throws: `.unsupported` with the column's name and type.
    init(_ element: SchemaElement, chunk: Int) throws(ParquetError) {
        guard let physical = element.type, element.repetition != .repeated else {
            throw ParquetError(
                .unsupported, "the column repeats; only flat columns can be read",
                column: element.name)
        }
        let length = Int(element.typeLength ?? 0)
        if physical == .fixedLengthByteArray, length < 1 {
            throw ParquetError(
                .damaged, "a fixed-length column has no length", column: element.name)
        }
        let logical = element.logicalType ?? LogicalType(converted: element)
        let (type, meaning) = try Self.meaning(of: element, physical, logical)
        isOrdered = logical?.isOrdered ?? true
        field = Field(element.name, type, isNullable: element.repetition != .required)
        physicalType = physical
        typeLength = physical == .fixedLengthByteArray ? length : 0
        self.meaning = meaning
        self.chunk = chunk
    }

    private static func meaning(
        of element: SchemaElement, _ physical: PhysicalType, _ logical: LogicalType?
    ) throws(ParquetError) -> (DataType, Meaning) {
        switch (physical, logical) {
        case (.boolean, .none), (.boolean, .unknown): return (.boolean, .boolean)
        case (.int32, .none), (.int32, .unknown): return (.int, .int32)
        case (.int32, .integer(32, false)): return (.long, .unsigned32)
        case (.int32, .integer(64, _)): break
        case (.int32, .integer): return (.int, .int32)
        case (.int64, .none), (.int64, .unknown): return (.long, .int64)
        case (.int64, .integer(64, false)): return (.unsigned64, .unsigned64)
        case (.int64, .integer): return (.long, .int64)
        case (.int96, .none), (.int96, .unknown): return (.timestamp, .int96)
        case (.float, .none), (.float, .unknown): return (.double, .float)
        case (.double, .none), (.double, .unknown): return (.double, .double)
        case (.int32, .date): return (.date, .int32)
        case (.int64, .timestamp(_, .millis)): return (.timestamp, .millis)
        case (.int64, .timestamp(_, .micros)): return (.timestamp, .int64)
        case (.int64, .timestamp(_, .nanos)): return (.timestamp, .nanos)
        case (.int32, .time(.millis)): return (.long, .millis32)
        case (.int64, .time(.micros)): return (.long, .int64)
        case (.int64, .time(.nanos)): return (.long, .nanos)
        case (.fixedLengthByteArray, .interval) where element.typeLength == 12:
            return (.string, .interval)
        case (.byteArray, .string), (.byteArray, .enumeration), (.byteArray, .json),
            (.fixedLengthByteArray, .string), (.fixedLengthByteArray, .enumeration):
            return (.string, .text)
        case (.byteArray, .none), (.byteArray, .unknown), (.byteArray, .bson),
            (.byteArray, .geometry), (.byteArray, .geography),
            (.fixedLengthByteArray, .none), (.fixedLengthByteArray, .unknown):
            return (.binary, .bytes)
        case (.fixedLengthByteArray, .uuid) where element.typeLength == 16:
            return (.string, .uuid)
        case (.fixedLengthByteArray, .float16) where element.typeLength == 2:
            return (.double, .float16)
        case (_, .null): return (.string, .nulls)
        case (_, .decimal(let scale, let precision)):
            return try decimal(element, physical, Int(precision), Int(scale))
        default: break
        }
        throw ParquetError(
            .unsupported,
            "a column of the type \(physical.name)\(logical.map { " (\($0.name))" } ?? "") "
                + "cannot be read: these two do not go together",
            column: element.name)
    }

    private static func decimal(
        _ element: SchemaElement, _ physical: PhysicalType, _ precision: Int, _ scale: Int
    ) throws(ParquetError) -> (DataType, Meaning) {
        let digitsMax: Int =
            switch physical {
            case .int32: 10
            case .int64: 19
            case .byteArray, .fixedLengthByteArray: decimalDigitsMax
            default: 0
            }
        guard 1 <= precision, precision <= digitsMax, (0...precision).contains(scale) else {
            throw ParquetError(
                .unsupported,
                "a column of the type decimal(\(precision),\(scale)) as \(physical.name) cannot be "
                    + "read; precision is at most \(digitsMax), scale 0…precision",
                column: element.name)
        }
        if precision > DataType.decimalPrecisionMax {
            return (.string, .wideDecimal(precision: precision, scale: scale))
        }
        return (.decimal(precision: precision, scale: scale), .decimal(precision: precision))
    }
}

extension PhysicalType {
    /// The name as the format writes it.
    var name: String {
        switch self {
        case .boolean: "BOOLEAN"
        case .int32: "INT32"
        case .int64: "INT64"
        case .int96: "INT96"
        case .float: "FLOAT"
        case .double: "DOUBLE"
        case .byteArray: "BYTE_ARRAY"
        case .fixedLengthByteArray: "FIXED_LEN_BYTE_ARRAY"
        }
    }
}

extension LogicalType {
    /// Whether the order of the values, by which bounds are to be understood, is defined and known.
    fileprivate var isOrdered: Bool {
        switch self {
        case .interval, .geometry, .geography, .unknown: false
        default: true
        }
    }

    /// The name as the format writes it.
    fileprivate var name: String {
        switch self {
        case .string: "STRING"
        case .enumeration: "ENUM"
        case .json: "JSON"
        case .decimal(let scale, let precision): "DECIMAL(\(precision),\(scale))"
        case .date: "DATE"
        case .timestamp(_, let unit): "TIMESTAMP(\(unit))"
        case .time(let unit): "TIME(\(unit))"
        case .interval: "INTERVAL"
        case .integer(let width, let isSigned): "INT(\(width),\(isSigned ? "" : "un")signed)"
        case .null: "NULL"
        case .uuid: "UUID"
        case .bson: "BSON"
        case .float16: "FLOAT16"
        case .geometry: "GEOMETRY"
        case .geography: "GEOGRAPHY"
        case .foreign(let name): name
        case .unknown(let number): "logical type number \(number)"
        }
    }

    /// What the old annotation of an element means in the new terms; nil when it has none.
    fileprivate init?(converted element: SchemaElement) {
        guard let number = element.convertedType else { return nil }
        switch ConvertedType(rawValue: number) {
        case .utf8: self = .string
        case .enumeration: self = .enumeration
        case .json: self = .json
        case .decimal:
            self = .decimal(scale: element.scale ?? 0, precision: element.precision ?? 0)
        case .date: self = .date
        case .timestampMillis: self = .timestamp(isAdjustedToUTC: true, unit: .millis)
        case .timestampMicros: self = .timestamp(isAdjustedToUTC: true, unit: .micros)
        case .int8: self = .integer(bitWidth: 8, isSigned: true)
        case .int16: self = .integer(bitWidth: 16, isSigned: true)
        case .int32: self = .integer(bitWidth: 32, isSigned: true)
        case .int64: self = .integer(bitWidth: 64, isSigned: true)
        case .uint8: self = .integer(bitWidth: 8, isSigned: false)
        case .uint16: self = .integer(bitWidth: 16, isSigned: false)
        case .uint32: self = .integer(bitWidth: 32, isSigned: false)
        case .uint64: self = .integer(bitWidth: 64, isSigned: false)
        case .timeMillis: self = .time(unit: .millis)
        case .timeMicros: self = .time(unit: .micros)
        case .bson: self = .bson
        case .interval: self = .interval
        case .map, .mapKeyValue: self = .foreign("MAP")
        case .list: self = .foreign("LIST")
        case nil: self = .unknown(Int16(truncatingIfNeeded: number))
        }
    }
}
