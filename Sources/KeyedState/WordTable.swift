/// A hash table from keys of `width` 64-bit words to slots: small numbers that index whatever
/// belongs to a key.
///
/// The slots of removed keys are used again.
///
/// Invariants:
/// - `words[slot * width ..< (slot + 1) * width]` is the key of a live slot.
/// - `index` is open addressing with linear probing, a power of two, at most half full. An entry
///   has the upper half of the key's hash above and the slot below, so that most searches read
///   nothing else; its home is the hash's uppermost bits. Removing shifts entries back, so there
///   are no tombstones.
/// - every slot below `slotEnd` is live or in `free`.
/// - a live slot is in the index, or it awaits that and is in `awaiting`, which may also have slots
///   that no longer do. The next search puts them there, so that keys which nobody searches for
///   between their coming and their going never cost a hash.
///
/// Not thread-safe.
@safe public final class WordTable {
    /// Words a key.
    public let width: Int
    /// The number of live keys.
    public private(set) var count = 0
    /// Slots there is room for; all slots are below.
    public private(set) var capacity: Int
    /// All live slots are below.
    public private(set) var slotEnd = 0

    // Safe to keep: allocated in `init`, freed in `deinit`, never handed out beyond a call.
    private var words: UnsafeMutablePointer<UInt64>
    private var states: UnsafeMutablePointer<SlotState>
    private var index: UnsafeMutablePointer<UInt64>
    private var indexBits: Int
    private var free: [Int32] = []
    private var awaiting: [Int32] = []

    private enum SlotState: UInt8, BitwiseCopyable {
        case free
        case awaiting
        case indexed
    }

    /// An empty table for keys of `width` words.
    public init(width: Int, capacity: Int = 64) {
        precondition(width > 0 && capacity > 0, "a table needs words and room")
        self.width = width
        self.capacity = capacity
        unsafe words = .allocate(capacity: capacity * width)
        unsafe states = .allocate(capacity: capacity)
        indexBits = 7
        unsafe index = Self.emptyIndex(bits: 7)
    }

    deinit {
        unsafe words.deallocate()
        unsafe states.deallocate()
        unsafe index.deallocate()
    }

    /// Whether a slot below `slotEnd` holds a key.
    public func isLive(_ slot: Int32) -> Bool {
        precondition(slot >= 0 && slot < slotEnd, "slot out of range")
        return unsafe states[Int(slot)] != .free
    }

    /// The key of a live slot; valid until the table changes.
    @unsafe public func key(_ slot: Int32) -> UnsafePointer<UInt64> {
        precondition(slot >= 0 && slot < slotEnd, "slot out of range")
        return unsafe UnsafePointer(words + Int(slot) * width)
    }

    /// The keys of all slots, `width` words each; valid until the table changes.
    @unsafe var keys: UnsafePointer<UInt64> { unsafe UnsafePointer(words) }

    /// The slot of a key, or -1.
    @unsafe public func find(_ key: UnsafePointer<UInt64>) -> Int32 {
        unsafe find(key, hash: hash(key))
    }

    /// The slot of a key and whether it was there already; the table grows as needed.
    @unsafe public func findOrInsert(
        _ key: UnsafePointer<UInt64>
    ) -> (slot: Int32, existed: Bool) {
        let hash = unsafe hash(key)
        let found = unsafe find(key, hash: hash)
        return found >= 0 ? (found, true) : (unsafe insert(key, hash: hash), false)
    }

    /// Adds a key that is not in the table.
    @unsafe public func insert(_ key: UnsafePointer<UInt64>) -> Int32 {
        unsafe insert(key, hash: hash(key))
    }

    /// Adds a key that is not in the table; its place in the index waits for the next search.
    @unsafe public func insertUnindexed(_ key: UnsafePointer<UInt64>) -> Int32 {
        let slot = unsafe takeSlot(key)
        leaveUnindexed(slot)
        return slot
    }

    /// Adds a number of keys that are not in the table, as `insertUnindexed(_:)` does one; `write`
    /// writes the words of each, in order.
    @inline(__always)
    func insertUnindexed(
        count added: Int, _ write: (_ index: Int, UnsafeMutablePointer<UInt64>) -> Void
    ) -> [Int32] {
        while capacity - count < added { growSlots() }
        let reused = min(added, free.count)
        var slots = [Int32](free.suffix(reused).reversed())
        free.removeLast(reused)
        slots.append(contentsOf: Int32(slotEnd)..<Int32(slotEnd + added - reused))
        slotEnd += added - reused
        count += added
        let words = unsafe self.words
        let states = unsafe self.states
        for (index, slot) in slots.enumerated() {
            // Safe: the slots are below the capacity.
            unsafe states[Int(slot)] = .awaiting
            unsafe write(index, words + Int(slot) * width)
        }
        awaiting.append(contentsOf: slots)
        boundAwaiting()
        return slots
    }

    /// Removes the key of a live slot; the slot may be given to another key.
    public func remove(_ slot: Int32) {
        precondition(isLive(slot), "only a live slot can be removed")
        if unsafe states[Int(slot)] == .indexed { removeFromIndex(slot) }
        unsafe states[Int(slot)] = .free
        free.append(slot)
        count -= 1
    }

    /// Removes the keys of distinct live slots.
    ///
    /// Where they are a good part of all, what stays is put into the index anew, if it is ever
    /// searched; and slots are given again in ascending order, so that keys that come together lie
    /// together.
    public func remove(_ slots: [Int32]) {
        guard slots.count >= 64, slots.count > count / 4 else {
            for slot in slots { remove(slot) }
            return
        }
        let states = unsafe self.states
        var end = slotEnd
        for slot in slots {
            // Safe: a slot is below `slotEnd` before it is looked at.
            precondition(
                unsafe slot >= 0 && slot < end && states[Int(slot)] != .free,
                "only a live slot can be removed")
            unsafe states[Int(slot)] = .free
        }
        count -= slots.count
        while end > 0, unsafe states[end - 1] == .free { end -= 1 }
        slotEnd = end
        // Safe: as many slots below the end are not live as are counted.
        free = unsafe [Int32](unsafeUninitializedCapacity: end - count) { output, written in
            for slot in (0..<end).reversed() where unsafe states[slot] == .free {
                unsafe output[written] = Int32(truncatingIfNeeded: slot)
                written += 1
            }
        }
        forgetIndex()
    }

    /// Gives a live slot another key, which must not be in the table.
    @unsafe public func rekey(_ slot: Int32, _ key: UnsafePointer<UInt64>) {
        precondition(isLive(slot), "only a live slot can be rekeyed")
        let isIndexed = unsafe states[Int(slot)] == .indexed
        if isIndexed { removeFromIndex(slot) }
        unsafe (words + Int(slot) * width).update(from: key, count: width)
        if isIndexed { unsafe addToIndex(entry(slot, hash: hash(key))) }
    }

    /// Removes everything.
    public func removeAll() {
        guard slotEnd > 0 else { return }
        count = 0
        slotEnd = 0
        free.removeAll()
        awaiting.removeAll()
        unsafe index.update(repeating: Self.noEntry, count: 1 << indexBits)
    }

    /// Calls `body` with each live slot, ascending.
    public func forEachLive(_ body: (Int32) -> Void) {
        for slot in 0..<slotEnd where unsafe states[slot] != .free { body(Int32(slot)) }
    }

    /// Rewrites the word at `position` of every key; the keys must stay distinct.
    func mapWords(at position: Int, _ transform: (_ slot: Int32, UInt64) -> UInt64) {
        forEachLive { slot in
            let word = unsafe words + Int(slot) * width + position
            unsafe word.pointee = unsafe transform(slot, word.pointee)
        }
        forgetIndex()
    }

    // No slot is this large.
    private static let noEntry = UInt64.max

    private static func emptyIndex(bits: Int) -> UnsafeMutablePointer<UInt64> {
        let index = UnsafeMutablePointer<UInt64>.allocate(capacity: 1 << bits)
        unsafe index.initialize(repeating: noEntry, count: 1 << bits)
        return unsafe index
    }

    @inline(__always)
    private func entry(_ slot: Int32, hash: UInt64) -> UInt64 {
        hash & 0xffff_ffff_0000_0000 | UInt64(UInt32(bitPattern: slot))
    }

    /// Where the search for an entry, or for a hash, begins.
    @inline(__always)
    private func home(_ entry: UInt64) -> Int { Int(entry >> UInt64(64 - indexBits)) }

    private func find(_ key: UnsafePointer<UInt64>, hash: UInt64) -> Int32 {
        if !awaiting.isEmpty { indexAwaiting() }
        // Safe: places are below the index's size, and an index has free places.
        let index = unsafe self.index
        let mask = 1 << indexBits - 1
        var place = home(hash)
        while true {
            let entry = unsafe index[place]
            if entry == Self.noEntry { return -1 }
            if (entry ^ hash) >> 32 == 0 {
                let slot = Int32(truncatingIfNeeded: entry)
                if unsafe equals(slot, key) { return slot }
            }
            place = (place + 1) & mask
        }
    }

    private func equals(_ slot: Int32, _ key: UnsafePointer<UInt64>) -> Bool {
        let known = unsafe words + Int(slot) * width
        for word in 0..<width where unsafe known[word] != key[word] { return false }
        return true
    }

    private func insert(_ key: UnsafePointer<UInt64>, hash: UInt64) -> Int32 {
        let slot = unsafe takeSlot(key)
        if count * 2 > 1 << indexBits {
            leaveUnindexed(slot)
            indexAwaiting()
        } else {
            unsafe states[Int(slot)] = .indexed
            addToIndex(entry(slot, hash: hash))
        }
        return slot
    }

    /// A slot for a key, which is not in the index yet.
    private func takeSlot(_ key: UnsafePointer<UInt64>) -> Int32 {
        let slot: Int32
        if let reused = free.popLast() {
            slot = reused
        } else {
            if slotEnd == capacity { growSlots() }
            slot = Int32(slotEnd)
            slotEnd += 1
        }
        let place = unsafe words + Int(slot) * width
        for word in 0..<width { unsafe place[word] = key[word] }
        count += 1
        return slot
    }

    private func leaveUnindexed(_ slot: Int32) {
        unsafe states[Int(slot)] = .awaiting
        awaiting.append(slot)
        boundAwaiting()
    }

    /// Slots that come and go without a search in between leave themselves behind.
    private func boundAwaiting() {
        if awaiting.count > 2 * capacity { awaiting = awaitingSlots() }
    }

    private func awaitingSlots() -> [Int32] {
        (0..<Int32(slotEnd)).filter { unsafe states[Int($0)] == .awaiting }
    }

    /// Puts the slots that await it into the index, which grows as needed.
    private func indexAwaiting() {
        if count * 2 > 1 << indexBits {
            unsafe index.deallocate()
            while count * 2 > 1 << indexBits { indexBits += 1 }
            unsafe index = Self.emptyIndex(bits: indexBits)
            awaitEverything()
        }
        for slot in awaiting where unsafe states[Int(slot)] == .awaiting {
            unsafe states[Int(slot)] = .indexed
            unsafe addToIndex(entry(slot, hash: hash(words + Int(slot) * width)))
        }
        awaiting.removeAll(keepingCapacity: true)
    }

    /// Empties the index.
    private func forgetIndex() {
        unsafe index.update(repeating: Self.noEntry, count: 1 << indexBits)
        awaitEverything()
    }

    /// Lets all live slots await a place in an index that is empty.
    private func awaitEverything() {
        for slot in 0..<slotEnd where unsafe states[slot] == .indexed {
            unsafe states[slot] = .awaiting
        }
        awaiting = awaitingSlots()
    }

    private func addToIndex(_ entry: UInt64) {
        let mask = 1 << indexBits - 1
        var place = home(entry)
        while unsafe index[place] != Self.noEntry { place = (place + 1) & mask }
        unsafe index[place] = entry
    }

    private func removeFromIndex(_ slot: Int32) {
        let mask = 1 << indexBits - 1
        let gone = unsafe entry(slot, hash: hash(words + Int(slot) * width))
        var hole = home(gone)
        while unsafe index[hole] != gone { hole = (hole + 1) & mask }
        // Entries after the hole that probed past it move back (Knuth vol. 3, 6.4, algorithm R).
        var next = (hole + 1) & mask
        while unsafe index[next] != Self.noEntry {
            let home = unsafe home(index[next])
            if (next - home) & mask >= (next - hole) & mask {
                unsafe index[hole] = index[next]
                hole = next
            }
            next = (next + 1) & mask
        }
        unsafe index[hole] = Self.noEntry
    }

    private func growSlots() {
        let larger = capacity * 2
        precondition(larger <= Int(Int32.max), "more than 2^31 groups in a state")
        unsafe words = regrown(words, count: capacity * width, capacity: larger * width)
        unsafe states = regrown(states, count: capacity, capacity: larger)
        capacity = larger
    }

    /// Multiplies and folds 128 bits a word, so that every bit of the key reaches every bit.
    private func hash(_ key: UnsafePointer<UInt64>) -> UInt64 {
        var state: UInt64 = 0x9e37_79b9_7f4a_7c15
        for word in 0..<width {
            let mixed = unsafe state ^ key[word]
            let product = mixed.multipliedFullWidth(by: 0xd6e8_feb8_6659_fd93)
            state = product.high ^ product.low ^ 0xa076_1d64_78bd_642f
        }
        return state ^ (state >> 29)
    }
}

/// Memory of `capacity` values that starts with the `count` values of `old`, which is freed.
@unsafe
func regrown<T: BitwiseCopyable>(
    _ old: UnsafeMutablePointer<T>, count: Int, capacity: Int
) -> UnsafeMutablePointer<T> {
    let new = UnsafeMutablePointer<T>.allocate(capacity: capacity)
    unsafe new.update(from: old, count: count)
    unsafe old.deallocate()
    return unsafe new
}
