import Columnar
import Expressions
import KeyedState

extension AggregateQuery {
    /// Sliding windows: every row makes a pair with each of its windows, and the pairs are folded a
    /// chunk at a time.
    ///
    /// Rows come in runs that lie in the same windows. Within a run the pairs are written window by
    /// window, which keeps the rows of each group in their order.
    func foldSliding(
        _ block: PreparedBlock, _ arguments: [[ArgumentValues]], _ window: FixedWindow,
        _ lateMicros: Int64
    ) throws(OperatorError) -> [Int32] {
        guard let column = block.windowTimes else { return [] }
        beginBlock(block)
        pairs.reserve(max(Self.pairsPerChunk, window.windowsPerRow))
        let times = column.int64s
        var late: [Int32] = []
        var pending = 0
        var row = 0
        while row < block.count {
            if pending + window.windowsPerRow > pairs.capacity {
                try accumulate(block, arguments, count: pending, hasRows: true)
                pending = 0
            }
            guard let last = window.lastStart(times[row]) else {
                throw windowOutOfRange(block.sequence(row))
            }
            let room = (pairs.capacity - pending) / window.windowsPerRow
            let same = window.timesWithSameWindows(as: times[row], last: last)
            var end = row + 1
            while end < min(block.count, row + room), same.contains(times[end]) { end += 1 }
            let found = try appendPairs(
                block, row..<end, window, last: last, lateMicros, at: pending)
            pending += found.pairs
            if found.areAllLate {
                late += (row..<end).map { Int32($0) }
            } else if lateness.isOfKey {
                let rows = (row..<end).filter { isLate(block, $0, lateMicros) }
                late += rows.map { Int32($0) }
                counts.pairsLate += rows.count * found.windows
            }
            row = end
        }
        try accumulate(block, arguments, count: pending, hasRows: true)
        return late
    }

    private static let pairsPerChunk = 1 << 16

    /// Writes the pairs of rows that lie in the same windows, the latest window first.
    private func appendPairs(
        _ block: PreparedBlock, _ rows: Range<Int>, _ window: FixedWindow, last: Int64,
        _ lateMicros: Int64, at first: Int
    ) throws(OperatorError) -> (pairs: Int, windows: Int, areAllLate: Bool) {
        guard let time = block.windowTimes?.int64s[rows.lowerBound] else { return (0, 0, false) }
        var windows = 0
        var next = first
        var areAllLate = true
        var start = last
        var number = floorDivide(last, window.slide)
        while time - start < window.duration {
            let run = WindowRun(
                start: start, duration: window.duration,
                way: windowCache.way(start: start, number: number))
            let isLate = lateness == .windowEnd && start + window.duration <= lateMicros
            var row = rows.lowerBound
            while true {
                (row, next) = scanPairs(run, block, row..<rows.upperBound, at: next)
                if row == rows.upperBound { break }
                try cacheGroup(
                    run, block, row, isLate: isLate || self.isLate(block, row, lateMicros))
            }
            if isLate { counts.pairsLate += rows.count } else { areAllLate = false }
            windows += 1
            start -= window.slide
            number -= 1
        }
        return (next - first, windows, areAllLate)
    }

    /// Writes the pairs of rows and one window, up to the first row whose group the cache does not
    /// know; late groups make no pair.
    private func scanPairs(
        _ run: WindowRun, _ block: PreparedBlock, _ rows: Range<Int>, at first: Int
    ) -> (row: Int, next: Int) {
        let capacity = windowCache.capacity
        guard capacity > 0 else { return (rows.lowerBound, first) }
        let generation = windowCache.generation(ofWay: run.way)
        let slots = unsafe pairs.slots
        let pairRows = unsafe pairs.rows
        // Safe: numbers (where there are any) are below `keyIDs.count`, and the caller left room
        // for every window of every row, so also for the pair that a late group overwrites.
        return unsafe windowCache.entries.withUnsafeBufferPointer { all in
            let entries = unsafe UnsafeBufferPointer(rebasing: all[(run.way * capacity)...])
            return unsafe keyNumbers.numbers.withUnsafeBufferPointer { numbers in
                let ids = unsafe block.keyIDs.ids.unsafeBytes.assumingMemoryBound(to: Int32.self)
                let hasIDs = !ids.isEmpty
                var next = first
                for row in rows {
                    let id = hasIDs ? unsafe Int(ids[row]) : 0
                    let key = unsafe Int(numbers[id])
                    if key >= capacity { return (row, next) }
                    let entry = unsafe entries[key]
                    if entry.generation != generation { return (row, next) }
                    unsafe slots[next] = entry.slot
                    unsafe pairRows[next] = Int32(truncatingIfNeeded: row)
                    next &+= entry.slot < 0 ? 0 : 1
                }
                return (rows.upperBound, next)
            }
        }
    }
}

extension FixedWindow {
    /// The times around one that lie in exactly the same windows; `last` is the latest start at or
    /// before it.
    ///
    /// Between two starts the earliest window may end, once.
    func timesWithSameWindows(as time: Int64, last: Int64) -> Range<Int64> {
        let rest = duration % slide
        if rest == 0 { return last..<last + slide }
        return time - last < rest ? last..<last + rest : last + rest..<last + slide
    }
}
