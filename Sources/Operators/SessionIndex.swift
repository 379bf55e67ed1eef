import KeyedState

/// The open sessions of each key, ordered by start, over a group table whose last key column is
/// the session's start.
///
/// Invariants:
/// - `table` holds the keys of live groups with the start set to 0; `heads[entry]` is the session
///   of the key that starts first, `next[slot]` the one after it, -1 the end.
/// - sessions of one key do not touch: each ends before the next starts.
struct SessionIndex {
    private let state: GroupTable
    private let startKey: Int
    private let table: WordTable
    private var heads: [Int32] = []
    private var next: [Int32] = []
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
        heads.removeAll()
        for slot in state.liveSlots {
            state.encodeKey(of: slot)
            insert(slot, into: entry(), start: start(slot))
        }
    }

    /// The entry of the encoded key, whatever its start.
    mutating func entry() -> Int32 {
        state.setKey(startKey, to: 0)
        let entry = unsafe table.findOrInsert(state.encodedKey).slot
        while heads.count <= Int(entry) { heads.append(-1) }
        return entry
    }

    /// The sessions of a key that touch `start ... end`, ordered by start.
    func touching(_ entry: Int32, start: Int64, end: Int64) -> [Int32] {
        var found: [Int32] = []
        var slot = heads[Int(entry)]
        while slot >= 0, self.start(slot) <= end {
            if self.end(slot) >= start { found.append(slot) }
            slot = next[Int(slot)]
        }
        return found
    }

    /// Adds a session of a key.
    mutating func insert(_ slot: Int32, into entry: Int32, start: Int64) {
        while next.count <= Int(slot) { next.append(-1) }
        var before: Int32 = -1
        var after = heads[Int(entry)]
        while after >= 0, self.start(after) < start {
            before = after
            after = next[Int(after)]
        }
        next[Int(slot)] = after
        if before < 0 { heads[Int(entry)] = slot } else { next[Int(before)] = slot }
    }

    /// Takes a session of a key out.
    mutating func remove(_ slot: Int32, from entry: Int32) {
        var before: Int32 = -1
        var at = heads[Int(entry)]
        while at != slot {
            precondition(at >= 0, "a session is in the list of its key")
            before = at
            at = next[Int(at)]
        }
        if before < 0 {
            heads[Int(entry)] = next[Int(slot)]
        } else {
            next[Int(before)] = next[Int(slot)]
        }
    }

    /// Takes a session that is about to leave the state out, and its key with the last one.
    mutating func evict(_ slot: Int32) {
        state.encodeKey(of: slot)
        let entry = entry()
        remove(slot, from: entry)
        if heads[Int(entry)] < 0 { table.remove(entry) }
    }

    func start(_ slot: Int32) -> Int64 { state.key(slot, startKey) ?? 0 }

    func end(_ slot: Int32) -> Int64 {
        // Safe: the slot is live; the first state column of a windowed query is the end.
        unsafe state.columns[0].pointer(as: Int64.self)[Int(slot)]
    }
}
