import Columnar
import KeyedState

/// The groups of windows that were met lately, by key and window, and when the first window in the
/// state ends: what tumbling and sliding windows share.
///
/// Invariants:
/// - no window in state ends before `earliestEnd`, while `keyNumbers` hold.
final class WindowedGroups {
    let groups: Groups
    var keyNumbers: QueryKeyIDs
    var cache: WindowCache
    private var earliestEnd = Int64.min

    init(_ groups: Groups, windowsPerRow: Int) {
        self.groups = groups
        keyNumbers = QueryKeyIDs(groups)
        cache = WindowCache(windowsPerRow: windowsPerRow)
    }

    /// Makes ready to find the groups of a block's rows.
    func beginBlock(_ block: PreparedBlock) {
        guard keyNumbers.beginBlock(block, groups.table) else { return }
        cache.removeAll(known: windowStarts)
        earliestEnd = .min
    }

    /// The starts of the windows that have groups in the state.
    private var windowStarts: Set<Int64> {
        var starts: Set<Int64> = []
        var last: Int64?
        groups.table.forEachLive { slot in
            let start = groups.table.key(slot, groups.keyCount)
            if let start, start != last { starts.insert(start) }
            last = start
        }
        return starts
    }

    /// Makes the group of a row and window known to the cache; -1 for one that is late.
    func cacheGroup(
        _ run: WindowRun, _ block: PreparedBlock, _ row: Int, isLate: Bool
    ) throws(OperatorError) {
        let table = groups.table
        let ids = block.keyIDs.ids.span(of: Int32.self)
        let id = ids.isEmpty ? 0 : Int(ids[row])
        if keyNumbers.numbers[id] == 0 || isLate {
            keyNumbers.encodeKey(block, row, id: id, start: run.start, table)
        }
        let key = Int(keyNumbers.numbers[id])
        if isLate {
            groups.countLateGroup(end: run.end)
            cache.setSlot(-1, key: key, way: run.way)
            return
        }
        if let slot = cache.knownSlot(key: key, way: run.way) {
            table.touch(slot)
            cache.setSlot(slot, key: key, way: run.way)
            return
        }
        keyNumbers.encodeKey(block, row, id: id, start: run.start, table)
        let (slot, existed) = try groups.windowGroup(
            end: run.end, isNew: cache.isWhole(run.way), block.sequence(row))
        if !existed { noteEnd(run.end) }
        cache.setSlot(slot, key: key, way: run.way)
    }

    /// A window that ends then has groups in the state.
    func noteEnd(_ end: Int64) { earliestEnd = min(earliestEnd, end) }

    /// The slots of the groups that the watermark completes, ascending.
    func completeGroups(_ watermark: Int64) -> [Int32] {
        guard groups.lateness == .windowEnd else { return groups.groupsOfKey(upTo: watermark) }
        if keyNumbers.hold(for: groups.table) && earliestEnd > watermark { return [] }
        let found = groups.groups(endingUpTo: watermark)
        earliestEnd = found.nextEnd
        return found.complete
    }

    /// Ends the batch for what is known of the groups; windows that start at `lastStart` or before
    /// have ended.
    func endBatch(removing complete: [Int32], lastStart: Int64?) {
        if !complete.isEmpty {
            if groups.lateness != .windowEnd {
                cache.removeAll()
            } else if let lastStart {
                cache.remove(startingUpTo: lastStart)
            }
        }
        cache.beginBatch()
    }
}

/// A window that consecutive rows lie in, and its way in the cache.
struct WindowRun {
    let start: Int64
    let duration: Int64
    let way: Int

    var end: Int64 { start + duration }
}
