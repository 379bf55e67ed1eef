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
        let isNull = { (row: Int) in words[row * width] & (1 << UInt64(index)) != 0 }
        let hasNulls = (0..<count).contains(where: isNull)
        let validity = hasNulls ? Bitmap((0..<count).map { !isNull($0) }) : nil
        let value = { (row: Int) in words[row * width + offset] }
        switch type.layout {
        case .bits:
            return Column(bits: Bitmap((0..<count).map { value($0) != 0 }), validity: validity)
        case .int32:
            let values = Buffer(of: Int32.self, count: count) { output in
                for row in 0..<count { output.append(Int32(truncatingIfNeeded: value(row))) }
            }
            return Column(type, values: values, count: count, validity: validity)
        case .int64, .float64:
            let values = Buffer(of: UInt64.self, count: count) { output in
                for row in 0..<count { output.append(value(row)) }
            }
            return Column(type, values: values, count: count, validity: validity)
        case .int128:
            let values = Buffer(of: UInt128.self, count: count) { output in
                for row in 0..<count {
                    let high = UInt128(words[row * width + offset + 1])
                    output.append(UInt128(value(row)) | high << 64)
                }
            }
            return Column(type, values: values, count: count, validity: validity)
        case .dictionary:
            return strings.column(
                (0..<count).map { Int32(truncatingIfNeeded: value($0)) }, validity: validity)
        }
    }

    /// Slots in the order of their keys by `sortOrder`: nulls first, strings by their bytes, NaN
    /// last.
    public func sorted(_ slots: [Int32]) -> [Int32] {
        // Most pairs are told apart by 128 bits that are computed once a slot.
        let isExact = sortOrder.first.map(hasExactPrefix) ?? false
        var items = slots.map { slot in
            SortItem(
                first: prefix(slot, at: 0), second: isExact ? prefix(slot, at: 1) : 0, slot: slot)
        }
        items.sort { left, right in
            if left.first != right.first { return left.first < right.first }
            if left.second != right.second { return left.second < right.second }
            return compare(left.slot, right.slot) < 0
        }
        return items.map(\.slot)
    }

    private struct SortItem {
        let first: UInt64
        let second: UInt64
        let slot: Int32
    }

    /// Whether equal prefixes of this key column mean equal values.
    private func hasExactPrefix(_ index: Int) -> Bool {
        let layout = keyFields[index].type.layout
        return !keyFields[index].isNullable && (layout == .int32 || layout == .int64)
    }

    /// A number that is never greater for a key that comes before another in the sort column at
    /// `place`.
    private func prefix(_ slot: Int32, at place: Int) -> UInt64 {
        guard place < sortOrder.count else { return 0 }
        let index = sortOrder[place]
        let key = unsafe table.key(slot)
        if unsafe key.pointee & (1 << UInt64(index)) != 0 { return 0 }
        let word = unsafe key[wordOffsets[index]]
        switch keyFields[index].type.layout {
        case .int32, .int64:
            let biased = word ^ (1 << 63)
            return keyFields[index].isNullable ? biased >> 1 | 1 << 63 : biased
        case .dictionary:
            return unsafe strings.withBytes(Int32(truncatingIfNeeded: word)) { bytes in
                var prefix: UInt64 = 0
                for place in 0..<min(8, bytes.count) {
                    unsafe prefix |= UInt64(bytes[place]) << UInt64(56 - 8 * place)
                }
                return keyFields[index].isNullable ? prefix >> 1 | 1 << 63 : prefix
            }
        case .bits, .float64, .int128: return 1
        }
    }

    private func compare(_ left: Int32, _ right: Int32) -> Int {
        let a = unsafe table.key(left)
        let b = unsafe table.key(right)
        for index in sortOrder {
            let bit = UInt64(1) << UInt64(index)
            let nullA = unsafe a[0] & bit != 0
            let nullB = unsafe b[0] & bit != 0
            if nullA || nullB {
                if nullA != nullB { return nullA ? -1 : 1 }
                continue
            }
            let offset = wordOffsets[index]
            let order = unsafe compare(a + offset, b + offset, keyFields[index].type)
            if order != 0 { return order }
        }
        return 0
    }

    private func compare(
        _ a: UnsafePointer<UInt64>, _ b: UnsafePointer<UInt64>, _ type: DataType
    ) -> Int {
        let left = unsafe a.pointee
        let right = unsafe b.pointee
        switch type.layout {
        case .bits: return left == right ? 0 : left < right ? -1 : 1
        case .int32, .int64:
            let signedLeft = Int64(bitPattern: left)
            let signedRight = Int64(bitPattern: right)
            return signedLeft == signedRight ? 0 : signedLeft < signedRight ? -1 : 1
        case .float64:
            if left == right { return 0 }
            let doubleLeft = Double(bitPattern: left)
            let doubleRight = Double(bitPattern: right)
            if doubleLeft.isNaN { return 1 }
            if doubleRight.isNaN { return -1 }
            return doubleLeft < doubleRight ? -1 : 1
        case .int128:
            let wideLeft =
                unsafe Int128(truncatingIfNeeded: Int64(bitPattern: a[1])) << 64
                | Int128(left)
            let wideRight =
                unsafe Int128(truncatingIfNeeded: Int64(bitPattern: b[1])) << 64
                | Int128(right)
            return wideLeft == wideRight ? 0 : wideLeft < wideRight ? -1 : 1
        case .dictionary:
            return strings.compare(
                Int32(truncatingIfNeeded: left), Int32(truncatingIfNeeded: right))
        }
    }
}
