public import Columnar

extension GroupTable {
    // MARK: The key of the next lookup

    /// Encodes the first `columns.count` key columns of a row as the key that the next
    /// `findOrInsert` or `find` looks for; the other key columns become null.
    public func encodeKey(_ columns: [Column], row: Int) {
        precondition(columns.count <= keyFields.count, "more columns than the key has")
        unsafe scratch.update(repeating: 0, count: table.width)
        for (index, column) in columns.enumerated() { encode(column, row: row, at: index) }
        for index in columns.count..<keyFields.count { unsafe scratch[0] |= 1 << UInt64(index) }
    }

    /// Sets a `long` or `timestamp` key column of the key that the next lookup looks for.
    public func setKey(_ index: Int, to value: Int64) {
        precondition(keyFields[index].type.layout == .int64, "not a 64-bit key column")
        unsafe scratch[wordOffsets[index]] = UInt64(bitPattern: value)
        unsafe scratch[0] &= ~(1 << UInt64(index))
    }

    /// Sets a key column of strings of the key that the next lookup looks for.
    public func setKey(_ index: Int, to value: String) {
        precondition(keyFields[index].type.layout == .dictionary, "not a key column of strings")
        var value = value
        // Safe: the bytes are read during the call.
        let number = value.withUTF8 { unsafe strings.intern(UnsafeRawBufferPointer($0)) }
        unsafe scratch[wordOffsets[index]] = UInt64(number)
        unsafe scratch[0] &= ~(1 << UInt64(index))
    }

    /// Makes the next lookup look for the key that has this string, by its number, and nothing
    /// else: the other key columns are set after.
    public func setKey(_ index: Int, toString number: Int32) {
        precondition(keyFields[index].type.layout == .dictionary, "not a key column of strings")
        unsafe scratch[0] = 0
        unsafe scratch[wordOffsets[index]] = UInt64(number)
    }

    /// Words a key takes.
    public var keyWidth: Int { table.width }

    /// The words of the encoded key; valid until the next key is encoded.
    @unsafe public var encodedKey: UnsafePointer<UInt64> { unsafe UnsafePointer(scratch) }

    /// Encodes the key of a live slot of another table for the next lookup here, as far as the key
    /// columns are the same; this key's other columns become null.
    public func encodeKey(of slot: Int32, in other: GroupTable) {
        let words = unsafe other.table.key(slot)
        unsafe scratch.update(repeating: 0, count: table.width)
        for index in keyFields.indices {
            guard index < other.keyFields.count, unsafe words[0] & (1 << UInt64(index)) == 0 else {
                unsafe scratch[0] |= 1 << UInt64(index)
                continue
            }
            precondition(
                keyFields[index].type == other.keyFields[index].type, "a key of other columns")
            let (to, from) = (wordOffsets[index], other.wordOffsets[index])
            switch keyFields[index].type.layout {
            case .dictionary:
                // Safe: the word is the number of a string of the other table.
                unsafe scratch[to] = other.strings.withBytes(Int32(truncatingIfNeeded: words[from]))
                {
                    UInt64(unsafe strings.intern($0))
                }
            case .int128:
                unsafe scratch[to + 1] = words[from + 1]
                unsafe scratch[to] = words[from]
            case .bits, .int32, .int64, .float64: unsafe scratch[to] = words[from]
            }
        }
    }

    /// Makes the key of a live slot the encoded one.
    public func encodeKey(of slot: Int32) {
        unsafe scratch.update(from: table.key(slot), count: table.width)
    }

    private func encode(_ column: Column, row: Int, at index: Int) {
        precondition(column.type == keyFields[index].type, "a key of another type")
        if column.isNull(row) {
            unsafe scratch[0] |= 1 << UInt64(index)
            return
        }
        let word = unsafe scratch + wordOffsets[index]
        switch column.type.layout {
        case .bits:
            let bit = column.bits.map { $0[row] } ?? false
            unsafe word.pointee = bit ? 1 : 0
        case .int32: unsafe word.pointee = UInt64(bitPattern: Int64(column.int32s[row]))
        case .int64: unsafe word.pointee = UInt64(bitPattern: column.int64s[row])
        case .float64: unsafe word.pointee = normalized(column.doubles[row]).bitPattern
        case .int128:
            let value = UInt128(bitPattern: column.int128s[row])
            unsafe word.pointee = UInt64(truncatingIfNeeded: value)
            unsafe word[1] = UInt64(truncatingIfNeeded: value >> 64)
        case .dictionary:
            guard let dictionary = column.dictionary else { return }
            let bytes = unsafe dictionary.unsafeBytes(at: Int(column.int32s[row]))
            unsafe word.pointee = UInt64(strings.intern(bytes))
        }
    }
}

extension GroupTable {
    // MARK: Keys of groups

    /// The value of a `long` or `timestamp` key column, `nil` when it is null.
    public func key(_ slot: Int32, _ index: Int) -> Int64? {
        let words = unsafe table.key(slot)
        if unsafe words[0] & (1 << UInt64(index)) != 0 { return nil }
        return unsafe Int64(bitPattern: words[wordOffsets[index]])
    }

    /// The value of a key column of strings, empty when it is null.
    public func string(_ slot: Int32, _ index: Int) -> String {
        let words = unsafe table.key(slot)
        if unsafe words[0] & (1 << UInt64(index)) != 0 { return "" }
        // Safe: the word is the number of a string, whose bytes are read during the call.
        return unsafe strings.withBytes(Int32(truncatingIfNeeded: words[wordOffsets[index]])) {
            unsafe String(decoding: $0, as: UTF8.self)
        }
    }
}

/// A double as grouping sees it: one zero, one NaN.
///
/// - Parameter value: the double.
/// - Returns: the one of its equals that stands for them all.
public func normalized(_ value: Double) -> Double {
    if value.isNaN { return .nan }
    return value == 0 ? 0 : value
}
