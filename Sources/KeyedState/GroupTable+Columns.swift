public import Columnar

extension GroupTable {
    /// The values of a key column for some live slots.
    ///
    /// - Throws: `.tooManyBytes` when they are strings that do not fit in one column.
    public func keyColumn(
        _ index: Int, at slots: [Int32]
    ) throws(KeyedStateError) -> Column {
        // Safe: a live slot has a key.
        try unsafe keyColumn(index, count: slots.count) { row in unsafe table.key(slots[row]) }
    }

    /// The values of a key column from so many keys.
    @inline(__always)
    func keyColumn(
        _ index: Int, count: Int, _ key: (_ row: Int) -> UnsafePointer<UInt64>
    ) throws(KeyedStateError) -> Column {
        let offset = wordOffsets[index]
        let type = keyFields[index].type
        let validity = unsafe validity(ofKey: index, count: count, key)
        switch type.layout {
        case .bits:
            return Column(
                bits: Bitmap((0..<count).map { row in unsafe key(row)[offset] != 0 }),
                validity: validity)
        case .int32:
            let values = Buffer(of: Int32.self, count: count) { output in
                for row in 0..<count {
                    unsafe output.append(Int32(truncatingIfNeeded: key(row)[offset]))
                }
            }
            return Column(type, values: values, count: count, validity: validity)
        case .int64, .float64:
            let values = Buffer(of: UInt64.self, count: count) { output in
                for row in 0..<count { unsafe output.append(key(row)[offset]) }
            }
            return Column(type, values: values, count: count, validity: validity)
        case .int128:
            let values = Buffer(of: UInt128.self, count: count) { output in
                for row in 0..<count {
                    let words = unsafe key(row) + offset
                    unsafe output.append(UInt128(words[0]) | UInt128(words[1]) << 64)
                }
            }
            return Column(type, values: values, count: count, validity: validity)
        case .dictionary:
            let numbers = (0..<count).map { row in
                unsafe Int32(truncatingIfNeeded: key(row)[offset])
            }
            return try strings.column(of: keyFields[index], numbers, validity: validity)
        }
    }

    /// Which keys are not null in a column, `nil` when all are not.
    @inline(__always)
    private func validity(
        ofKey index: Int, count: Int, _ key: (_ row: Int) -> UnsafePointer<UInt64>
    ) -> Bitmap? {
        let bit = UInt64(1) << UInt64(index)
        var nulls: UInt64 = 0
        for row in 0..<count { unsafe nulls |= key(row)[0] }
        guard nulls & bit != 0 else { return nil }
        return Bitmap((0..<count).map { row in unsafe key(row)[0] & bit == 0 })
    }
}
