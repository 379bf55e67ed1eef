import Columnar
import KeyedState

/// Dense key ids of a block: a small number for the key of each row, the same for equal keys within
/// the block (several numbers may stand for one key).
struct BlockKeyIDs: Sendable {
    /// `Int32` a row; empty when every row has number 0.
    let ids: Buffer
    /// All numbers are below.
    let count: Int
    /// Whether they are the codes of the only key, a string column; a null is one more.
    var areCodes = false
}

extension BlockKeyIDs {
    /// Numbers the keys of a block.
    init(_ keys: [Column], count rows: Int) {
        if keys.isEmpty {
            self.init(ids: .empty, count: 1)
        } else if keys.count == 1, let dictionary = keys[0].dictionary,
            dictionary.count <= 4 * rows + 1_024
        {
            self.init(codesOf: keys[0], dictionary.count)
        } else {
            self.init(hashing: keys, rows)
        }
    }

    /// The codes of a string column as they are; a null is one more.
    private init(codesOf key: Column, _ dictionaryCount: Int) {
        guard key.validity != nil else {
            self.init(ids: key.values, count: dictionaryCount, areCodes: true)
            return
        }
        let codes = key.int32s
        let ids = Buffer(of: Int32.self, count: key.count) { output in
            for row in 0..<key.count {
                output.append(key.isNull(row) ? Int32(dictionaryCount) : codes[row])
            }
        }
        self.init(ids: ids, count: dictionaryCount + 1, areCodes: true)
    }

    /// A number for each distinct combination of values, in order of first sight.
    ///
    /// Strings count as their codes and doubles as their bits: finer than equality, which is
    /// allowed.
    private init(hashing keys: [Column], _ rows: Int) {
        let table = WordTable(width: 1 + keys.reduce(0) { $0 + ($1.type.byteWidth == 16 ? 2 : 1) })
        var key = [UInt64](repeating: 0, count: table.width)
        let ids = Buffer(of: Int32.self, count: rows) { output in
            for row in 0..<rows {
                key[0] = 0
                var word = 1
                for (index, column) in keys.enumerated() {
                    word = Self.encode(column, row, UInt64(index), into: &key, at: word)
                }
                // Safe: the array has the table's width.
                let slot = unsafe key.withUnsafeBufferPointer { words in
                    guard let base = words.baseAddress else { return Int32(0) }
                    return unsafe table.findOrInsert(base).slot
                }
                output.append(slot)
            }
        }
        self.init(ids: ids, count: table.count)
    }

    private static func encode(
        _ column: Column, _ row: Int, _ index: UInt64, into key: inout [UInt64], at word: Int
    ) -> Int {
        let isWide = column.type.layout == .int128
        if column.isNull(row) {
            key[0] |= 1 << index
            key[word] = 0
            if isWide { key[word + 1] = 0 }
            return word + (isWide ? 2 : 1)
        }
        switch column.type.layout {
        case .bits: key[word] = column.bits.map { $0[row] ? 1 : 0 } ?? 0
        case .int32, .dictionary: key[word] = UInt64(UInt32(bitPattern: column.int32s[row]))
        case .int64: key[word] = UInt64(bitPattern: column.int64s[row])
        case .float64: key[word] = column.doubles[row].bitPattern
        case .int128:
            let value = UInt128(truncatingIfNeeded: column.int128s[row])
            key[word] = UInt64(truncatingIfNeeded: value)
            key[word + 1] = UInt64(truncatingIfNeeded: value >> 64)
        }
        return word + (isWide ? 2 : 1)
    }
}
