public import Columnar

extension GroupTable {
    /// The values of a key column for some live slots.
    ///
    /// - Throws: `.tooManyBytes` when they are strings that do not fit in one column.
    public func keyColumn(
        _ index: Int, at slots: [Int32]
    ) throws(KeyedStateError) -> Column {
        try keyColumn(index, after: [], at: slots)
    }

    /// The values of a key column for removed keys, whose words stand end to end, and then for some
    /// live slots.
    func keyColumn(
        _ index: Int, after removed: [UInt64], at slots: [Int32]
    ) throws(KeyedStateError) -> Column {
        precondition(
            slots.allSatisfy { $0 >= 0 && $0 < table.slotEnd }, "slot out of range")
        let offset = wordOffsets[index]
        let type = keyFields[index].type
        switch type.layout {
        case .bits:
            let (values, validity) = unsafe gathered(index, removed, slots) { words in
                unsafe UInt8(truncatingIfNeeded: words[offset])
            }
            let bits = values.span(of: UInt8.self)
            return Column(
                bits: Bitmap(bitsFor: values.count) { bits[$0] != 0 }, validity: validity)
        case .int32:
            return unsafe numbers(index, removed, slots) { words in
                unsafe Int32(truncatingIfNeeded: words[offset])
            }
        case .int64, .float64:
            return unsafe numbers(index, removed, slots) { words in unsafe words[offset] }
        case .int128:
            return unsafe numbers(index, removed, slots) { words in
                unsafe UInt128(words[offset]) | UInt128(words[offset + 1]) << 64
            }
        case .dictionary:
            let (values, validity) = unsafe gathered(index, removed, slots) { words in
                unsafe Int32(truncatingIfNeeded: words[offset])
            }
            return try strings.column(of: keyFields[index], values, validity: validity)
        }
    }

    @inline(__always)
    private func numbers<T: BitwiseCopyable>(
        _ index: Int, _ removed: [UInt64], _ slots: [Int32],
        _ value: (UnsafePointer<UInt64>) -> T
    ) -> Column {
        let (values, validity) = unsafe gathered(index, removed, slots, value)
        return Column(
            keyFields[index].type, values: values, count: removed.count / table.width + slots.count,
            validity: validity)
    }

    /// What `value` makes of each key's words, and which keys are not null in the column, `nil`
    /// when all are not.
    @inline(__always)
    private func gathered<T: BitwiseCopyable>(
        _ index: Int, _ removed: [UInt64], _ slots: [Int32],
        _ value: (UnsafePointer<UInt64>) -> T
    ) -> (Buffer, Bitmap?) {
        let keys = unsafe table.keys
        let width = table.width
        let removedCount = removed.count / width
        var nulls: UInt64 = 0
        return unsafe removed.withUnsafeBufferPointer { removed in
            // Safe, here and below: slots were checked, and a removed key has `width` words.
            let values = Buffer(of: T.self, count: removedCount + slots.count) { output in
                unsafe output.withUnsafeMutableBufferPointer { memory, initialized in
                    if let first = removed.baseAddress {
                        for row in 0..<removedCount {
                            let words = unsafe first + row * width
                            unsafe nulls |= words[0]
                            unsafe memory[row] = value(words)
                        }
                    }
                    for (row, slot) in slots.enumerated() {
                        let words = unsafe keys + Int(slot) * width
                        unsafe nulls |= words[0]
                        unsafe memory[removedCount + row] = value(words)
                    }
                    initialized = removedCount + slots.count
                }
            }
            let bit = UInt64(1) << UInt64(index)
            guard nulls & bit != 0 else { return (values, nil) }
            let validity = Bitmap(bitsFor: removedCount + slots.count) { row in
                let words =
                    unsafe row < removedCount
                    ? removed[row * width] : keys[Int(slots[row - removedCount]) * width]
                return words & bit == 0
            }
            return (values, validity)
        }
    }
}
