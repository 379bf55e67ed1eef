import Columnar
import Expressions
import KeyedState

extension AggregateQuery {
    /// Folds a block into the state.
    ///
    /// Blocks come in log order.
    ///
    /// The late watermark is the one that the previous batch ran with; rows at or before it are
    /// dropped (semantics, section 3), in `complete` mode only rows of sessions.
    ///
    /// - Returns: which rows were late.
    /// - Throws: when a sum overflows, a window cannot be represented, or the state is full; the
    ///   batch has then failed, and the state must be restored before it is used again.
    @discardableResult
    public func fold(
        _ block: PreparedBlock, lateWatermarkMs: Int64
    ) throws(OperatorError) -> FoldResult {
        counts.rowsIn += block.inputCount
        counts.rowsWithoutWindow += block.rowsWithoutWindow
        let arguments = numberedArguments(block)
        let lateMicros = microseconds(ofMs: lateWatermarkMs)
        var late: [Int32] = []
        if let window = plan.window {
            if window.isSession {
                late = try foldSessions(block, arguments, lateMicros)
            } else if let fixed = FixedWindow(window) {
                late =
                    fixed.windowsPerRow == 1
                    ? try foldTumbling(block, arguments, fixed, lateMicros)
                    : try foldSliding(block, arguments, fixed, lateMicros)
            }
        } else {
            late = try foldUnwindowed(block, arguments, lateMicros)
        }
        counts.rowsLate += late.count
        return FoldResult(lateRows: late.map { block.inputRow(Int($0)) })
    }

    /// Runs every accumulator over pairs of slots and rows of the block.
    ///
    /// With `hasRows`, `pairs.rows` is filled; otherwise pair `i` is row `i`.
    func accumulate(
        _ block: PreparedBlock, _ arguments: [[ArgumentValues]], count: Int, hasRows: Bool
    ) throws(OperatorError) {
        guard count > 0 else { return }
        unsafe changed?.note(pairs.slots, count: count)
        for (domainIndex, domain) in block.domains.enumerated() {
            var slots = unsafe UnsafePointer(pairs.slots)
            var rows = unsafe hasRows ? UnsafePointer(pairs.rows) : nil
            var domainCount = count
            if !domain.positions.isEmpty {
                domainCount = selectPairs(domain, count: count, hasRows: hasRows)
                unsafe slots = UnsafePointer(domainPairs.slots)
                unsafe rows = UnsafePointer(domainPairs.rows)
            }
            guard let times = unsafe domain.times.unsafeBytes.baseAddress else { continue }
            for (index, input) in preparation.aggregateInputs.enumerated()
            where input.domain == domainIndex {
                // Safe: the pairs were written for this call, the block keeps times and arguments.
                let fold = unsafe FoldInput(
                    count: domainCount, slots: slots, rows: rows,
                    times: times.assumingMemoryBound(to: Int64.self),
                    sequence: { row in block.sequence(domain.rows.map { Int($0[row]) } ?? row) },
                    source: block.source,
                    arguments: input.arguments.map { arguments[domainIndex][$0] },
                    strings: state.strings)
                try accumulators[index].fold(fold, accumulatorColumns[index])
            }
        }
    }

    /// The pairs whose row a `FILTER` lets through, with the row's place in the domain.
    private func selectPairs(_ domain: PreparedDomain, count: Int, hasRows: Bool) -> Int {
        domainPairs.reserve(count)
        let from = unsafe pairs.slots
        let fromRows = unsafe pairs.rows
        let to = unsafe domainPairs.slots
        let toRows = unsafe domainPairs.rows
        var selected = 0
        for pair in 0..<count {
            // Safe: `count` pairs were written, and there is room for as many.
            let position = domain.positions[hasRows ? unsafe Int(fromRows[pair]) : pair]
            if position < 0 { continue }
            unsafe to[selected] = from[pair]
            unsafe toRows[selected] = position
            selected += 1
        }
        return selected
    }

    private func numberedArguments(_ block: PreparedBlock) -> [[ArgumentValues]] {
        block.domains.map { domain in
            domain.arguments.map { $0.numbered(by: state.strings) }
        }
    }

    /// The group of the encoded key.
    func insertGroup(sequence: Int64) throws(OperatorError) -> (slot: Int32, existed: Bool) {
        do throws(KeyedStateError) {
            return try state.findOrInsert()
        } catch {
            throw OperatorError(error, sequence: sequence)
        }
    }

    /// A group under the encoded key, which is not in the state.
    func insertNewGroup(sequence: Int64) throws(OperatorError) -> Int32 {
        do throws(KeyedStateError) {
            return try state.insert()
        } catch {
            throw OperatorError(error, sequence: sequence)
        }
    }

    /// Counts a late group once in a batch: the encoded key, and the end of its window.
    func countLateGroup(end: Int64) {
        var words: [UInt64] = []
        for word in 0..<state.keyWidth { unsafe words.append(state.encodedKey[word]) }
        words.append(UInt64(bitPattern: end))
        // Safe: the array has the table's width.
        unsafe words.withUnsafeBufferPointer { key in
            if let base = key.baseAddress { _ = unsafe lateGroups.findOrInsert(base) }
        }
    }
}

extension AggregateQuery {
    /// Groups by keys alone: each key number has one group, in way 0 of the cache.
    private func foldUnwindowed(
        _ block: PreparedBlock, _ arguments: [[ArgumentValues]], _ lateMicros: Int64
    ) throws(OperatorError) -> [Int32] {
        beginBlock(block)
        pairs.reserve(block.count)
        let way = windowCache.way(start: 0, number: 0)
        let slots = unsafe pairs.slots
        let ids = block.keyIDs.ids.span(of: Int32.self)
        var hasLate = false
        for row in 0..<block.count {
            let id = ids.isEmpty ? 0 : Int(ids[row])
            let key = Int(keyNumbers.numbers[id])
            var slot: Int32
            if let known = windowCache.metSlot(key: key, way: way) {
                slot = known
            } else {
                slot = try unwindowedSlot(block, row, id: id, way: way, lateMicros)
            }
            // Safe: there is room for every row of the block.
            unsafe slots[row] = slot
            if slot < 0 { hasLate = true }
        }
        return try accumulateDroppingLate(block, arguments, hasLate: hasLate)
    }

    private func unwindowedSlot(
        _ block: PreparedBlock, _ row: Int, id: Int, way: Int, _ lateMicros: Int64
    ) throws(OperatorError) -> Int32 {
        keyNumbers.encodeKey(block, row, id: id, start: nil, state)
        let key = Int(keyNumbers.numbers[id])
        var slot: Int32
        if let known = windowCache.knownSlot(key: key, way: way) {
            slot = known
            state.touch(slot)
        } else {
            slot = -1
            if isLate(block, row, lateMicros) {
                countLateGroup(end: 0)
            } else {
                slot = try insertGroup(sequence: block.sequence(row)).slot
            }
        }
        windowCache.setSlot(slot, key: key, way: way)
        return slot
    }

    /// Whether a row's key is an event time that is late.
    func isLate(_ block: PreparedBlock, _ row: Int, _ lateMicros: Int64) -> Bool {
        guard case .key(let index) = lateness else { return false }
        let column = block.keys[index]
        return !column.isNull(row) && column.int64s[row] <= lateMicros
    }

    /// Makes ready to find the groups of a block's rows.
    func beginBlock(_ block: PreparedBlock) {
        guard keyNumbers.beginBlock(block, state) else { return }
        windowCache.removeAll(known: windowStarts)
        earliestEnd = .min
    }

    /// The starts of the windows that have groups in the state.
    private var windowStarts: Set<Int64> {
        var starts: Set<Int64> = []
        guard plan.window != nil else { return starts }
        var last: Int64?
        state.forEachLive { slot in
            let start = state.key(slot, plan.keys.count)
            if let start, start != last { starts.insert(start) }
            last = start
        }
        return starts
    }

    /// Passes pair `i`, row `i` on to the accumulators, without those whose slot is -1; gives the
    /// rows left out.
    func accumulateDroppingLate(
        _ block: PreparedBlock, _ arguments: [[ArgumentValues]], hasLate: Bool
    ) throws(OperatorError) -> [Int32] {
        guard hasLate else {
            try accumulate(block, arguments, count: block.count, hasRows: false)
            return []
        }
        var late: [Int32] = []
        var kept = 0
        let slots = unsafe pairs.slots
        let rows = unsafe pairs.rows
        for row in 0..<block.count {
            // Safe: `kept` is at most `row`, and there is room for every row of the block.
            let slot = unsafe slots[row]
            if slot < 0 {
                late.append(Int32(row))
            } else {
                unsafe slots[kept] = slot
                unsafe rows[kept] = Int32(row)
                kept += 1
            }
        }
        counts.pairsLate += late.count
        try accumulate(block, arguments, count: kept, hasRows: true)
        return late
    }
}
