public import Columnar

extension GroupTable {
    /// The values of a key column for some live slots.
    public func keyColumn(_ index: Int, at slots: [Int32]) -> Column {
        var words: [UInt64] = []
        words.reserveCapacity(slots.count * table.width)
        for slot in slots {
            let key = unsafe table.key(slot)
            for word in 0..<table.width { unsafe words.append(key[word]) }
        }
        return keyColumn(index, words: words)
    }

    /// The values of a key column from the words of whole keys, end to end.
    func keyColumn(_ index: Int, words: [UInt64]) -> Column {
        let width = table.width
        let count = words.count / width
        let offset = wordOffsets[index]
        let type = keyFields[index].type
        let validity = validity(ofKey: index, words)
        switch type.layout {
        case .bits:
            return Column(
                bits: Bitmap((0..<count).map { words[$0 * width + offset] != 0 }),
                validity: validity)
        case .int32:
            let values = Buffer(of: Int32.self, count: count) { output in
                for row in 0..<count {
                    output.append(Int32(truncatingIfNeeded: words[row * width + offset]))
                }
            }
            return Column(type, values: values, count: count, validity: validity)
        case .int64, .float64:
            let values = Buffer(of: UInt64.self, count: count) { output in
                for row in 0..<count { output.append(words[row * width + offset]) }
            }
            return Column(type, values: values, count: count, validity: validity)
        case .int128:
            let values = Buffer(of: UInt128.self, count: count) { output in
                for row in 0..<count {
                    let high = UInt128(words[row * width + offset + 1])
                    output.append(UInt128(words[row * width + offset]) | high << 64)
                }
            }
            return Column(type, values: values, count: count, validity: validity)
        case .dictionary:
            var numbers: [Int32] = []
            numbers.reserveCapacity(count)
            for row in 0..<count {
                numbers.append(Int32(truncatingIfNeeded: words[row * width + offset]))
            }
            return strings.column(type, numbers, validity: validity)
        }
    }

    private func validity(ofKey index: Int, _ words: [UInt64]) -> Bitmap? {
        let width = table.width
        let bit = UInt64(1) << UInt64(index)
        var nulls: UInt64 = 0
        for start in stride(from: 0, to: words.count, by: width) { nulls |= words[start] }
        guard nulls & bit != 0 else { return nil }
        return Bitmap((0..<words.count / width).map { words[$0 * width] & bit == 0 })
    }
}
