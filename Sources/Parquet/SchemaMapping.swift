import Columnar

// How our types stand in a file: physical type, logical type and the converted type that older
// readers look at.

extension DataType {
    /// Decimals up to this precision are stored in 32 bits.
    static let int32DecimalPrecisionMax = 9
    /// The length of a decimal that does not fit in 64 bits.
    static let fixedDecimalLength = 16

    var physicalType: PhysicalType {
        switch self {
        case .boolean: .boolean
        case .int, .date: .int32
        case .long, .timestamp: .int64
        case .double: .double
        case .string: .byteArray
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
        case .boolean, .int, .long, .double: break
        case .string:
            convertedType = ConvertedType.utf8
            logicalType = .string
        case .date:
            convertedType = ConvertedType.date
            logicalType = .date
        case .timestamp:
            convertedType = ConvertedType.timestampMicros
            logicalType = .timestamp(isAdjustedToUTC: true, unit: .micros)
        case .decimal(let precision, let scale):
            convertedType = ConvertedType.decimal
            self.precision = Int32(precision)
            self.scale = Int32(scale)
            logicalType = .decimal(scale: Int32(scale), precision: Int32(precision))
            if type == .fixedLengthByteArray { typeLength = Int32(DataType.fixedDecimalLength) }
        }
    }
}

/// How the values of a leaf column become ours.
struct LeafColumn: Sendable, Equatable {
    var field: Field
    var physicalType: PhysicalType
    /// The length of a fixed-length byte array, 0 for other types.
    var typeLength: Int
    var conversion: Conversion

    enum Conversion: Sendable, Equatable {
        case none
        /// Milliseconds, times 1000.
        case millisToMicros
    }
}

extension LeafColumn {
    /// The columns of a flat schema; the first element is the root.
    static func columns(of schema: [SchemaElement]) throws(ParquetError) -> [LeafColumn] {
        let elements = schema.dropFirst()
        for element in elements where element.type == nil || (element.childCount ?? 0) != 0 {
            throw ParquetError(
                .unsupported,
                "the column is nested (struct, list or map); only flat columns can be read",
                column: element.name)
        }
        guard let count = schema[0].childCount, Int(count) == elements.count else {
            throw ParquetError(.damaged, "the root announces another number of columns")
        }
        return try elements.map { element throws(ParquetError) in try LeafColumn(element) }
    }

    private init(_ element: SchemaElement) throws(ParquetError) {
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
        let (type, conversion) = try Self.meaning(of: element, physical)
        field = Field(element.name, type, isNullable: element.repetition != .required)
        physicalType = physical
        typeLength = physical == .fixedLengthByteArray ? length : 0
        self.conversion = conversion
    }

    private static func meaning(
        of element: SchemaElement, _ physical: PhysicalType
    ) throws(ParquetError) -> (DataType, Conversion) {
        let logical = element.logicalType ?? LogicalType(converted: element)
        switch (physical, logical) {
        case (.boolean, nil): return (.boolean, .none)
        case (.int32, nil): return (.int, .none)
        case (.int32, .integer(_, let isSigned)) where isSigned: return (.int, .none)
        case (.int32, .integer(let width, _)) where width == 8 || width == 16: return (.int, .none)
        case (.int64, nil): return (.long, .none)
        case (.int64, .integer(_, let isSigned)) where isSigned: return (.long, .none)
        case (.float, nil), (.double, nil): return (.double, .none)
        case (.int32, .date): return (.date, .none)
        case (.int64, .timestamp(_, .micros)): return (.timestamp, .none)
        case (.int64, .timestamp(_, .millis)): return (.timestamp, .millisToMicros)
        case (.byteArray, .string): return (.string, .none)
        case (_, .decimal(let scale, let precision)):
            return (try decimal(element, physical, Int(precision), Int(scale)), .none)
        default:
            let name = logical.map { "\($0)" } ?? "no annotation"
            throw ParquetError(
                .unsupported, "a column of physical type \(physical) with \(name) cannot be read",
                column: element.name)
        }
    }

    private static func decimal(
        _ element: SchemaElement, _ physical: PhysicalType, _ precision: Int, _ scale: Int
    ) throws(ParquetError) -> DataType {
        guard (1...DataType.decimalPrecisionMax).contains(precision),
            (0...precision).contains(scale)
        else {
            throw ParquetError(
                .unsupported, "decimal(\(precision),\(scale)) is out of range",
                column: element.name)
        }
        switch physical {
        case .int32 where precision <= DataType.int32DecimalPrecisionMax: break
        case .int64 where precision <= DataType.narrowDecimalPrecisionMax: break
        case .fixedLengthByteArray where (1...16).contains(element.typeLength ?? 0): break
        default:
            throw ParquetError(
                .unsupported, "decimal(\(precision),\(scale)) as \(physical) cannot be read",
                column: element.name)
        }
        return .decimal(precision: precision, scale: scale)
    }
}

extension LogicalType {
    /// What the old annotation of an element means in the new terms; nil when it has none.
    fileprivate init?(converted element: SchemaElement) {
        guard let number = element.convertedType else { return nil }
        switch number {
        case ConvertedType.utf8, ConvertedType.enumeration, ConvertedType.json: self = .string
        case ConvertedType.decimal:
            self = .decimal(scale: element.scale ?? 0, precision: element.precision ?? 0)
        case ConvertedType.date: self = .date
        case ConvertedType.timestampMillis:
            self = .timestamp(isAdjustedToUTC: true, unit: .millis)
        case ConvertedType.timestampMicros:
            self = .timestamp(isAdjustedToUTC: true, unit: .micros)
        case ConvertedType.int8: self = .integer(bitWidth: 8, isSigned: true)
        case ConvertedType.int16: self = .integer(bitWidth: 16, isSigned: true)
        case ConvertedType.int32: self = .integer(bitWidth: 32, isSigned: true)
        case ConvertedType.int64: self = .integer(bitWidth: 64, isSigned: true)
        case ConvertedType.uint8: self = .integer(bitWidth: 8, isSigned: false)
        case ConvertedType.uint16: self = .integer(bitWidth: 16, isSigned: false)
        default: self = .other(Int16(truncatingIfNeeded: number))
        }
    }
}
