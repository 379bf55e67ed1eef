import Columnar
import Expressions
import KeyedState

extension AggregateQuery {
    /// Tumbling windows: one pass finds each row's group.
    ///
    /// Rows of one window come in runs, and the window is worked out once a run.
    func foldTumbling(
        _ block: PreparedBlock, _ arguments: [[ArgumentValues]], _ window: FixedWindow,
        _ lateMicros: Int64
    ) throws(OperatorError) -> [Int32] {
        guard let column = block.windowTimes else { return [] }
        windowCache.begin(keys: block.keyIDs.count)
        pairs.reserve(block.count)
        let times = column.int64s
        var row = 0
        var hasLate = false
        while row < block.count {
            guard let start = window.lastStart(times[row]) else {
                throw windowOutOfRange(block.sequence(row))
            }
            let number = floorDivide(start, window.slide)
            let way = windowCache.way(start: start, number: number)
            let isLate = lateness == .windowEnd && start + window.duration <= lateMicros
            let run = TumblingRun(start: start, duration: window.duration, way: way)
            row = try foldRun(run, block, from: row, isLate: isLate)
            if isLate { hasLate = true }
        }
        return try accumulateDroppingLate(block, arguments, hasLate: hasLate)
    }

    /// Finds the groups of the rows from `first` on that lie in the window of the run, and gives the
    /// first row after it.
    private func foldRun(
        _ run: TumblingRun, _ block: PreparedBlock, from first: Int, isLate: Bool
    ) throws(OperatorError) -> Int {
        var row = first
        while true {
            let stop = scanRun(run, block, from: row)
            if !stop.isMiss { return stop.row }
            row = stop.row
            state.encodeKey(block.keys, row: row)
            state.setKey(plan.keys.count, to: run.start)
            let slot: Int32
            if isLate {
                countLateGroup(end: run.start + run.duration)
                slot = -1
            } else {
                slot = try windowGroup(end: run.start + run.duration, block.sequence(row))
            }
            let id =
                block.keyIDs.ids.count == 0 ? 0 : Int(block.keyIDs.ids.span(of: Int32.self)[row])
            windowCache.setSlot(slot, key: id, way: run.way)
        }
    }

    /// Writes the slots of the rows from `first` on, up to the end of the run or the first row
    /// whose group the cache does not know.
    private func scanRun(
        _ run: TumblingRun, _ block: PreparedBlock, from first: Int
    ) -> (row: Int, isMiss: Bool) {
        guard let column = block.windowTimes else { return (block.count, false) }
        let count = block.count
        let ways = windowCache.ways
        let generation = windowCache.generations[run.way]
        let slots = unsafe pairs.slots
        // Safe: times and numbers (where there are any) hold `count` values, numbers are below
        // what the cache made room for, and the pairs have room for every row of the block.
        return unsafe windowCache.entries.withUnsafeBufferPointer { entries in
            unsafe column.values.unsafeBytes.withMemoryRebound(to: Int64.self) { times in
                let ids = unsafe block.keyIDs.ids.unsafeBytes.assumingMemoryBound(to: Int32.self)
                let hasIDs = !ids.isEmpty
                var row = first
                while row < count {
                    let offset = unsafe UInt64(bitPattern: times[row] &- run.start)
                    if offset >= UInt64(run.duration) { return (row, false) }
                    let id = hasIDs ? unsafe Int(ids[row]) : 0
                    let entry = unsafe entries[id &* ways &+ run.way]
                    if entry.generation != generation { return (row, true) }
                    unsafe slots[row] = entry.slot
                    row &+= 1
                }
                return (row, false)
            }
        }
    }

    /// The group of the encoded key and window, which ends at `end`.
    func windowGroup(end: Int64, _ sequence: Int64) throws(OperatorError) -> Int32 {
        let (slot, existed) = try insertGroup(sequence: sequence)
        if !existed {
            // Safe: the slot is live.
            unsafe state.columns[0].pointer(as: Int64.self)[Int(slot)] = end
        }
        return slot
    }

    /// Sliding windows: every row makes a pair with each of its windows, in row order; the pairs
    /// are folded a chunk at a time.
    func foldSliding(
        _ block: PreparedBlock, _ arguments: [[ArgumentValues]], _ window: FixedWindow,
        _ lateMicros: Int64
    ) throws(OperatorError) -> [Int32] {
        guard let column = block.windowTimes else { return [] }
        windowCache.begin(keys: block.keyIDs.count)
        let windows = window.windowsPerRow
        pairs.reserve(max(Self.pairsPerChunk, windows))
        let times = column.int64s
        let ids = block.keyIDs.ids.span(of: Int32.self)
        var late: [Int32] = []
        var pending = 0
        for row in 0..<block.count {
            if pending + windows > pairs.capacity {
                try accumulate(block, arguments, count: pending, hasRows: true)
                pending = 0
            }
            let id = ids.isEmpty ? 0 : Int(ids[row])
            guard let last = window.lastStart(times[row]) else {
                throw windowOutOfRange(block.sequence(row))
            }
            let found = try appendPairs(
                block, row, id, window, last: last, time: times[row], lateMicros, at: pending)
            pending += found.kept
            counts.pairsLate += found.late
            if found.kept == 0 && found.late > 0 { late.append(Int32(row)) }
        }
        try accumulate(block, arguments, count: pending, hasRows: true)
        return late
    }

    private static let pairsPerChunk = 1 << 16

    /// Writes the pairs of one row, earliest window last.
    private func appendPairs(
        _ block: PreparedBlock, _ row: Int, _ id: Int, _ window: FixedWindow, last: Int64,
        time: Int64, _ lateMicros: Int64, at first: Int
    ) throws(OperatorError) -> (kept: Int, late: Int) {
        var kept = 0
        var late = 0
        var start = last
        var number = floorDivide(last, window.slide)
        while time - start < window.duration {
            let way = windowCache.way(start: start, number: number)
            let entry = windowCache.entries[id * windowCache.ways + way]
            var slot = entry.slot
            if entry.generation != windowCache.generations[way] {
                let end = start + window.duration
                state.encodeKey(block.keys, row: row)
                state.setKey(plan.keys.count, to: start)
                if lateness == .windowEnd && end <= lateMicros {
                    countLateGroup(end: end)
                    slot = -1
                } else {
                    slot = try windowGroup(end: end, block.sequence(row))
                }
                windowCache.setSlot(slot, key: id, way: way)
            }
            if slot < 0 {
                late += 1
            } else {
                // Safe: the caller made room for all windows of the row.
                unsafe pairs.slots[first + kept] = slot
                unsafe pairs.rows[first + kept] = Int32(row)
                kept += 1
            }
            start -= window.slide
            number -= 1
        }
        return (kept, late)
    }
}

/// The window that consecutive rows lie in.
private struct TumblingRun {
    let start: Int64
    let duration: Int64
    let way: Int
}
