import Columnar

extension SchemaElement {
    init(from input: inout ThriftReader) throws(ParquetError) {
        var element = SchemaElement(name: "")
        var name: String?
        try input.readStructure { input, field throws(ParquetError) in
            switch field.id {
            case 1: element.type = try PhysicalType(checking: try input.readInt32(field), input)
            case 2: element.typeLength = try input.readInt32(field)
            case 3: element.repetition = try Repetition(checking: try input.readInt32(field), input)
            case 4: name = try input.readString(field)
            case 5: element.childCount = try input.readInt32(field)
            case 6: element.convertedType = try input.readInt32(field)
            case 7: element.scale = try input.readInt32(field)
            case 8: element.precision = try input.readInt32(field)
            case 10 where field.type == .structure:
                element.logicalType = try LogicalType(from: &input)
            default: return false
            }
            return true
        }
        guard let name else { throw input.cursor.damaged("a column has no name") }
        element.name = name
        self = element
    }
}

extension RawRepresentable where RawValue == Int32 {
    init(checking number: Int32, _ input: ThriftReader) throws(ParquetError) {
        guard let value = Self(rawValue: number) else {
            throw input.cursor.damaged("\(number) is no \(Self.self)")
        }
        self = value
    }
}

extension LogicalType {
    init(from input: inout ThriftReader) throws(ParquetError) {
        var type: LogicalType?
        try input.readStructure { input, field throws(ParquetError) in
            switch field.id {
            case 5 where field.type == .structure:
                type = try Self.readDecimal(from: &input)
                return true
            case 7 where field.type == .structure:
                type = .time(unit: try Self.readTime(from: &input).unit)
                return true
            case 8 where field.type == .structure:
                let time = try Self.readTime(from: &input)
                type = .timestamp(isAdjustedToUTC: time.isAdjustedToUTC, unit: time.unit)
                return true
            case 10 where field.type == .structure:
                type = try Self.readInteger(from: &input)
                return true
            default: type = Self.simple[field.id] ?? .unknown(field.id)
            }
            return false
        }
        self = type ?? .unknown(0)
    }

    private static func readDecimal(
        from input: inout ThriftReader
    ) throws(ParquetError) -> LogicalType {
        var scale: Int32 = 0
        var precision: Int32 = 0
        try input.readStructure { input, field throws(ParquetError) in
            switch field.id {
            case 1: scale = try input.readInt32(field)
            case 2: precision = try input.readInt32(field)
            default: return false
            }
            return true
        }
        return .decimal(scale: scale, precision: precision)
    }

    /// What TIME and TIMESTAMP say alike.
    private static func readTime(
        from input: inout ThriftReader
    ) throws(ParquetError) -> (isAdjustedToUTC: Bool, unit: TimeUnit) {
        var isAdjustedToUTC = false
        var unit: TimeUnit?
        try input.readStructure { input, field throws(ParquetError) in
            switch field.id {
            case 1: isAdjustedToUTC = try input.readBoolean(field)
            case 2 where field.type == .structure:
                try input.readStructure { _, field throws(ParquetError) in
                    unit = TimeUnit(rawValue: field.id)
                    return false
                }
            default: return false
            }
            return true
        }
        guard let unit else { throw input.cursor.damaged("a time or timestamp has no unit") }
        return (isAdjustedToUTC, unit)
    }

    private static func readInteger(
        from input: inout ThriftReader
    ) throws(ParquetError) -> LogicalType {
        var bitWidth: Int8 = 0
        var isSigned = true
        try input.readStructure { input, field throws(ParquetError) in
            switch field.id {
            case 1: bitWidth = try input.readByte(field)
            case 2: isSigned = try input.readBoolean(field)
            default: return false
            }
            return true
        }
        return .integer(bitWidth: bitWidth, isSigned: isSigned)
    }
}

extension Statistics {
    init(from input: inout ThriftReader) throws(ParquetError) {
        var found = Statistics()
        try input.readStructure { input, field throws(ParquetError) in
            switch field.id {
            case 3: found.nullCount = try input.readInt64(field)
            case 5: found.max = try input.readBinary(field)
            case 6: found.min = try input.readBinary(field)
            case 7: found.isMaxExact = try input.readBoolean(field)
            case 8: found.isMinExact = try input.readBoolean(field)
            default: return false
            }
            return true
        }
        self = found
    }
}

extension ColumnChunkMetadata {
    init(from input: inout ThriftReader) throws(ParquetError) {
        var metadata: ColumnChunkMetadata?
        var index = (offset: Int64?.none, length: Int32?.none)
        var bounds = (offset: Int64?.none, length: Int32?.none)
        try input.readStructure { input, field throws(ParquetError) in
            switch field.id {
            case 1:
                throw ParquetError(
                    .unsupported, "a column lies in another file",
                    offset: input.cursor.fileOffset + input.cursor.position)
            case 3 where field.type == .structure:
                metadata = try ColumnChunkMetadata(metadataFrom: &input)
            case 4: index.offset = try input.readInt64(field)
            case 5: index.length = try input.readInt32(field)
            case 6: bounds.offset = try input.readInt64(field)
            case 7: bounds.length = try input.readInt32(field)
            default: return false
            }
            return true
        }
        guard var metadata else { throw input.cursor.damaged("a column chunk has no metadata") }
        metadata.offsetIndexOffset = index.offset
        metadata.offsetIndexLength = index.length
        metadata.columnIndexOffset = bounds.offset
        metadata.columnIndexLength = bounds.length
        self = metadata
    }

    private init(metadataFrom input: inout ThriftReader) throws(ParquetError) {
        var type: PhysicalType?
        var encodings: [Int32] = []
        var path: [String] = []
        var codec: Int32?
        var numbers: [Int16: Int64] = [:]
        var statistics: Statistics?
        var bloomFilterLength: Int32?
        try input.readStructure { input, field throws(ParquetError) in
            switch field.id {
            case 1: type = try PhysicalType(checking: try input.readInt32(field), input)
            case 2:
                encodings = try input.readList(field, of: .int32) { input throws(ParquetError) in
                    try input.readInt32()
                }
            case 3:
                path = try input.readList(field, of: .binary) { input throws(ParquetError) in
                    try input.readString()
                }
            case 4: codec = try input.readInt32(field)
            case 5, 6, 7, 9, 11, 14: numbers[field.id] = try input.readInt64(field)
            // An early draft had a list there.
            case 15 where field.type == .int32:
                bloomFilterLength = try input.readInt32(field)
            case 12 where field.type == .structure: statistics = try Statistics(from: &input)
            default: return false
            }
            return true
        }
        guard let type, let codec, let valueCount = numbers[5], let uncompressed = numbers[6],
            let compressed = numbers[7], let dataPageOffset = numbers[9]
        else { throw input.cursor.damaged("a column chunk's metadata is incomplete") }
        self.init(
            type: type, encodings: encodings, path: path, codec: codec, valueCount: valueCount,
            uncompressedBytes: uncompressed, compressedBytes: compressed,
            dataPageOffset: dataPageOffset, dictionaryPageOffset: numbers[11],
            statistics: statistics, bloomFilterOffset: numbers[14],
            bloomFilterLength: bloomFilterLength)
    }
}

extension RowGroupMetadata {
    init(from input: inout ThriftReader) throws(ParquetError) {
        var columns: [ColumnChunkMetadata] = []
        var bytes: Int64?
        var rowCount: Int64?
        try input.readStructure { input, field throws(ParquetError) in
            switch field.id {
            case 1: columns = try input.readList(field, ColumnChunkMetadata.init(from:))
            case 2: bytes = try input.readInt64(field)
            case 3: rowCount = try input.readInt64(field)
            default: return false
            }
            return true
        }
        guard let bytes, let rowCount else {
            throw input.cursor.damaged("a row group's metadata is incomplete")
        }
        self.init(columns: columns, uncompressedBytes: bytes, rowCount: rowCount)
    }
}

extension FileMetadata {
    init(decoding cursor: ByteCursor) throws(ParquetError) {
        var input = ThriftReader(cursor)
        var version: Int32?
        var schema: [SchemaElement] = []
        var rowCount: Int64?
        var rowGroups: [RowGroupMetadata] = []
        var keyValues: [KeyValue] = []
        var createdBy: String?
        var isTypeOrdered: [Bool] = []
        try input.readStructure { input, field throws(ParquetError) in
            switch field.id {
            case 1: version = try input.readInt32(field)
            case 2: schema = try input.readList(field, SchemaElement.init(from:))
            case 3: rowCount = try input.readInt64(field)
            case 4: rowGroups = try input.readList(field, RowGroupMetadata.init(from:))
            case 5: keyValues = try input.readList(field, KeyValue.init(from:))
            case 6: createdBy = try input.readString(field)
            case 7:
                isTypeOrdered = try input.readList(field) { input throws(ParquetError) in
                    var isTypeOrdered = false
                    try input.readStructure { _, field throws(ParquetError) in
                        isTypeOrdered = field.id == 1
                        return false
                    }
                    return isTypeOrdered
                }
            case 8: throw ParquetError(.unsupported, "the file is encrypted")
            default: return false
            }
            return true
        }
        guard let version, let rowCount, !schema.isEmpty, input.cursor.remaining == 0 else {
            throw input.cursor.damaged("the footer is incomplete or has bytes left over")
        }
        self.init(
            version: version, schema: schema, rowCount: rowCount, rowGroups: rowGroups,
            keyValues: keyValues, createdBy: createdBy, isTypeOrdered: isTypeOrdered)
    }
}

extension FileMetadata.KeyValue {
    init(from input: inout ThriftReader) throws(ParquetError) {
        var key: String?
        var value: String?
        try input.readStructure { input, field throws(ParquetError) in
            switch field.id {
            case 1: key = try input.readString(field)
            case 2: value = try input.readString(field)
            default: return false
            }
            return true
        }
        guard let key else { throw input.cursor.damaged("a metadata pair has no key") }
        self.init(key: key, value: value)
    }
}
