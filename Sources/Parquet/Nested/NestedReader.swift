import Columnar

// The reverse of NestedWriter.swift, for files of any writer: leaf columns are decoded with their
// levels and put together row by row.

/// The rows of a Parquet file with nested columns, of some of its columns.
///
/// - Parameters:
///   - source: the file.
///   - fields: the columns to read, by name; of groups those of their fields. A field that the
///     file does not have is null, and one that it has in another shape is refused.
/// - Returns: a value for each field, for every row.
/// - Throws: `.unsupported` for a field of another shape, and as `ParquetFile.read`.
public func decodeNested(
    _ source: any ParquetSource, _ fields: [NestedField]
) throws(ParquetError) -> [[NestedValue]] {
    let file = try ParquetFile(source)
    let root = try SchemaNode(file.footer.elements)
    let budget = ReadBudget(decodedBytesLimit(ofFile: source.byteCount))
    var rows: [[NestedValue]] = []
    for (group, count) in file.footer.rowGroupRowCounts.enumerated() where count > 0 {
        var columns: [FieldReader] = []
        for field in fields {
            columns.append(try FieldReader(field, in: root, file, group, budget))
        }
        try budget.charge(count, of: 64 * (fields.count + 1), "\(count) rows")
        for _ in 0..<count {
            var row: [NestedValue] = []
            for index in columns.indices { row.append(try columns[index].next()) }
            rows.append(row)
        }
        for column in columns { try column.requireEnd() }
    }
    return rows
}

/// An element of the schema with those below it.
private struct SchemaNode {
    let element: SchemaElement
    let children: [SchemaNode]
    /// The number of its leaf among the column chunks of a row group, or of its first one.
    let chunk: Int
    /// How many optional and how many repeated elements there are on the way to it, itself included.
    let definition: Int
    let repetition: Int

    /// The tree of a schema that the footer has checked.
    init(_ elements: [SchemaElement]) throws(ParquetError) {
        var (next, chunk) = (0, 0)
        try self.init(elements, &next, &chunk, depth: 0, definition: 0, repetition: 0)
    }

    private static let depthMax = 64

    private init(
        _ elements: [SchemaElement], _ next: inout Int, _ chunk: inout Int, depth: Int,
        definition: Int, repetition: Int
    ) throws(ParquetError) {
        guard depth < Self.depthMax else {
            throw ParquetError(
                .unsupported, "the schema has more than \(Self.depthMax) levels")
        }
        let isRoot = depth == 0
        element = elements[next]
        next += 1
        self.chunk = chunk
        let isRequired = isRoot || element.repetition == .required
        self.definition = definition + (isRequired ? 0 : 1)
        self.repetition = repetition + (!isRoot && element.repetition == .repeated ? 1 : 0)
        if element.type != nil { chunk += 1 }
        var children: [SchemaNode] = []
        for _ in 0..<max(0, element.childCount ?? 0) {
            children.append(
                try SchemaNode(
                    elements, &next, &chunk, depth: depth + 1, definition: self.definition,
                    repetition: self.repetition))
        }
        self.children = children
    }

    func child(_ name: String) -> SchemaNode? {
        children.first { $0.element.name.utf8.elementsEqual(name.utf8) }
    }

    /// The leaf that this is, or that is all there is below it.
    var onlyLeaf: SchemaNode? {
        if element.type != nil { return self }
        return children.count == 1 ? children[0].onlyLeaf : nil
    }
}

/// A field on its way out of a row group.
private indirect enum FieldReader {
    /// Not in the file.
    case absent
    case leaf(LeafReader)
    /// The level from which on the group is there, and its fields.
    case group(level: Int, [FieldReader])
    /// The levels from which on the list, and an entry of it, are there.
    case texts(list: Int, entry: Int, LeafReader)
    case textMap(map: Int, entry: Int, keys: LeafReader, values: LeafReader)

    init(
        _ field: NestedField, in parent: SchemaNode, _ file: ParquetFile, _ group: Int,
        _ budget: ReadBudget
    ) throws(ParquetError) {
        guard let node = parent.child(field.name) else {
            self = .absent
            return
        }
        func leaf(_ node: SchemaNode?, _ types: [PhysicalType]) throws(ParquetError) -> LeafReader {
            guard let node, let type = node.element.type, types.contains(type) else {
                throw ParquetError(
                    .unsupported, "the column has another shape than is read here",
                    column: field.name)
            }
            do throws(ParquetError) {
                return try LeafReader(node, type, file, group, budget)
            } catch {
                throw error.inColumn(field.name)
            }
        }
        switch field {
        case .boolean: self = .leaf(try leaf(node, [.boolean]))
        case .int32, .int64: self = .leaf(try leaf(node, [.int32, .int64]))
        case .text: self = .leaf(try leaf(node, [.byteArray]))
        case .group(_, let fields):
            var readers: [FieldReader] = []
            for field in fields {
                readers.append(try FieldReader(field, in: node, file, group, budget))
            }
            self = .group(level: node.definition, readers)
        case .texts:
            let entry = node.children.first
            self = .texts(
                list: node.definition, entry: entry?.definition ?? 0,
                try leaf(entry?.repetition == 1 ? entry?.onlyLeaf : nil, [.byteArray]))
        case .textMap:
            let entry = node.children.first
            let pair = entry?.repetition == 1 && entry?.children.count == 2 ? entry?.children : nil
            self = .textMap(
                map: node.definition, entry: entry?.definition ?? 0,
                keys: try leaf(pair?[0], [.byteArray]), values: try leaf(pair?[1], [.byteArray]))
        }
    }

    /// The definition level at which the first leaf stands.
    private var level: Int? {
        switch self {
        case .absent: nil
        case .leaf(let leaf), .texts(_, _, let leaf), .textMap(_, _, let leaf, _): leaf.level
        case .group(_, let fields): fields.lazy.compactMap(\.level).first
        }
    }

    /// The value of the next row.
    mutating func next() throws(ParquetError) -> NestedValue {
        switch self {
        case .absent: return .null
        case .leaf(var leaf):
            // Given up while it changes, so that it is not copied.
            self = .absent
            let value = try leaf.next()
            self = .leaf(leaf)
            return value
        case .group(let level, var fields):
            let isThere = (self.level ?? 0) >= level
            self = .absent
            var values: [NestedValue] = []
            for index in fields.indices { values.append(try fields[index].next()) }
            self = .group(level: level, fields)
            return isThere ? .group(values) : .null
        case .texts(let list, let entry, var leaf):
            self = .absent
            let level = leaf.level ?? 0
            var texts: [String] = []
            for (found, value) in try leaf.nextEntries() where found >= entry {
                // A null in the list counts as nothing: no list that is read here has any.
                if case .text(let text) = value { texts.append(text) }
            }
            self = .texts(list: list, entry: entry, leaf)
            return level >= list ? .texts(texts) : .null
        case .textMap(let map, let entry, var keys, var values):
            self = .absent
            let level = keys.level ?? 0
            let (names, texts) = (try keys.nextEntries(), try values.nextEntries())
            guard names.count == texts.count else {
                throw ParquetError(.damaged, "a map has other values than keys")
            }
            var pairs: [(key: String, value: String?)] = []
            for (name, text) in zip(names, texts) where name.level >= entry {
                guard case .text(let key) = name.value else { continue }
                if case .text(let value) = text.value {
                    pairs.append((key, value))
                } else {
                    pairs.append((key, nil))
                }
            }
            self = .textMap(map: map, entry: entry, keys: keys, values: values)
            return level >= map ? .textMap(pairs) : .null
        }
    }

    func requireEnd() throws(ParquetError) {
        switch self {
        case .absent: break
        case .leaf(let leaf), .texts(_, _, let leaf): try leaf.requireEnd()
        case .group(_, let fields): for field in fields { try field.requireEnd() }
        case .textMap(_, _, let keys, let values):
            try keys.requireEnd()
            try values.requireEnd()
        }
    }
}

/// The entries of one leaf column of a row group, decoded, and how far they have been taken.
private struct LeafReader {
    private let levels: NestedLevels
    private let values: LeafValues
    private var entry = 0
    private var value = 0

    init(
        _ node: SchemaNode, _ type: PhysicalType, _ file: ParquetFile, _ group: Int,
        _ budget: ReadBudget
    ) throws(ParquetError) {
        let chunk = file.footer.rowGroups[group].columns[node.chunk]
        (levels, values) = try file.decodeLeaf(
            chunk, type, definitionMax: node.definition, repetitionMax: node.repetition, budget)
    }

    /// The definition level of the next entry.
    var level: Int? { entry < levels.count ? Int(levels.definitions[entry]) : nil }

    /// The next entry, which is a row of its own.
    mutating func next() throws(ParquetError) -> NestedValue {
        guard let level, levels.repetitions[entry] == 0 else {
            throw ParquetError(.damaged, "a column has other rows than the row group")
        }
        entry += 1
        guard level == levels.definitionMax else { return .null }
        value += 1
        return values[value - 1]
    }

    /// The entries of the next row.
    mutating func nextEntries() throws(ParquetError) -> [(level: Int, value: NestedValue)] {
        var found: [(level: Int, value: NestedValue)] = []
        repeat {
            guard let level, (levels.repetitions[entry] == 0) == found.isEmpty else {
                throw ParquetError(.damaged, "a column has other rows than the row group")
            }
            entry += 1
            if level == levels.definitionMax {
                value += 1
                found.append((level, values[value - 1]))
            } else {
                found.append((level, .null))
            }
        } while entry < levels.count && levels.repetitions[entry] != 0
        return found
    }

    func requireEnd() throws(ParquetError) {
        guard entry == levels.count else {
            throw ParquetError(.damaged, "a column has more rows than the row group")
        }
    }
}
