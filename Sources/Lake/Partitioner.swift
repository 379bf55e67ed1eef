import Columnar

/// The rows of one partition directory, in their order in the batch.
struct Partition {
    /// Directory names, one a partition column; empty for a table without any.
    let directories: [String]
    /// The values as a Delta log has them, one a partition column.
    let values: [String?]
    let rows: RecordBatch

    var prefix: String { directories.map { $0 + "/" }.joined() }
}

/// How partition values become directories.
enum PartitionNaming {
    /// The directory says the value; values that have the same are one partition.
    case hive
    /// The log says the value, so that every value has a directory, if need be one that says less.
    case delta

    fileprivate func directoryName(_ column: String, _ value: Value) -> String {
        switch self {
        case .hive: PartitionPath.directoryName(column: column, value: value.text)
        case .delta: PartitionPath.deltaDirectoryName(column: column, value: value.text)
        }
    }
}

/// Cuts a batch by the values of its partition columns; the columns themselves are left out.
///
/// The partitions come in the order of the bytes of their paths; nil when there are more than
/// `most`.
func partition(
    _ batch: RecordBatch, by columns: [Int], most: Int, naming: PartitionNaming = .hive
) -> [Partition]? {
    let kept = batch.schema.fields.indices.filter { !columns.contains($0) }
    let schema = Schema(kept.map { batch.schema[$0] })
    let rows = RecordBatch(schema, kept.map { batch.columns[$0] }, count: batch.count)
    guard batch.count > 0 else { return [] }
    if columns.isEmpty { return [Partition(directories: [], values: [], rows: rows)] }
    var groups = [Int32](repeating: 0, count: batch.count)
    var firstRows = [0]
    for column in columns {
        refine(&groups, &firstRows, by: batch.columns[column])
        guard firstRows.count <= most else { return nil }
    }
    // Different values can have one path: null and the empty string.
    // They are told apart by bytes: strings that differ in normalisation alone are equal.
    var numbers: [[[UInt8]?]: Int] = [:]
    var found: [(directories: [String], values: [String?])] = []
    let merged = firstRows.map { row in
        let values = columns.map { batch.columns[$0].value(at: row) }
        let names = zip(columns, values).map { naming.directoryName(batch.schema[$0].name, $1) }
        let texts = values.map(deltaPartitionText)
        let telling: [String?] = naming == .hive ? names : texts
        let key = telling.map { $0.map { Array($0.utf8) } }
        if let known = numbers[key] { return known }
        numbers[key] = found.count
        found.append((names, texts))
        return found.count - 1
    }
    var indices = [[Int32]](repeating: [], count: found.count)
    for row in 0..<batch.count { indices[merged[Int(groups[row])]].append(Int32(row)) }
    let partitions = found.indices.map { number in
        Partition(
            directories: found[number].directories, values: found[number].values,
            rows: found.count == 1 ? rows : rows.gather(indices[number]))
    }
    return partitions.sorted { $0.prefix.utf8.lexicographicallyPrecedes($1.prefix.utf8) }
}

/// Splits groups of rows further by a column's values, numbering them in order of first sight.
private func refine(_ groups: inout [Int32], _ firstRows: inout [Int], by column: Column) {
    struct Key: Hashable {
        let group: Int32
        let value: Int128?
    }
    var numbers: [Key: Int32] = [:]
    firstRows = []
    var last: (key: Key, number: Int32)?
    for row in groups.indices {
        let key = Key(group: groups[row], value: rawValue(column, row))
        // Neighbours mostly lie in one partition.
        if let last, last.key == key {
            groups[row] = last.number
            continue
        }
        let number = numbers[key] ?? Int32(firstRows.count)
        if Int(number) == firstRows.count {
            numbers[key] = number
            firstRows.append(row)
        }
        groups[row] = number
        last = (key, number)
    }
}

/// A number that tells a column's values apart; nil for null.
private func rawValue(_ column: Column, _ row: Int) -> Int128? {
    if column.isNull(row) { return nil }
    switch column.type.layout {
    case .bits: return column.bits.map { $0[row] ? 1 : 0 }
    case .int32, .dictionary: return Int128(column.int32s[row])
    case .int64: return Int128(column.int64s[row])
    case .int128: return column.int128s[row]
    case .float64: return Int128(column.doubles[row].bitPattern)
    }
}
