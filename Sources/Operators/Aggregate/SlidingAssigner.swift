import Columnar
import KeyedState

/// Sliding windows: every row makes a pair with each of its windows, and the pairs are folded a
/// chunk at a time.
///
/// Rows come in runs that lie in the same windows. Within a run the pairs are written window by
/// window, which keeps the rows of each group in their order.
final class SlidingAssigner: GroupAssigner {
    private let window: FixedWindow
    private let windowed: WindowedGroups

    private static let pairsPerChunk = 1 << 16

    init(_ window: FixedWindow, _ groups: Groups) {
        self.window = window
        windowed = WindowedGroups(groups, windowsPerRow: window.windowsPerRow)
    }

    func fold(_ folded: FoldedBlock, into groups: Groups) throws(OperatorError) -> [Int32] {
        let block = folded.block
        guard let column = block.windowTimes else { return [] }
        windowed.beginBlock(block)
        let pairs = groups.pairs
        pairs.reserve(max(Self.pairsPerChunk, window.windowsPerRow))
        let times = column.int64s
        var late: [Int32] = []
        var pending = 0
        var row = 0
        while row < block.count {
            if pending + window.windowsPerRow > pairs.capacity {
                try groups.accumulate(folded, count: pending, hasRows: true)
                pending = 0
            }
            guard let last = window.lastStart(times[row]) else {
                throw windowOutOfRange(block.sequence(row))
            }
            let room = (pairs.capacity - pending) / window.windowsPerRow
            let same = window.timesWithSameWindows(as: times[row], last: last)
            var end = row + 1
            while end < min(block.count, row + room), same.contains(times[end]) { end += 1 }
            let found = try appendPairs(folded, row..<end, last: last, groups, at: pending)
            pending += found.pairs
            if found.areAllLate {
                late += (row..<end).map { Int32($0) }
            } else if groups.lateness.isOfKey {
                let rows = (row..<end).filter { groups.isLate(folded, $0) }
                late += rows.map { Int32($0) }
                groups.pairsLate += rows.count * found.windows
            }
            row = end
        }
        try groups.accumulate(folded, count: pending, hasRows: true)
        return late
    }

    /// Writes the pairs of rows that lie in the same windows, the latest window first.
    private func appendPairs(
        _ folded: FoldedBlock, _ rows: Range<Int>, last: Int64, _ groups: Groups, at first: Int
    ) throws(OperatorError) -> (pairs: Int, windows: Int, areAllLate: Bool) {
        let block = folded.block
        guard let time = block.windowTimes?.int64s[rows.lowerBound] else { return (0, 0, false) }
        var windows = 0
        var next = first
        var areAllLate = true
        var start = last
        var number = floorDivide(last, window.slide)
        while time - start < window.duration {
            let run = WindowRun(
                start: start, duration: window.duration,
                way: windowed.cache.way(start: start, number: number))
            let isLate = groups.lateness == .windowEnd && run.end <= folded.lateMicros
            var row = rows.lowerBound
            while true {
                (row, next) = scanPairs(run, block, row..<rows.upperBound, groups.pairs, at: next)
                if row == rows.upperBound { break }
                try windowed.cacheGroup(
                    run, block, row, isLate: isLate || groups.isLate(folded, row))
            }
            if isLate { groups.pairsLate += rows.count } else { areAllLate = false }
            windows += 1
            start -= window.slide
            number -= 1
        }
        return (next - first, windows, areAllLate)
    }

    /// Writes the pairs of rows and one window, up to the first row whose group the cache does not
    /// know; late groups make no pair.
    private func scanPairs(
        _ run: WindowRun, _ block: PreparedBlock, _ rows: Range<Int>, _ pairs: PairMemory,
        at first: Int
    ) -> (row: Int, next: Int) {
        let capacity = windowed.cache.capacity
        guard capacity > 0 else { return (rows.lowerBound, first) }
        let generation = windowed.cache.generation(ofWay: run.way)
        let slots = unsafe pairs.slots
        let pairRows = unsafe pairs.rows
        // Safe: numbers (where there are any) are below `keyIDs.count`, and the caller left room
        // for every window of every row, so also for the pair that a late group overwrites.
        return unsafe windowed.cache.entries.withUnsafeBufferPointer { all in
            let entries = unsafe UnsafeBufferPointer(rebasing: all[(run.way * capacity)...])
            return unsafe windowed.keyNumbers.numbers.withUnsafeBufferPointer { numbers in
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

    func completeGroups(_ watermark: Int64, of groups: Groups) -> [Int32] {
        windowed.completeGroups(watermark)
    }

    func endBatch(removing complete: [Int32], watermark: Int64) {
        windowed.endBatch(
            removing: complete, lastStart: window.lastStart(endingUpTo: watermark))
    }
}
