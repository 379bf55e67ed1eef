/// The order of rows by several columns, the first column first.
///
/// Ascending, nulls first, strings by bytes, NaN after every other double, -0.0 equal to 0.0, false
/// before true. Rows that are equal in all columns keep their order.
///
/// - Parameters:
///   - columns: Columns of equal length; none gives the rows in their order.
///   - count: The number of rows.
/// - Returns: The rows' indices in order, for `gather`.
/// - Complexity: O(n log n) comparisons of a few 64-bit words each.
public func sortIndices(_ columns: [Column], count: Int) -> [Int32] {
    precondition(columns.allSatisfy { $0.count == count }, "columns of equal length")
    guard count > 1, !columns.isEmpty else { return Array(0..<Int32(count)) }
    let parts = columns.flatMap(\.orderKeys)
    if parts.count == 1 {
        var rows = (0..<count).map { KeyedRow(key: parts[0][$0], row: Int32($0)) }
        rows.sort { ($0.key, $0.row) < ($1.key, $1.row) }
        return rows.map(\.row)
    }
    // The words of a row side by side: a comparison touches one or two cache lines.
    let width = parts.count
    var words = [UInt64](repeating: 0, count: count * width)
    for (place, part) in parts.enumerated() {
        for row in 0..<count { words[row * width + place] = part[row] }
    }
    var indices = Array(0..<Int32(count))
    unsafe words.withUnsafeBufferPointer { words in
        indices.sort { left, right in
            // Safe: both are row indices below `count`.
            let (a, b) = (Int(left) * width, Int(right) * width)
            for place in 0..<width {
                let (x, y) = unsafe (words[a + place], words[b + place])
                if x != y { return x < y }
            }
            return left < right
        }
    }
    return indices
}

private struct KeyedRow {
    let key: UInt64
    let row: Int32
}

extension Column {
    /// Words a row whose order, one after the other, is the order of the values.
    fileprivate var orderKeys: [[UInt64]] {
        switch type.layout {
        case .bits:
            let bits = self.bits
            return [keys { (bits?[$0] ?? false) ? 2 : 1 }]
        case .int32:
            let values = int32s
            return [(0..<count).map { isNull($0) ? 0 : Self.key(Int64(values[$0])) }]
        case .dictionary: return [stringKeys]
        case .float64:
            let values = doubles
            return [(0..<count).map { isNull($0) ? 0 : Self.key(values[$0]) }]
        case .int64:
            // Every 64-bit pattern is a value: nulls need a word of their own.
            let values = int64s
            let own = (0..<count).map { isNull($0) ? 0 : Self.key(values[$0]) }
            return validity == nil ? [own] : [keys { _ in 1 }, own]
        case .int128:
            let values = int128s
            let high = (0..<count).map {
                isNull($0) ? 0 : Self.key(Int64(truncatingIfNeeded: values[$0] >> 64))
            }
            let low = (0..<count).map {
                isNull($0) ? 0 : UInt64(truncatingIfNeeded: values[$0])
            }
            return validity == nil ? [high, low] : [keys { _ in 1 }, high, low]
        }
    }

    private func keys(_ key: (Int) -> UInt64) -> [UInt64] {
        (0..<count).map { isNull($0) ? 0 : key($0) }
    }

    /// A signed integer in an order of unsigned ones.
    private static func key(_ value: Int64) -> UInt64 {
        UInt64(bitPattern: value) ^ (1 << 63)
    }

    /// A double in an order of unsigned integers; none is 0.
    private static func key(_ value: Double) -> UInt64 {
        if value.isNaN { return .max }
        let bits = (value == 0 ? 0.0 : value).bitPattern
        return bits >> 63 == 1 ? ~bits : bits | (1 << 63)
    }

    /// The rank of each string, from 1; equal strings have equal ranks.
    private var stringKeys: [UInt64] {
        guard let dictionary else { return [] }
        let codes = int32s
        var used = [Bool](repeating: false, count: dictionary.count)
        for row in 0..<count where !isNull(row) { used[Int(codes[row])] = true }
        let entries = (0..<dictionary.count).filter { used[$0] }
            .sorted { byteOrder(dictionary, $0, $1) < 0 }
        var ranks = [UInt64](repeating: 0, count: dictionary.count)
        var rank: UInt64 = 0
        for (place, entry) in entries.enumerated() {
            if place == 0 || byteOrder(dictionary, entries[place - 1], entry) != 0 {
                rank += 1
            }
            ranks[entry] = rank
        }
        return (0..<count).map { isNull($0) ? 0 : ranks[Int(codes[$0])] }
    }

    private func byteOrder(_ dictionary: StringDictionary, _ left: Int, _ right: Int) -> Int {
        let a = unsafe dictionary.unsafeBytes(at: left)
        let b = unsafe dictionary.unsafeBytes(at: right)
        for index in 0..<min(a.count, b.count) {
            let (x, y) = unsafe (a[index], b[index])
            if x != y { return x < y ? -1 : 1 }
        }
        return a.count - b.count
    }
}
