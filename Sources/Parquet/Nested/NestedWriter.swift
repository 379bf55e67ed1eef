// Nested columns as Dremel writes them: every leaf column has, beside its values, a definition
// level (how many of the optional and repeated fields on its path are there) and a repetition level
// (at which repeated field of the path it goes on; 0 begins a row). Every field is optional.

/// A field of rows that are trees.
public indirect enum NestedField: Sendable {
    /// A truth value.
    case boolean(String)
    /// A 32-bit integer.
    case int32(String)
    /// A 64-bit integer.
    case int64(String)
    /// UTF-8 text.
    case text(String)
    /// Fields that are there together.
    case group(String, [NestedField])
    /// Texts in order.
    case texts(String)
    /// Texts by text.
    case textMap(String)

    /// The field's name.
    public var name: String {
        switch self {
        case .boolean(let name), .int32(let name), .int64(let name), .text(let name),
            .group(let name, _), .texts(let name), .textMap(let name):
            name
        }
    }
}

/// A value of a field.
public indirect enum NestedValue: Sendable {
    /// No value.
    case null
    /// Of a `boolean`.
    case boolean(Bool)
    /// Of an `int32` or `int64`.
    case integer(Int64)
    /// Of a `text`.
    case text(String)
    /// Of a `group`: a value for each of its fields.
    case group([NestedValue])
    /// Of `texts`.
    case texts([String])
    /// Of a `textMap`.
    case textMap([(key: String, value: String?)])
}

/// The bytes of a Parquet file with nested columns.
///
/// - Parameters:
///   - rows: a value for each field, for every row.
///   - fields: the columns.
///   - options: compression, rows of a row group, metadata, and who wrote it.
/// - Returns: the file.
/// - Throws: `.tooLarge` when a page would have more than 2 GiB.
public func encodeNested(
    _ rows: [[NestedValue]], _ fields: [NestedField], _ options: ParquetOptions = ParquetOptions()
) throws(ParquetError) -> [UInt8] {
    var elements = [SchemaElement(name: "schema")]
    elements[0].childCount = Int32(fields.count)
    for field in fields { field.appendElements(to: &elements) }
    var file = magic
    var groups: [RowGroupMetadata] = []
    var start = 0
    while start < rows.count {
        let end = min(rows.count, start + options.rowGroupRowsMax)
        groups.append(try writeGroup(rows[start..<end], fields, options, to: &file))
        start = end
    }
    let footer = FileMetadata(
        version: 2, schema: elements, rowCount: Int64(rows.count), rowGroups: groups,
        keyValues: options.keyValueMetadata.map { .init(key: $0.key, value: $0.value) },
        createdBy: options.createdBy
    ).encoded()
    file.append(contentsOf: footer)
    file.append(littleEndian: UInt32(footer.count))
    file.append(contentsOf: magic)
    return file
}

private func writeGroup(
    _ rows: ArraySlice<[NestedValue]>, _ fields: [NestedField], _ options: ParquetOptions,
    to file: inout [UInt8]
) throws(ParquetError) -> RowGroupMetadata {
    var leaves = fields.flatMap { $0.leaves(path: [], definition: 0) }
    for row in rows {
        precondition(row.count == fields.count, "a row has a value for each field")
        var next = 0
        for (field, value) in zip(fields, row) {
            field.shred(value, definition: 0, into: &leaves, &next)
        }
    }
    let start = file.count
    let compressor = ZstandardCompressor(level: options.zstdLevel)
    var columns: [ColumnChunkMetadata] = []
    for leaf in leaves {
        columns.append(try leaf.write(options.compression, compressor, to: &file))
    }
    return RowGroupMetadata(
        columns: columns, uncompressedBytes: columns.reduce(0) { $0 + $1.uncompressedBytes },
        rowCount: Int64(rows.count), fileOffset: Int64(start),
        compressedBytes: Int64(file.count - start), ordinal: nil)
}

extension NestedField {
    fileprivate func appendElements(to elements: inout [SchemaElement]) {
        func element(
            _ name: String, _ repetition: Repetition, _ type: PhysicalType? = nil,
            children: Int32? = nil, converted: ConvertedType? = nil
        ) -> SchemaElement {
            SchemaElement(
                name: name, type: type, repetition: repetition, childCount: children,
                convertedType: converted?.rawValue, logicalType: type == .byteArray ? .string : nil)
        }
        switch self {
        case .boolean(let name): elements.append(element(name, .optional, .boolean))
        case .int32(let name): elements.append(element(name, .optional, .int32))
        case .int64(let name): elements.append(element(name, .optional, .int64))
        case .text(let name):
            elements.append(element(name, .optional, .byteArray, converted: .utf8))
        case .group(let name, let fields):
            elements.append(element(name, .optional, children: Int32(fields.count)))
            for field in fields { field.appendElements(to: &elements) }
        case .texts(let name):
            elements += [
                element(name, .optional, children: 1, converted: .list),
                element("list", .repeated, children: 1),
                element("element", .optional, .byteArray, converted: .utf8),
            ]
        case .textMap(let name):
            elements += [
                element(name, .optional, children: 1, converted: .map),
                element("key_value", .repeated, children: 2),
                element("key", .required, .byteArray, converted: .utf8),
                element("value", .optional, .byteArray, converted: .utf8),
            ]
        }
    }

    /// The leaf columns, empty; `definition` is the level of what is around the field.
    fileprivate func leaves(path: [String], definition: Int) -> [NestedLeaf] {
        func leaf(_ names: [String], _ type: PhysicalType, _ levels: Int, _ repetition: Int = 0)
            -> NestedLeaf
        {
            NestedLeaf(
                path: path + names, type: type, definitionMax: definition + levels,
                repetitionMax: repetition)
        }
        switch self {
        case .boolean(let name): return [leaf([name], .boolean, 1)]
        case .int32(let name): return [leaf([name], .int32, 1)]
        case .int64(let name): return [leaf([name], .int64, 1)]
        case .text(let name): return [leaf([name], .byteArray, 1)]
        case .group(let name, let fields):
            return fields.flatMap { $0.leaves(path: path + [name], definition: definition + 1) }
        case .texts(let name): return [leaf([name, "list", "element"], .byteArray, 3, 1)]
        case .textMap(let name):
            return [
                leaf([name, "key_value", "key"], .byteArray, 2, 1),
                leaf([name, "key_value", "value"], .byteArray, 3, 1),
            ]
        }
    }

    /// Adds a value to the field's leaf columns, of which the first is number `next`.
    fileprivate func shred(
        _ value: NestedValue, definition: Int, into leaves: inout [NestedLeaf], _ next: inout Int
    ) {
        switch (self, value) {
        case (.group(_, let fields), .group(let values)):
            precondition(fields.count == values.count, "a group has a value for each field")
            for (field, value) in zip(fields, values) {
                field.shred(value, definition: definition + 1, into: &leaves, &next)
            }
        case (.group(_, let fields), _):
            for field in fields {
                field.shredNothing(definition: definition, into: &leaves, &next)
            }
        case (_, .null): shredNothing(definition: definition, into: &leaves, &next)
        case (.texts, .texts(let texts)):
            if texts.isEmpty { leaves[next].append(definition: definition + 1) }
            for (index, text) in texts.enumerated() {
                leaves[next].append(
                    definition: definition + 3, repetition: index > 0 ? 1 : 0, .text(text))
            }
            next += 1
        case (.textMap, .textMap(let pairs)):
            if pairs.isEmpty {
                leaves[next].append(definition: definition + 1)
                leaves[next + 1].append(definition: definition + 1)
            }
            for (index, pair) in pairs.enumerated() {
                let repetition = index > 0 ? 1 : 0
                leaves[next].append(
                    definition: definition + 2, repetition: repetition, .text(pair.key))
                leaves[next + 1].append(
                    definition: definition + (pair.value == nil ? 2 : 3), repetition: repetition,
                    pair.value.map { .text($0) } ?? .null)
            }
            next += 2
        default:
            leaves[next].append(definition: definition + 1, value)
            next += 1
        }
    }

    private func shredNothing(
        definition: Int, into leaves: inout [NestedLeaf], _ next: inout Int
    ) {
        switch self {
        case .group(_, let fields):
            for field in fields { field.shredNothing(definition: definition, into: &leaves, &next) }
        case .textMap:
            leaves[next].append(definition: definition)
            leaves[next + 1].append(definition: definition)
            next += 2
        case .boolean, .int32, .int64, .text, .texts:
            leaves[next].append(definition: definition)
            next += 1
        }
    }
}

/// A leaf column on its way into a file.
private struct NestedLeaf {
    let path: [String]
    let type: PhysicalType
    let definitionMax: Int
    let repetitionMax: Int
    var definitions: [UInt32] = []
    var repetitions: [UInt32] = []
    /// The values, PLAIN; booleans are packed at the end.
    var values: [UInt8] = []
    var booleans: [Bool] = []

    init(path: [String], type: PhysicalType, definitionMax: Int, repetitionMax: Int) {
        self.path = path
        self.type = type
        self.definitionMax = definitionMax
        self.repetitionMax = repetitionMax
    }

    mutating func append(definition: Int, repetition: Int = 0, _ value: NestedValue = .null) {
        definitions.append(UInt32(definition))
        repetitions.append(UInt32(repetition))
        switch (value, type) {
        case (.null, _): break
        case (.boolean(let value), .boolean): booleans.append(value)
        case (.integer(let value), .int32):
            values.append(littleEndian: Int32(truncatingIfNeeded: value))
        case (.integer(let value), .int64): values.append(littleEndian: value)
        case (.text(let text), .byteArray):
            values.append(littleEndian: UInt32(text.utf8.count))
            values.append(contentsOf: text.utf8)
        default: preconditionFailure("a value of another type than its field's")
        }
    }

    /// Appends the chunk: one V1 data page, uncompressed or zstd.
    func write(
        _ codec: ParquetCompression, _ compressor: ZstandardCompressor, to file: inout [UInt8]
    ) throws(ParquetError) -> ColumnChunkMetadata {
        var body: [UInt8] = []
        if repetitionMax > 0 { append(levels: repetitions, max: repetitionMax, to: &body) }
        append(levels: definitions, max: definitionMax, to: &body)
        body += type == .boolean ? packedBooleans : values
        let stored = unsafe body.withUnsafeBytes { unsafe Array(codec.stored($0, compressor)) }
        guard let size = Int32(exactly: body.count), let storedSize = Int32(exactly: stored.count),
            let count = Int32(exactly: definitions.count)
        else {
            throw ParquetError(
                .tooLarge, "a page would have more than 2 GiB; write fewer rows in a row group",
                column: path.joined(separator: "."))
        }
        let header = PageHeader(
            type: .data, uncompressedSize: size, compressedSize: storedSize,
            crc: Int32(bitPattern: unsafe stored.withUnsafeBytes { unsafe pageChecksum($0) }),
            valueCount: count, encoding: ParquetEncoding.plain.rawValue
        ).encoded()
        let start = file.count
        file.append(contentsOf: header)
        file.append(contentsOf: stored)
        return ColumnChunkMetadata(
            type: type, encodings: [ParquetEncoding.plain.rawValue, ParquetEncoding.rle.rawValue],
            path: path, codec: codec.rawValue, valueCount: Int64(count),
            uncompressedBytes: Int64(header.count + body.count),
            compressedBytes: Int64(file.count - start), dataPageOffset: Int64(start),
            dataPageEncoding: .plain, dataPageCount: 1)
    }

    private func append(levels: [UInt32], max: Int, to body: inout [UInt8]) {
        var runs: [UInt8] = []
        let width = Int.bitWidth - max.leadingZeroBitCount
        unsafe levels.withUnsafeBufferPointer {
            unsafe encodeRunLength($0, width: width, into: &runs)
        }
        body.append(littleEndian: UInt32(runs.count))
        body.append(contentsOf: runs)
    }

    private var packedBooleans: [UInt8] {
        var packed = [UInt8](repeating: 0, count: (booleans.count + 7) / 8)
        for (index, value) in booleans.enumerated() where value {
            packed[index / 8] |= 1 << UInt8(index % 8)
        }
        return packed
    }
}
