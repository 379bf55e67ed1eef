import KeyedState

extension Groups {
    /// The groups whose event time, a key, the watermark has reached; none where it is not a key.
    func groupsOfKey(upTo watermark: Int64) -> [Int32] {
        guard case .key(let index) = lateness else { return [] }
        var complete: [Int32] = []
        table.forEachLive { slot in
            if let time = table.key(slot, index), time <= watermark { complete.append(slot) }
        }
        return complete
    }

    /// The groups whose window ends at a watermark or before, and when the first of the others ends.
    func groups(endingUpTo watermark: Int64) -> (complete: [Int32], nextEnd: Int64) {
        var complete: [Int32] = []
        var next = Int64.max
        let ends = unsafe table.columns[0].pointer(as: Int64.self)
        table.forEachLive { slot in
            // Safe: the slot is live.
            let end = unsafe ends[Int(slot)]
            if end <= watermark { complete.append(slot) } else { next = min(next, end) }
        }
        return (complete, next)
    }
}
