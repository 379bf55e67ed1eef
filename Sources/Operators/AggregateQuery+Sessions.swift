import Columnar
import Expressions
import KeyedState

extension AggregateQuery {
    /// Session windows: each row is a session of its own, `[time, time + gap)`, which becomes one
    /// with every open session of its key that it touches.
    ///
    /// Strictly row by row, so that sessions become one in the same order whatever the blocks.
    func foldSessions(
        _ block: PreparedBlock, _ arguments: [[ArgumentValues]], _ lateMicros: Int64
    ) throws(OperatorError) -> [Int32] {
        guard let column = block.windowTimes, let sessionEnds = block.sessionEnds,
            var sessions
        else { return [] }
        // The copy in `self` is put back at the end; until then nobody else reads it.
        self.sessions = nil
        defer { self.sessions = sessions }
        sessions.refresh()
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
            if lateness == .windowEnd && end <= lateMicros || isLate(block, row, lateMicros) {
                state.encodeKey(block.keys, row: row)
                state.setKey(plan.keys.count, to: start)
                countLateGroup(end: end)
                late.append(Int32(row))
                continue
            }
            let id = ids.isEmpty ? 0 : Int(ids[row])
            if entries[id] < 0 {
                state.encodeKey(block.keys, row: row)
                entries[id] = sessions.entry()
            }
            var slot = sessions.latestTouching(entries[id], start: start, end: end)
            if slot >= 0 {
                if sessions.touchingBefore(slot, start: start) >= 0 {
                    // Rows that belong to the sessions must be in them before they become one.
                    try accumulate(block, arguments, count: pending, hasRows: true)
                    pending = 0
                    slot = try join(slot, start: start, &sessions)
                }
                extend(slot, start: start, end: end, &sessions)
            } else {
                state.encodeKey(block.keys, row: row)
                state.setKey(plan.keys.count, to: start)
                slot = try windowGroup(end: end, block.sequence(row))
                sessions.insert(slot, into: entries[id], start: start, end: end)
            }
            // Safe: there is room for every row of the block.
            unsafe pairs.slots[pending] = slot
            unsafe pairs.rows[pending] = Int32(row)
            pending += 1
        }
        counts.pairsLate += late.count
        try accumulate(block, arguments, count: pending, hasRows: true)
        return late
    }

    /// Makes one session of one and those of its key before it that reach `start`; the first of
    /// them remains, and is given back.
    private func join(
        _ last: Int32, start: Int64, _ sessions: inout SessionIndex
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
            for (index, accumulator) in accumulators.enumerated() {
                try accumulator.merge(
                    Int(source), into: Int(target), accumulatorColumns[index], state.strings)
            }
            let end = sessions.ends[Int(source)]
            extend(target, start: sessions.starts[Int(target)], end: end, &sessions)
            sessions.remove(source)
            state.remove([source])
        }
        return target
    }

    /// Makes a session reach from `start` to `end` at least.
    private func extend(
        _ slot: Int32, start: Int64, end: Int64, _ sessions: inout SessionIndex
    ) {
        state.touch(slot)
        let knownStart = sessions.starts[Int(slot)]
        let knownEnd = sessions.ends[Int(slot)]
        // Safe: the slot is live.
        if end > knownEnd { unsafe state.columns[0].pointer(as: Int64.self)[Int(slot)] = end }
        if start < knownStart { state.rekey(slot, plan.keys.count, to: start) }
        sessions.setBounds(slot, start: min(start, knownStart), end: max(end, knownEnd))
    }
}
