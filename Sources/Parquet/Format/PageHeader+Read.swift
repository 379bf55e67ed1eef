import Columnar

extension PageHeader {
    /// The fields of the header that hold what only one type of page has.
    private static let details: [Int16: PageType] = [5: .data, 7: .dictionary, 8: .dataV2]

    init(from input: inout ThriftReader) throws(ParquetError) {
        var type: PageType?
        var sizes: [Int16: Int32] = [:]
        var found = PageHeader(type: .data, uncompressedSize: 0, compressedSize: 0)
        var detail: PageType?
        try input.readStructure { input, field throws(ParquetError) in
            switch field.id {
            case 1: type = try PageType(checking: try input.readInt32(field), input)
            case 2, 3: sizes[field.id] = try input.readInt32(field)
            case 4: found.crc = try input.readInt32(field)
            default:
                guard field.type == .structure, let known = Self.details[field.id] else {
                    return false
                }
                detail = known
                try found.readDetail(of: known, from: &input)
            }
            return true
        }
        guard let type, type == .index || type == detail, let uncompressed = sizes[2],
            let compressed = sizes[3], uncompressed >= 0, compressed >= 0
        else { throw input.cursor.damaged("a page header is incomplete") }
        found.type = type
        found.uncompressedSize = uncompressed
        found.compressedSize = compressed
        self = found
    }

    private mutating func readDetail(
        of type: PageType, from input: inout ThriftReader
    ) throws(ParquetError) {
        var header = self
        var missing = type.requiredFields
        try input.readStructure { input, field throws(ParquetError) in
            missing.remove(field.id)
            switch (type, field.id) {
            case (_, 1): header.valueCount = try input.readInt32(field)
            case (.data, 2), (.dictionary, 2), (.dataV2, 4):
                header.encoding = try input.readInt32(field)
            case (.data, 3): header.levelEncoding = try input.readInt32(field)
            case (.dataV2, 2): header.nullCount = try input.readInt32(field)
            case (.dataV2, 5): header.definitionBytes = try input.readInt32(field)
            case (.dataV2, 6): header.repetitionBytes = try input.readInt32(field)
            case (.dataV2, 7): header.isCompressed = try input.readBoolean(field)
            default: return false
            }
            return true
        }
        guard missing.isEmpty else { throw input.cursor.damaged("a page header is incomplete") }
        self = header
    }
}

extension PageType {
    /// The fields that the detail of such a page's header must have.
    fileprivate var requiredFields: Set<Int16> {
        switch self {
        case .data: [1, 2, 3]
        case .index: []
        case .dictionary: [1, 2]
        case .dataV2: [1, 2, 4, 5, 6]
        }
    }
}
