import Columnar

extension GroupTable {
    /// Slots in the order of their keys by `sortOrder`: nulls first, strings by their bytes, NaN
    /// last.
    public func sorted(_ slots: [Int32]) -> [Int32] {
        // Most pairs are told apart by 128 bits that are computed once a slot.
        rankStrings(toSort: slots.count)
        if let placed = placed(slots) { return placed }
        let isExact = sortOrder.first.map(hasExactPrefix) ?? false
        let items = slots.map { slot in
            SortItem(
                first: prefix(slot, at: 0), second: isExact ? prefix(slot, at: 1) : 0, slot: slot)
        }
        // Prefixes are few windows and small numbers.
        var sorted = radixSorted(items)
        var first = 0
        while first < sorted.count {
            var end = first + 1
            while end < sorted.count, sorted[end].hasPrefixes(of: sorted[first]) { end += 1 }
            if end > first + 1 {
                sorted[first..<end].sort { compare($0.slot, $1.slot) < 0 }
            }
            first = end
        }
        return sorted.map(\.slot)
    }

    /// Slots in the order of their keys where a key is at most a window and a string whose place
    /// among the strings is known, and most combinations occur: each slot is put where it belongs.
    ///
    /// `nil` where that is not so.
    private func placed(_ slots: [Int32]) -> [Int32]? {
        guard let ranks, let text = sortOrder.last, keyFields[text].type.layout == .dictionary,
            sortOrder.count == 1 || (sortOrder.count == 2 && hasExactPrefix(sortOrder[0]))
        else { return nil }
        let first = sortOrder.count == 2 ? wordOffsets[sortOrder[0]] : nil
        // A row of places for each value of the first column, in order of first sight; null is
        // before all strings.
        let width = ranks.count + 1
        var values: [UInt64] = []
        var places: [Int32] = []
        var next = 0
        while next < slots.count {
            let value = first.map { unsafe table.key(slots[next])[$0] ^ 1 << 63 } ?? 0
            let row = values.firstIndex(of: value) ?? values.count
            if row == values.count {
                guard row < 64, (row + 1) * width <= 4 * slots.count + 1_024 else { return nil }
                values.append(value)
                places.append(contentsOf: repeatElement(-1, count: width))
            }
            next = unsafe places.withUnsafeMutableBufferPointer { places in
                let part = unsafe UnsafeMutableBufferPointer(
                    rebasing: places[row * width..<(row + 1) * width])
                return unsafe place(slots, from: next, text: text, first, ranks, into: part)
            }
        }
        var sorted: [Int32] = []
        sorted.reserveCapacity(slots.count)
        for row in values.indices.sorted(by: { values[$0] < values[$1] }) {
            for slot in places[row * width..<(row + 1) * width] where slot >= 0 {
                sorted.append(slot)
            }
        }
        precondition(sorted.count == slots.count, "keys are distinct")
        return sorted
    }

    /// Puts the slots from `start` on that have the same value in the word `first` of their keys to
    /// the places of their strings; returns the index of the first that has another.
    private func place(
        _ slots: [Int32], from start: Int, text: Int, _ first: Int?, _ ranks: [Int32],
        into places: UnsafeMutableBufferPointer<Int32>
    ) -> Int {
        let keys = unsafe table.keys
        let width = table.width
        let offset = wordOffsets[text]
        let nullBit = UInt64(1) << UInt64(text)
        let value = first.map { unsafe table.key(slots[start])[$0] }
        return unsafe ranks.withUnsafeBufferPointer { ranks in
            for index in start..<slots.count {
                // Safe: a live slot has a key, and the number of a string is below `ranks.count`.
                let key = unsafe keys + Int(slots[index]) * width
                if let first, let value, unsafe key[first] != value { return index }
                let isNull = unsafe key[0] & nullBit != 0
                unsafe places[isNull ? 0 : Int(ranks[Int(key[offset])]) + 1] = slots[index]
            }
            return slots.count
        }
    }

    /// Whether equal prefixes of this key column mean equal values.
    private func hasExactPrefix(_ index: Int) -> Bool {
        let layout = keyFields[index].type.layout
        if layout == .dictionary { return ranks != nil }
        return !keyFields[index].isNullable && (layout == .int32 || layout == .int64)
    }

    /// Orders the strings when as many rows are to be sorted by them that it pays.
    private func rankStrings(toSort count: Int) {
        guard ranks?.count != strings.count else { return }
        ranks = nil
        guard count >= strings.count, keyFields.contains(where: { $0.type.layout == .dictionary })
        else { return }
        let order = strings.sortedNumbers()
        var places = [Int32](repeating: 0, count: order.count)
        for (place, number) in order.enumerated() { places[Int(number)] = Int32(place) }
        ranks = places
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
            if let ranks { return UInt64(ranks[Int(word)]) + 1 }
            let prefix = strings.prefix(Int32(truncatingIfNeeded: word))
            return keyFields[index].isNullable ? prefix >> 1 | 1 << 63 : prefix
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

/// A slot with the first 128 bits of what it is sorted by.
private struct SortItem: RadixItem {
    let first: UInt64
    let second: UInt64
    let slot: Int32

    func hasPrefixes(of other: SortItem) -> Bool {
        first == other.first && second == other.second
    }
}
