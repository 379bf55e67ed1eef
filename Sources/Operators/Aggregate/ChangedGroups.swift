/// Which groups changed since they were last shown, while a batch goes on.
///
/// Invariants:
/// - `slots` has each changed slot once, in the order of its first change; `rounds[slot]` is then
///   `round`, and less for every other slot.
struct ChangedGroups {
    private(set) var slots: [Int32] = []
    private var rounds: [Int64] = []
    private var round: Int64 = 1

    /// The groups in the slots changed.
    mutating func note(_ changed: UnsafePointer<Int32>, count: Int) {
        for place in 0..<count {
            // Safe: the caller has filled as many.
            let slot = unsafe changed[place]
            if slot >= rounds.count {
                let added = max(Int(slot) + 1 - rounds.count, rounds.count)
                rounds.append(contentsOf: repeatElement(0, count: added))
            }
            if rounds[Int(slot)] != round {
                rounds[Int(slot)] = round
                slots.append(slot)
            }
        }
    }

    /// The changed slots; from now on none has changed.
    mutating func take() -> [Int32] {
        round += 1
        defer { slots.removeAll(keepingCapacity: true) }
        return slots
    }
}
