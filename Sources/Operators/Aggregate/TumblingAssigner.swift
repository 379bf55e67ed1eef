import Columnar
import KeyedState

/// Windows that do not overlap: one pass finds each row's group.
///
/// Rows of one window come in runs, and the window is worked out once a run.
final class TumblingAssigner<Grid: WindowGrid>: GroupAssigner {
    private let grid: Grid
    private let windowed: WindowedGroups

    init(_ grid: Grid, _ groups: Groups) {
        self.grid = grid
        windowed = WindowedGroups(groups, windowsPerRow: 1)
    }

    func fold(_ folded: FoldedBlock, into groups: Groups) throws(OperatorError) -> [Int32] {
        let block = folded.block
        guard let column = block.windowTimes else { return [] }
        windowed.beginBlock(block)
        groups.pairs.reserve(block.count)
        let times = column.int64s
        var row = 0
        var hasLate = groups.lateness.isOfKey
        while row < block.count {
            guard let window = grid.window(of: times[row]) else {
                throw windowOutOfRange(block.sequence(row))
            }
            let way = windowed.cache.way(start: window.start, number: window.number)
            let run = WindowRun(start: window.start, duration: window.duration, way: way)
            let isLate = groups.lateness == .windowEnd && run.end <= folded.lateMicros
            row = try windowed.foldRun(run, folded, from: row, isLate: isLate)
            if isLate { hasLate = true }
        }
        return try groups.accumulateDroppingLate(folded, hasLate: hasLate)
    }

    func completeGroups(_ watermark: Int64, of groups: Groups) -> [Int32] {
        windowed.completeGroups(watermark)
    }

    func endBatch(removing complete: [Int32], watermark: Int64) {
        windowed.endBatch(
            removing: complete, lastStart: grid.lastStart(endingUpTo: watermark))
    }
}

extension WindowedGroups {
    /// Finds the groups of the rows from `first` on that lie in the window of the run, and gives the
    /// first row after it.
    fileprivate func foldRun(
        _ run: WindowRun, _ folded: FoldedBlock, from first: Int, isLate: Bool
    ) throws(OperatorError) -> Int {
        let isWhole = !isLate && keyNumbers.isString && cache.isWhole(run.way)
        let block = folded.block
        var row = first
        while true {
            let stop =
                isWhole
                ? try scanWholeRun(run, block, from: row) : scanRun(run, block, from: row)
            if !stop.isMiss { return stop.row }
            row = stop.row
            try cacheGroup(run, block, row, isLate: isLate || groups.isLate(folded, row))
        }
    }

    /// Writes the slots of the rows from `first` on, up to the end of the run or the first row
    /// whose group the cache does not know.
    private func scanRun(
        _ run: WindowRun, _ block: PreparedBlock, from first: Int
    ) -> (row: Int, isMiss: Bool) {
        guard let column = block.windowTimes else { return (block.count, false) }
        let count = block.count
        let capacity = cache.capacity
        guard capacity > 0 else { return (first, first < count) }
        let generation = cache.generation(ofWay: run.way)
        let slots = unsafe groups.pairs.slots
        // Safe: times and numbers (where there are any) hold `count` values, numbers are below
        // `keyIDs.count`, and the pairs have room for every row of the block.
        return unsafe cache.entries.withUnsafeBufferPointer { all in
            let entries = unsafe UnsafeBufferPointer(rebasing: all[(run.way * capacity)...])
            return unsafe keyNumbers.numbers.withUnsafeBufferPointer { numbers in
                unsafe column.values.unsafeBytes.withMemoryRebound(to: Int64.self) { times in
                    let ids = unsafe block.keyIDs.ids.unsafeBytes.assumingMemoryBound(
                        to: Int32.self)
                    let hasIDs = !ids.isEmpty
                    var row = first
                    while row < count {
                        let offset = unsafe UInt64(bitPattern: times[row] &- run.start)
                        if offset >= UInt64(run.duration) { return (row, false) }
                        let id = hasIDs ? unsafe Int(ids[row]) : 0
                        let key = unsafe Int(numbers[id])
                        if key >= capacity { return (row, true) }
                        let entry = unsafe entries[key]
                        if entry.generation != generation { return (row, true) }
                        unsafe slots[row] = entry.slot
                        row &+= 1
                    }
                    return (row, false)
                }
            }
        }
    }

    /// As `scanRun`, where the way knows every group of the window: groups that it does not know are
    /// new, and all that the run brings are made at once.
    private func scanWholeRun(
        _ run: WindowRun, _ block: PreparedBlock, from first: Int
    ) throws(OperatorError) -> (row: Int, isMiss: Bool) {
        guard let column = block.windowTimes else { return (block.count, false) }
        let count = block.count
        let slots = unsafe groups.pairs.slots
        let roomForGroups = groups.table.rowsMax - groups.table.count
        var found = FoundGroups()
        // Safe: as in `scanRun`.
        let stop: (row: Int, isMiss: Bool)
        stop = unsafe cache.withEntries(ofWay: run.way) { entries, way in
            unsafe keyNumbers.numbers.withUnsafeBufferPointer { numbers in
                unsafe column.values.unsafeBytes.withMemoryRebound(to: Int64.self) { times in
                    let ids = unsafe block.keyIDs.ids.unsafeBytes.assumingMemoryBound(
                        to: Int32.self)
                    let hasIDs = !ids.isEmpty
                    var row = first
                    while row < count {
                        let offset = unsafe UInt64(bitPattern: times[row] &- run.start)
                        if offset >= UInt64(run.duration) { return (row, false) }
                        let id = hasIDs ? unsafe Int(ids[row]) : 0
                        let key = unsafe Int(numbers[id])
                        if key >= entries.count { return (row, true) }
                        let entry = unsafe entries[key]
                        if entry.generation == way.generation {
                            unsafe slots[row] = entry.slot
                        } else if key < 2 {
                            // A key that is null or has no number yet is rare.
                            return (row, true)
                        } else if entry.generation >= way.first {
                            found.known.append(entry.slot)
                            unsafe entries[key].generation = way.generation
                            unsafe slots[row] = entry.slot
                        } else {
                            if found.keys.count == roomForGroups { return (row, true) }
                            let slot = found.placeholder
                            found.keys.append(Int32(truncatingIfNeeded: key))
                            unsafe entries[key] = WindowCache.Entry(
                                generation: way.generation, slot: slot)
                            unsafe slots[row] = slot
                        }
                        row &+= 1
                    }
                    return (row, false)
                }
            }
        }
        groups.table.touch(found.known)
        try insert(found.keys, run, first..<stop.row, block)
        return stop
    }

    /// Makes the groups of a window that the keys of these numbers have; the places for their slots
    /// in the cache and beside the rows have placeholders so far.
    private func insert(
        _ keys: [Int32], _ run: WindowRun, _ rows: Range<Int>, _ block: PreparedBlock
    ) throws(OperatorError) {
        guard !keys.isEmpty else { return }
        let made: [Int32]
        do throws(KeyedStateError) {
            made = try groups.table.insert(
                strings: keys.map(QueryKeyIDs.string), time: run.start, end: run.end)
        } catch {
            throw OperatorError(error, sequence: block.sequence(rows.lowerBound))
        }
        noteEnd(run.end)
        unsafe cache.withEntries(ofWay: run.way) { entries, _ in
            for (key, slot) in zip(keys, made) { unsafe entries[Int(key)].slot = slot }
        }
        let slots = unsafe groups.pairs.slots
        // Safe: the slots of these rows were just written.
        for row in rows where unsafe slots[row] < -1 {
            unsafe slots[row] = made[FoundGroups.index(ofPlaceholder: slots[row])]
        }
    }
}

/// The groups that the rows of a run are the first of in a batch.
private struct FoundGroups {
    /// The slots of those that were there.
    var known: [Int32] = []
    /// The numbers of the keys of those that were not.
    var keys: [Int32] = []

    /// What stands for the slot of the next new group; -1 would be a late one.
    var placeholder: Int32 { -2 - Int32(truncatingIfNeeded: keys.count) }

    static func index(ofPlaceholder slot: Int32) -> Int { Int(-2 - slot) }
}
