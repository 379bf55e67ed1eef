import Columnar
import KeyedState

/// Session windows: each row is a session of its own, `[time, time + gap)`, which becomes one with
/// every open session of its key that it touches.
///
/// Strictly row by row, so that sessions become one in the same order whatever the blocks.
final class SessionAssigner: GroupAssigner {
    /// `nil` while a block is folded, which has them then.
    private var index: SessionIndex?

    init(_ groups: Groups) { index = SessionIndex(groups.table) }

    func fold(_ folded: FoldedBlock, into groups: Groups) throws(OperatorError) -> [Int32] {
        let block = folded.block
        guard let column = block.windowTimes, let sessionEnds = block.sessionEnds,
            var sessions = index
        else { return [] }
        // One owner: otherwise every change would copy it.
        index = nil
        defer { index = sessions }
        sessions.refresh()
        let (table, pairs) = (groups.table, groups.pairs)
        pairs.reserve(block.count)
        let starts = column.int64s
        let ends = sessionEnds.span(of: Int64.self)
        let ids = block.keyIDs.ids.span(of: Int32.self)
        var entries = [Int32](repeating: -1, count: block.keyIDs.count)
        var late: [Int32] = []
        var pending = 0
        for row in 0..<block.count {
            let start = starts[row]
            let end = ends[row]
            let isLate = groups.lateness == .windowEnd && end <= folded.lateMicros
            if isLate || groups.isLate(folded, row) {
                table.encodeKey(block.keys, row: row)
                table.setKey(groups.keyCount, to: start)
                groups.countLateGroup(end: end)
                late.append(Int32(row))
                continue
            }
            let id = ids.isEmpty ? 0 : Int(ids[row])
            if entries[id] < 0 {
                table.encodeKey(block.keys, row: row)
                entries[id] = sessions.entry()
            }
            var slot = sessions.latestTouching(entries[id], start: start, end: end)
            if slot >= 0 {
                if sessions.touchingBefore(slot, start: start) >= 0 {
                    // Rows that belong to the sessions must be in them before they become one.
                    try groups.accumulate(folded, count: pending, hasRows: true)
                    pending = 0
                    slot = try join(slot, start: start, groups, &sessions)
                }
                extend(slot, start: start, end: end, groups, &sessions)
            } else {
                table.encodeKey(block.keys, row: row)
                table.setKey(groups.keyCount, to: start)
                slot = try groups.windowGroup(end: end, block.sequence(row)).slot
                sessions.insert(slot, into: entries[id], start: start, end: end)
            }
            // Safe: there is room for every row of the block.
            unsafe pairs.slots[pending] = slot
            unsafe pairs.rows[pending] = Int32(row)
            pending += 1
        }
        groups.pairsLate += late.count
        try groups.accumulate(folded, count: pending, hasRows: true)
        return late
    }

    /// Makes one session of one and those of its key before it that reach `start`; the first of
    /// them remains, and is given back.
    private func join(
        _ last: Int32, start: Int64, _ groups: Groups, _ sessions: inout SessionIndex
    ) throws(OperatorError) -> Int32 {
        var target = last
        var sources: [Int32] = []
        while true {
            let before = sessions.touchingBefore(target, start: start)
            if before < 0 { break }
            sources.insert(target, at: 0)
            target = before
        }
        for source in sources {
            try groups.merge(source, into: target, start: sessions.starts[Int(target)])
            let end = sessions.ends[Int(source)]
            extend(target, start: sessions.starts[Int(target)], end: end, groups, &sessions)
            sessions.remove(source)
            groups.remove([source])
        }
        return target
    }

    /// Makes a session reach from `start` to `end` at least.
    private func extend(
        _ slot: Int32, start: Int64, end: Int64, _ groups: Groups, _ sessions: inout SessionIndex
    ) {
        let table = groups.table
        table.touch(slot)
        let knownStart = sessions.starts[Int(slot)]
        let knownEnd = sessions.ends[Int(slot)]
        // Safe: the slot is live.
        if end > knownEnd { unsafe table.columns[0].pointer(as: Int64.self)[Int(slot)] = end }
        if start < knownStart { table.rekey(slot, groups.keyCount, to: start) }
        groups.lanes?.moveWindow(
            of: slot, startKey: groups.keyCount, start: min(start, knownStart))
        sessions.setBounds(slot, start: min(start, knownStart), end: max(end, knownEnd))
    }

    func completeGroups(_ watermark: Int64, of groups: Groups) -> [Int32] {
        let complete =
            groups.lateness == .windowEnd
            ? groups.groups(endingUpTo: watermark).complete : groups.groupsOfKey(upTo: watermark)
        if !complete.isEmpty { index?.refresh() }
        return complete
    }

    func endBatch(removing complete: [Int32], watermark: Int64) {
        for slot in complete { index?.evict(slot) }
    }
}
