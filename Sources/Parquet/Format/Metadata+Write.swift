extension SchemaElement {
    func write(to out: inout ThriftWriter) {
        out.write(1, int32: type?.rawValue)
        out.write(2, int32: typeLength)
        out.write(3, int32: repetition?.rawValue)
        out.write(4, string: name)
        out.write(5, int32: childCount)
        out.write(6, int32: convertedType)
        out.write(7, int32: scale)
        out.write(8, int32: precision)
        guard let logicalType else { return }
        out.write(10) { logicalType.write(to: &$0) }
    }
}

extension LogicalType {
    func write(to out: inout ThriftWriter) {
        switch self {
        case .string: out.write(1) { _ in }
        case .decimal(let scale, let precision):
            out.write(5) {
                $0.write(1, int32: scale)
                $0.write(2, int32: precision)
            }
        case .date: out.write(6) { _ in }
        case .timestamp(let isAdjustedToUTC, let unit):
            out.write(8) {
                $0.write(1, boolean: isAdjustedToUTC)
                $0.write(2) { $0.write(unit.rawValue) { _ in } }
            }
        case .enumeration, .json, .bson, .integer, .null, .uuid, .float16, .time, .interval,
            .geometry, .geography, .foreign, .unknown:
            preconditionFailure("no type of ours is written like this")
        }
    }
}

extension Statistics {
    func write(to out: inout ThriftWriter) {
        out.write(3, int64: nullCount)
        out.write(5, binary: max)
        out.write(6, binary: min)
        out.write(7, boolean: isMaxExact)
        out.write(8, boolean: isMinExact)
    }
}

extension ColumnChunkMetadata {
    /// Writes the ColumnChunk around the ColumnMetaData.
    func write(to out: inout ThriftWriter) {
        // Deprecated and required: zero, as the format now advises.
        out.write(2, int64: 0)
        out.write(3) { writeMetadata(to: &$0) }
        out.write(4, int64: offsetIndexOffset)
        out.write(5, int32: offsetIndexLength)
        out.write(6, int64: columnIndexOffset)
        out.write(7, int32: columnIndexLength)
    }

    private func writeMetadata(to out: inout ThriftWriter) {
        out.write(1, int32: type.rawValue)
        out.write(2, list: encodings, of: .int32) { $0.append(integer: Int64($1)) }
        out.write(3, list: path, of: .binary) { $0.append(binary: Array($1.utf8)) }
        out.write(4, int32: codec)
        out.write(5, int64: valueCount)
        out.write(6, int64: uncompressedBytes)
        out.write(7, int64: compressedBytes)
        out.write(9, int64: dataPageOffset)
        out.write(11, int64: dictionaryPageOffset)
        if let statistics { out.write(12) { statistics.write(to: &$0) } }
        var pages: [(PageType, ParquetEncoding, Int32)] = []
        if dictionaryPageOffset != nil { pages.append((.dictionary, .plain, 1)) }
        if let dataPageEncoding { pages.append((.data, dataPageEncoding, dataPageCount)) }
        out.write(13, list: pages, of: .structure) { out, page in
            out.write(1, int32: page.0.rawValue)
            out.write(2, int32: page.1.rawValue)
            out.write(3, int32: page.2)
        }
        out.write(14, int64: bloomFilterOffset)
        out.write(15, int32: bloomFilterLength)
    }
}

extension RowGroupMetadata {
    func write(to out: inout ThriftWriter) {
        out.write(1, list: columns, of: .structure) { $1.write(to: &$0) }
        out.write(2, int64: uncompressedBytes)
        out.write(3, int64: rowCount)
        out.write(5, int64: fileOffset)
        out.write(6, int64: compressedBytes)
        out.write(7, int16: ordinal)
    }
}

extension FileMetadata {
    func encoded() -> [UInt8] {
        ThriftWriter.encode { out in
            out.write(1, int32: version)
            out.write(2, list: schema, of: .structure) { $1.write(to: &$0) }
            out.write(3, int64: rowCount)
            out.write(4, list: rowGroups, of: .structure) { $1.write(to: &$0) }
            if !keyValues.isEmpty {
                out.write(5, list: keyValues, of: .structure) { out, pair in
                    out.write(1, string: pair.key)
                    out.write(2, string: pair.value)
                }
            }
            out.write(6, string: createdBy)
            // Every column is ordered as its type defines (ColumnOrder.TYPE_ORDER).
            out.write(7, list: schema.filter { $0.type != nil }, of: .structure) { out, _ in
                out.write(1) { _ in }
            }
        }
    }
}

extension PageHeader {
    /// The header of a dictionary page or a V1 data page.
    func encoded() -> [UInt8] {
        ThriftWriter.encode { out in
            out.write(1, int32: type.rawValue)
            out.write(2, int32: uncompressedSize)
            out.write(3, int32: compressedSize)
            out.write(4, int32: crc)
            switch type {
            case .data:
                out.write(5) {
                    $0.write(1, int32: valueCount)
                    $0.write(2, int32: encoding)
                    $0.write(3, int32: levelEncoding)
                    $0.write(4, int32: ParquetEncoding.rle.rawValue)
                }
            case .dictionary:
                out.write(7) {
                    $0.write(1, int32: valueCount)
                    $0.write(2, int32: encoding)
                    $0.write(3, boolean: true)
                }
            case .dataV2, .index: preconditionFailure("pages of this type are not written")
            }
        }
    }
}

extension ColumnIndex {
    func encoded() -> [UInt8] {
        ThriftWriter.encode { out in
            out.write(1, list: nullPages, of: .booleanTrue) { $0.append(boolean: $1) }
            out.write(2, list: mins, of: .binary) { $0.append(binary: $1) }
            out.write(3, list: maxs, of: .binary) { $0.append(binary: $1) }
            out.write(4, int32: order.rawValue)
            out.write(5, list: nullCounts, of: .int64) { $0.append(integer: $1) }
        }
    }
}

/// The OffsetIndex of a column chunk.
func encodeOffsetIndex(_ pages: [PageLocation]) -> [UInt8] {
    ThriftWriter.encode { out in
        out.write(1, list: pages, of: .structure) { out, page in
            out.write(1, int64: page.offset)
            out.write(2, int32: page.size)
            out.write(3, int64: page.firstRow)
        }
    }
}
