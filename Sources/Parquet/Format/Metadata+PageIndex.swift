import Columnar

/// Decodes an OffsetIndex.
func decodeOffsetIndex(_ cursor: ByteCursor) throws(ParquetError) -> [PageLocation] {
    var input = ThriftReader(cursor)
    var pages: [PageLocation] = []
    try input.readStructure { input, field throws(ParquetError) in
        guard field.id == 1 else { return false }
        pages = try input.readList(field, PageLocation.init(from:))
        return true
    }
    return pages
}

extension PageLocation {
    init(from input: inout ThriftReader) throws(ParquetError) {
        var offset: Int64?
        var size: Int32?
        var firstRow: Int64?
        try input.readStructure { input, field throws(ParquetError) in
            switch field.id {
            case 1: offset = try input.readInt64(field)
            case 2: size = try input.readInt32(field)
            case 3: firstRow = try input.readInt64(field)
            default: return false
            }
            return true
        }
        guard let offset, let size, let firstRow, offset >= 0 else {
            throw input.cursor.damaged("a page's location is incomplete")
        }
        self.init(offset: offset, size: size, firstRow: firstRow)
    }
}

/// Decodes a ColumnIndex.
func decodeColumnIndex(_ cursor: ByteCursor) throws(ParquetError) -> ColumnIndex {
    var input = ThriftReader(cursor)
    var index = ColumnIndex(
        nullPages: [], mins: [], maxs: [], order: .unordered, nullCounts: [])
    try input.readStructure { input, field throws(ParquetError) in
        switch field.id {
        case 1:
            index.nullPages = try input.readList(field, of: .booleanTrue) {
                input throws(ParquetError) in try input.readBoolean()
            }
        case 2, 3:
            let bounds = try input.readList(field, of: .binary) { input throws(ParquetError) in
                try input.readBinary()
            }
            if field.id == 2 { index.mins = bounds } else { index.maxs = bounds }
        case 4: index.order = try BoundaryOrder(checking: try input.readInt32(field), input)
        case 5:
            index.nullCounts = try input.readList(field, of: .int64) {
                input throws(ParquetError) in try input.readInt64()
            }
        default: return false
        }
        return true
    }
    return index
}
