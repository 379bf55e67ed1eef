/// (slot, row) pairs on their way to the accumulators, in plain memory that is used again for every
/// block.
///
/// Who writes it keeps count below `capacity`.
@safe final class PairMemory {
    private(set) var slots: UnsafeMutablePointer<Int32>
    private(set) var rows: UnsafeMutablePointer<Int32>
    private(set) var capacity: Int

    init(capacity: Int = 4_096) {
        self.capacity = capacity
        unsafe slots = .allocate(capacity: capacity)
        unsafe rows = .allocate(capacity: capacity)
    }

    deinit {
        unsafe slots.deallocate()
        unsafe rows.deallocate()
    }

    /// Makes room for at least `count` pairs; what was there is lost.
    func reserve(_ count: Int) {
        guard count > capacity else { return }
        unsafe slots.deallocate()
        unsafe rows.deallocate()
        unsafe slots = .allocate(capacity: count)
        unsafe rows = .allocate(capacity: count)
        capacity = count
    }
}
