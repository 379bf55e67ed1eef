import Columnar
import Storage

/// The columns that identify a row of a table.
///
/// - Throws: `.unknownKey` when the table's rows lack one of them.
func keyColumns(_ keys: [String], of schema: Schema, _ path: Path) throws(LakeError) -> [Int] {
    var columns: [Int] = []
    for key in keys {
        guard let index = schema.index(of: key) else {
            throw LakeError(
                .unknownKey,
                "the key '\(key)' is not a column of the table, so its rows cannot be told apart by "
                    + "it; it has \(listed(schema.names))", path: path.string)
        }
        columns.append(index)
    }
    return columns
}

/// The last row of each key, in the order of the keys: nulls first, numbers by value (NaN last),
/// strings by bytes.
func lastOfEachKey(_ batch: RecordBatch, _ keys: [Int]) -> RecordBatch {
    let columns = keys.map { batch.columns[$0] }
    func order(_ left: Int32, _ right: Int32) -> Int {
        for column in columns {
            let result = compare(column, Int(left), Int(right))
            if result != 0 { return result }
        }
        return 0
    }
    let sorted = (0..<Int32(batch.count)).sorted { left, right in
        let result = order(left, right)
        // Of equal keys the row that came last stands first.
        return result != 0 ? result < 0 : left > right
    }
    var kept: [Int32] = []
    for row in sorted {
        if let last = kept.last, order(last, row) == 0 { continue }
        kept.append(row)
    }
    return batch.gather(kept)
}

/// Less than, equal to or greater than 0 as the left value stands before, with or after the right.
private func compare(_ column: Column, _ left: Int, _ right: Int) -> Int {
    let leftIsNull = column.isNull(left)
    if leftIsNull || column.isNull(right) {
        return (leftIsNull ? 0 : 1) - (column.isNull(right) ? 0 : 1)
    }
    switch column.type.layout {
    case .bits:
        let bits = column.bits
        return sign(bits.map { $0[left] ? 1 : 0 } ?? 0, bits.map { $0[right] ? 1 : 0 } ?? 0)
    case .int32: return sign(column.int32s[left], column.int32s[right])
    case .int64: return sign(column.int64s[left], column.int64s[right])
    case .int128: return sign(column.int128s[left], column.int128s[right])
    case .float64: return compare(column.doubles[left], column.doubles[right])
    case .dictionary:
        guard let dictionary = column.dictionary else { return 0 }
        let codes = column.int32s
        if codes[left] == codes[right] { return 0 }
        let first = unsafe dictionary.unsafeBytes(at: Int(codes[left]))
        let second = unsafe dictionary.unsafeBytes(at: Int(codes[right]))
        if unsafe first.lexicographicallyPrecedes(second) { return -1 }
        return unsafe second.lexicographicallyPrecedes(first) ? 1 : 0
    }
}

private func sign<T: Comparable>(_ left: T, _ right: T) -> Int {
    left < right ? -1 : left == right ? 0 : 1
}

/// NaN is equal to itself and greater than any number, -0.0 equal to 0.0, as in Spark.
private func compare(_ left: Double, _ right: Double) -> Int {
    if left.isNaN || right.isNaN { return (left.isNaN ? 1 : 0) - (right.isNaN ? 1 : 0) }
    return sign(left, right)
}
