import KeyedState

/// The open sessions of each key, over a group table whose last key column is the session's start
/// and whose first state column its end.
///
/// Invariants:
/// - `table` holds the keys of live groups with the start set to 0; `latest[entry]` is the session
///   of the key that starts last, `earlier[slot]` the one before it and `later[slot]` the one after
///   it, -1 where there is none. Rows come roughly in order of time, so that the search from the
///   latest on is short.
/// - `entries`, `starts` and `ends` are those of each session, by slot, as in the state.
/// - sessions of one key do not touch: each ends before the next starts.
struct SessionIndex {
    private let state: GroupTable
    private let startKey: Int
    private let table: WordTable
    private var latest: [Int32] = []
    private var earlier: [Int32] = []
    private var later: [Int32] = []
    private var entries: [Int32] = []
    private(set) var starts: [Int64] = []
    private(set) var ends: [Int64] = []
    /// The strings that the keys refer to: when the state renumbers them, the index starts over.
    private var strings: StateStrings

    init(_ state: GroupTable) {
        self.state = state
        startKey = state.keyFields.count - 1
        table = WordTable(width: state.keyWidth)
        strings = state.strings
    }

    /// Builds the index anew if the state's keys were renumbered or restored.
    mutating func refresh() {
        if strings === state.strings { return }
        strings = state.strings
        table.removeAll()
        latest.removeAll()
        for slot in state.liveSlots {
            let start = state.key(slot, startKey) ?? 0
            // Safe: the slot is live; the first state column of a windowed query is the end.
            let end = unsafe state.columns[0].pointer(as: Int64.self)[Int(slot)]
            state.encodeKey(of: slot)
            insert(slot, into: entry(), start: start, end: end)
        }
    }

    /// The entry of the encoded key, whatever its start.
    mutating func entry() -> Int32 {
        state.setKey(startKey, to: 0)
        let (entry, existed) = unsafe table.findOrInsert(state.encodedKey)
        while latest.count <= Int(entry) { latest.append(-1) }
        if !existed { latest[Int(entry)] = -1 }
        return entry
    }

    /// The latest session of a key that touches `start ... end`, or -1; those before it may too.
    func latestTouching(_ entry: Int32, start: Int64, end: Int64) -> Int32 {
        var slot = latest[Int(entry)]
        while slot >= 0, starts[Int(slot)] > end { slot = earlier[Int(slot)] }
        return slot >= 0 && ends[Int(slot)] >= start ? slot : -1
    }

    /// The session before one of the same key, if it reaches `start`, or -1.
    func touchingBefore(_ slot: Int32, start: Int64) -> Int32 {
        let before = earlier[Int(slot)]
        return before >= 0 && ends[Int(before)] >= start ? before : -1
    }

    /// Adds a session of a key that touches no other.
    mutating func insert(_ slot: Int32, into entry: Int32, start: Int64, end: Int64) {
        let place = Int(slot)
        while starts.count <= place {
            starts.append(0)
            ends.append(0)
            entries.append(-1)
            earlier.append(-1)
            later.append(-1)
        }
        starts[place] = start
        ends[place] = end
        entries[place] = entry
        var after: Int32 = -1
        var before = latest[Int(entry)]
        while before >= 0, starts[Int(before)] > start {
            after = before
            before = earlier[Int(before)]
        }
        chain(before, slot, entry)
        chain(slot, after, entry)
    }

    /// Sets the bounds of a session.
    mutating func setBounds(_ slot: Int32, start: Int64, end: Int64) {
        starts[Int(slot)] = start
        ends[Int(slot)] = end
    }

    /// Takes a session out; its key stays.
    mutating func remove(_ slot: Int32) {
        let entry = entries[Int(slot)]
        let before = earlier[Int(slot)]
        let after = later[Int(slot)]
        if before >= 0 || after >= 0 {
            chain(before, after, entry)
        } else {
            latest[Int(entry)] = -1
        }
    }

    /// Takes a session that is about to leave the state out, and its key with the last one.
    mutating func evict(_ slot: Int32) {
        remove(slot)
        let entry = entries[Int(slot)]
        if latest[Int(entry)] < 0 { table.remove(entry) }
    }

    /// Makes `after` the session that follows `before`; -1 is no session.
    private mutating func chain(_ before: Int32, _ after: Int32, _ entry: Int32) {
        if before >= 0 { later[Int(before)] = after }
        if after >= 0 { earlier[Int(after)] = before } else { latest[Int(entry)] = before }
    }
}
