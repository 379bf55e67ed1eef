/// Which slots of a state changed since the last commit, and which were in it then.
///
/// Invariants:
/// - `touched[..<touchedEnd]` has the changed slots in the order of their first change, with -1
///   where a group was removed since; `count` of them are not -1.
/// - `marks[slot]` is twice the place in `touched` plus two, 0 for a slot that did not change; its
///   lowest bit says that the group was in the state at the last commit, under the key it has now.
@safe final class ChangeMarks {
    /// How many groups were added or changed and are still there.
    private(set) var count = 0

    // Safe to keep: allocated here, freed in `deinit`, never handed out.
    private var marks: UnsafeMutablePointer<UInt32>
    private var capacity: Int
    private var touched: UnsafeMutablePointer<Int32>
    private var touchedEnd = 0
    private var touchedCapacity: Int

    init(capacity: Int) {
        self.capacity = capacity
        touchedCapacity = capacity
        unsafe marks = .allocate(capacity: capacity)
        unsafe marks.initialize(repeating: 0, count: capacity)
        unsafe touched = .allocate(capacity: capacity)
    }

    deinit {
        unsafe marks.deallocate()
        unsafe touched.deallocate()
    }

    /// The changed slots, in the order of their first change.
    var slots: [Int32] {
        // Safe: `count` of them are not -1.
        unsafe [Int32](unsafeUninitializedCapacity: count) { output, written in
            for place in 0..<touchedEnd where unsafe touched[place] >= 0 {
                unsafe output[written] = touched[place]
                written += 1
            }
        }
    }

    /// Makes room for slots below `newCapacity`.
    func reserve(_ newCapacity: Int) {
        guard newCapacity > capacity else { return }
        unsafe marks = regrown(marks, count: capacity, capacity: newCapacity)
        unsafe (marks + capacity).initialize(repeating: 0, count: newCapacity - capacity)
        capacity = newCapacity
    }

    /// A new group has the slot.
    func add(_ slot: Int32) {
        precondition(slot >= 0 && slot < capacity, "slot out of range")
        unsafe marks[Int(slot)] = 0
        append(slot)
    }

    /// New groups have the slots.
    func add(_ slots: [Int32]) {
        while touchedEnd + slots.count > touchedCapacity { growTouched() }
        let marks = unsafe self.marks
        let touched = unsafe self.touched
        var end = touchedEnd
        for slot in slots {
            precondition(slot >= 0 && slot < capacity, "slot out of range")
            // Safe: the slot is in range, and there is room for every one.
            unsafe touched[end] = slot
            end += 1
            unsafe marks[Int(slot)] = UInt32(truncatingIfNeeded: end) << 1
        }
        touchedEnd = end
        count += slots.count
    }

    /// The slot's group changed.
    func touch(_ slot: Int32) {
        precondition(slot >= 0 && slot < capacity, "slot out of range")
        if unsafe marks[Int(slot)] < 2 { append(slot) }
    }

    private func append(_ slot: Int32) {
        if touchedEnd == touchedCapacity { growTouched() }
        unsafe touched[touchedEnd] = slot
        touchedEnd += 1
        // Safe: the caller has checked the slot.
        unsafe marks[Int(slot)] |= UInt32(truncatingIfNeeded: touchedEnd) << 1
        count += 1
    }

    private func growTouched() {
        precondition(touchedCapacity < 1 << 30, "more than 2^30 changes of groups in a batch")
        unsafe touched = regrown(touched, count: touchedEnd, capacity: 2 * touchedCapacity)
        touchedCapacity *= 2
    }

    /// The slot's group is not in the state any more, or not under its key: whether it was when the
    /// last batch committed.
    func forgetCommitted(_ slot: Int32) -> Bool {
        precondition(slot >= 0 && slot < capacity, "slot out of range")
        let wasCommitted = unsafe marks[Int(slot)] & 1 != 0
        unsafe marks[Int(slot)] &= ~1
        return wasCommitted
    }

    /// The slot's group is removed.
    func remove(_ slot: Int32) {
        precondition(slot >= 0 && slot < capacity, "slot out of range")
        let place = unsafe Int(marks[Int(slot)] >> 1) - 1
        if place >= 0 {
            unsafe touched[place] = -1
            count -= 1
        }
        unsafe marks[Int(slot)] = 0
    }

    /// The state is now as committed.
    func commit() {
        for place in 0..<touchedEnd {
            let slot = unsafe Int(touched[place])
            if slot >= 0 { unsafe marks[slot] = 1 }
        }
        touchedEnd = 0
        count = 0
    }

    /// The state is empty, and nothing is committed.
    func removeAll() {
        unsafe marks.update(repeating: 0, count: capacity)
        touchedEnd = 0
        count = 0
    }
}
