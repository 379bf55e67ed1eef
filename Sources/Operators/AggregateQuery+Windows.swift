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
        beginBlock(block)
        pairs.reserve(block.count)
        let times = column.int64s
        var row = 0
        var hasLate = lateness.isOfKey
        while row < block.count {
            guard let start = window.lastStart(times[row]) else {
                throw windowOutOfRange(block.sequence(row))
            }
            let number = floorDivide(start, window.slide)
            let way = windowCache.way(start: start, number: number)
            let isLate = lateness == .windowEnd && start + window.duration <= lateMicros
            let run = WindowRun(start: start, duration: window.duration, way: way)
            row = try foldRun(run, block, from: row, isLate: isLate, lateMicros)
            if isLate { hasLate = true }
        }
        return try accumulateDroppingLate(block, arguments, hasLate: hasLate)
    }

    /// Finds the groups of the rows from `first` on that lie in the window of the run, and gives the
    /// first row after it.
    private func foldRun(
        _ run: WindowRun, _ block: PreparedBlock, from first: Int, isLate: Bool,
        _ lateMicros: Int64
    ) throws(OperatorError) -> Int {
        let isWhole = !isLate && keyNumbers.isString && windowCache.isWhole(run.way)
        var row = first
        while true {
            let stop =
                isWhole
                ? try scanWholeRun(run, block, from: row) : scanRun(run, block, from: row)
            if !stop.isMiss { return stop.row }
            row = stop.row
            try cacheGroup(run, block, row, isLate: isLate || self.isLate(block, row, lateMicros))
        }
    }

    /// Makes the group of a row and window known to the cache; -1 for one that is late.
    func cacheGroup(
        _ run: WindowRun, _ block: PreparedBlock, _ row: Int, isLate: Bool
    ) throws(OperatorError) {
        let ids = block.keyIDs.ids.span(of: Int32.self)
        let id = ids.isEmpty ? 0 : Int(ids[row])
        if keyNumbers.numbers[id] == 0 || isLate {
            keyNumbers.encodeKey(block, row, id: id, start: run.start, state)
        }
        let key = Int(keyNumbers.numbers[id])
        if isLate {
            countLateGroup(end: run.start + run.duration)
            windowCache.setSlot(-1, key: key, way: run.way)
            return
        }
        if let slot = windowCache.knownSlot(key: key, way: run.way) {
            state.touch(slot)
            windowCache.setSlot(slot, key: key, way: run.way)
            return
        }
        keyNumbers.encodeKey(block, row, id: id, start: run.start, state)
        let slot = try windowGroup(
            end: run.start + run.duration, isNew: windowCache.isWhole(run.way),
            block.sequence(row))
        windowCache.setSlot(slot, key: key, way: run.way)
    }

    /// Writes the slots of the rows from `first` on, up to the end of the run or the first row
    /// whose group the cache does not know.
    private func scanRun(
        _ run: WindowRun, _ block: PreparedBlock, from first: Int
    ) -> (row: Int, isMiss: Bool) {
        guard let column = block.windowTimes else { return (block.count, false) }
        let count = block.count
        let capacity = windowCache.capacity
        guard capacity > 0 else { return (first, first < count) }
        let generation = windowCache.generation(ofWay: run.way)
        let slots = unsafe pairs.slots
        // Safe: times and numbers (where there are any) hold `count` values, numbers are below
        // `keyIDs.count`, and the pairs have room for every row of the block.
        return unsafe windowCache.entries.withUnsafeBufferPointer { all in
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
        let slots = unsafe pairs.slots
        let roomForGroups = state.rowsMax - state.count
        var found = FoundGroups()
        // Safe: as in `scanRun`.
        let stop: (row: Int, isMiss: Bool)
        stop = unsafe windowCache.withEntries(ofWay: run.way) { entries, way in
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
        state.touch(found.known)
        try insert(found.keys, run, first..<stop.row, block)
        return stop
    }

    /// Makes the groups of a window that the keys of these numbers have; the places for their slots
    /// in the cache and beside the rows have placeholders so far.
    private func insert(
        _ keys: [Int32], _ run: WindowRun, _ rows: Range<Int>, _ block: PreparedBlock
    ) throws(OperatorError) {
        guard !keys.isEmpty else { return }
        let end = run.start + run.duration
        let made: [Int32]
        do throws(KeyedStateError) {
            made = try state.insert(
                strings: keys.map(KeyNumbers.string), time: run.start, end: end)
        } catch {
            throw OperatorError(error, sequence: block.sequence(rows.lowerBound))
        }
        earliestEnd = min(earliestEnd, end)
        unsafe windowCache.withEntries(ofWay: run.way) { entries, _ in
            for (key, slot) in zip(keys, made) { unsafe entries[Int(key)].slot = slot }
        }
        let slots = unsafe pairs.slots
        // Safe: the slots of these rows were just written.
        for row in rows where unsafe slots[row] < -1 {
            unsafe slots[row] = made[FoundGroups.index(ofPlaceholder: slots[row])]
        }
    }

    /// The group of the encoded key and window, which ends at `end`; `isNew` says that the state is
    /// known not to have it.
    func windowGroup(
        end: Int64, isNew: Bool = false, _ sequence: Int64
    ) throws(OperatorError) -> Int32 {
        let (slot, existed) =
            isNew
            ? (try insertNewGroup(sequence: sequence), false)
            : try insertGroup(sequence: sequence)
        if !existed {
            // Safe: the slot is live.
            unsafe state.columns[0].pointer(as: Int64.self)[Int(slot)] = end
            earliestEnd = min(earliestEnd, end)
        }
        return slot
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

/// A window that consecutive rows lie in, and its way in the cache.
struct WindowRun {
    let start: Int64
    let duration: Int64
    let way: Int
}
