import Glibc

/// Gives each distinct byte string a number, counting from 0 in order of first sight.
///
/// Invariants:
/// - entry `i` is `bytes[ends[i] ..< ends[i + 1]]`; entries are distinct.
/// - `heads[i]` is its head: what most searches compare, and all of an entry of up to 7 bytes.
/// - `slots` is open addressing with linear probing, a power of two, at most half full. A slot has
///   the upper half of the entry's hash above and its number below, so that most searches compare
///   one string; its home is the hash's uppermost bits.
///
/// Not thread-safe: it belongs to one builder or one state table.
/// - Complexity: one hash and, on average, one comparison a lookup.
@safe public final class StringInterner {
    /// The number of distinct strings seen.
    public private(set) var count = 0

    // Safe to keep: allocated by this object, freed in `deinit`, never handed out beyond a call.
    private var bytes: UnsafeMutablePointer<UInt8>
    private var bytesCapacity = 1_024
    private var ends: UnsafeMutablePointer<Int>
    private var heads: UnsafeMutablePointer<UInt64>
    /// Entries that there is room for.
    private var capacity = 64
    private var slots: UnsafeMutablePointer<UInt64>
    private var slotBits = 6

    /// An empty interner.
    public init() {
        unsafe bytes = .allocate(capacity: bytesCapacity)
        unsafe ends = .allocate(capacity: capacity + 1)
        unsafe ends[0] = 0
        unsafe heads = .allocate(capacity: capacity)
        unsafe slots = .allocate(capacity: 1 << slotBits)
        unsafe slots.initialize(repeating: Self.freeSlot, count: 1 << slotBits)
    }

    deinit {
        unsafe bytes.deallocate()
        unsafe ends.deallocate()
        unsafe heads.deallocate()
        unsafe slots.deallocate()
    }

    // No number is this large.
    private static let freeSlot = UInt64.max

    /// The bytes that the distinct strings take.
    public var byteCount: Int { unsafe ends[count] }

    /// Bytes that everything takes in memory, about.
    public var memoryBytes: Int {
        // Besides its own bytes an entry has an end, a head, and two to four slots.
        byteCount + 40 * count
    }

    /// The number of a string, new or known.
    ///
    /// Of text the caller has checked that it is valid UTF-8.
    public func intern(_ string: UnsafeRawBufferPointer) -> Int32 {
        let head = unsafe head(of: string)
        return unsafe intern(string, head, hash: hash(of: string, head))
    }

    /// The number of a string.
    public func intern(_ string: String) -> Int32 {
        var copy = string
        return copy.withUTF8 { unsafe intern(UnsafeRawBufferPointer($0)) }
    }

    /// Appends the number of each entry of a dictionary, plus `base`, in the entries' order.
    ///
    /// Faster than one by one: no lookup waits for the memory that the one before reads.
    public func intern(_ dictionary: StringDictionary, base: Int32, into numbers: inout [Int32]) {
        unsafe withUnsafeTemporaryAllocation(of: Lookup.self, capacity: 256) { lookups in
            for first in stride(from: 0, to: dictionary.count, by: lookups.count) {
                let count = min(lookups.count, dictionary.count - first)
                for place in 0..<count {
                    let string = unsafe dictionary.unsafeBytes(at: first + place)
                    let head = unsafe head(of: string)
                    unsafe lookups[place] = Lookup(head: head, hash: hash(of: string, head))
                }
                unsafe lookUp(UnsafeMutableBufferPointer(rebasing: lookups[..<count]))
                for place in 0..<count {
                    let lookup = unsafe lookups[place]
                    if lookup.number >= 0 {
                        numbers.append(base + lookup.number)
                    } else {
                        let string = unsafe dictionary.unsafeBytes(at: first + place)
                        let number = unsafe intern(string, lookup.head, hash: lookup.hash)
                        numbers.append(base + number)
                    }
                }
            }
        }
    }

    /// One of many searches that go side by side.
    private struct Lookup: BitwiseCopyable {
        let head: UInt64
        let hash: UInt64
        /// What the slot holds where the search begins.
        var slot: UInt64 = 0
        /// The number of the string where that was found at once.
        var number: Int32 = -1
    }

    /// Finds the strings that are known and short: most of them.
    ///
    /// Each loop reads memory at places that do not depend on what it reads, nor does a branch.
    private func lookUp(_ lookups: UnsafeMutableBufferPointer<Lookup>) {
        let mask = 1 << slotBits - 1
        for place in lookups.indices {
            unsafe lookups[place].slot = slots[home(lookups[place].hash)]
        }
        for index in lookups.indices {
            let lookup = unsafe lookups[index]
            var (place, slot) = (home(lookup.hash), lookup.slot)
            while slot != Self.freeSlot && (slot ^ lookup.hash) >> 32 != 0 {
                place = (place + 1) & mask
                unsafe slot = slots[place]
            }
            guard slot != Self.freeSlot, isWhole(lookup.head) else { continue }
            let number = Int32(truncatingIfNeeded: slot)
            // Safe: a slot's number is an entry's.
            let isFound = unsafe heads[Int(number)] == lookup.head
            unsafe lookups[index].number = isFound ? number : -1
        }
    }

    @inline(__always)
    private func intern(_ string: UnsafeRawBufferPointer, _ head: UInt64, hash: UInt64) -> Int32 {
        let mask = 1 << slotBits - 1
        var place = home(hash)
        while true {
            let slot = unsafe slots[place]
            if slot == Self.freeSlot { break }
            if (slot ^ hash) >> 32 == 0 {
                let number = Int32(truncatingIfNeeded: slot)
                if unsafe heads[Int(number)] == head && (isWhole(head) || equals(number, string)) {
                    return number
                }
            }
            place = (place + 1) & mask
        }
        return unsafe insert(string, head, hash: hash, at: place)
    }

    /// Where the search for a hash, or for what a slot holds, begins.
    @inline(__always)
    private func home(_ hash: UInt64) -> Int { Int(hash >> UInt64(64 - slotBits)) }

    /// The order of two entries by their bytes: negative, zero or positive.
    public func compare(_ left: Int32, _ right: Int32) -> Int {
        if left == right { return 0 }
        let a = range(left)
        let b = range(right)
        // Safe: both ranges lie in `bytes`.
        let order = unsafe Int(
            memcmp(bytes + a.lowerBound, bytes + b.lowerBound, min(a.count, b.count)))
        return order != 0 ? order : a.count - b.count
    }

    /// Calls `body` with the bytes of an entry, which are valid until the next string is added.
    public func withBytes<R>(_ number: Int32, _ body: (UnsafeRawBufferPointer) -> R) -> R {
        let range = range(number)
        return unsafe body(
            UnsafeRawBufferPointer(start: bytes + range.lowerBound, count: range.count))
    }

    /// The strings seen so far, each at its number: a copy.
    ///
    /// Whoever interns makes sure that they take at most `StringDictionary.byteCountMax` bytes.
    public func dictionary() -> StringDictionary {
        precondition(
            byteCount <= StringDictionary.byteCountMax, "more than 2 GiB of strings in a dictionary"
        )
        let offsets = Buffer(of: Int32.self, count: count + 1) { output in
            for entry in 0...count { unsafe output.append(Int32(ends[entry])) }
        }
        let copy = unsafe Buffer(copying: UnsafeRawBufferPointer(start: bytes, count: byteCount))
        // Safe: the offsets ascend; the strings came from valid columns.
        return unsafe StringDictionary(
            uncheckedOffsets: offsets, bytes: copy, count: count, areDistinct: true)
    }

    /// Some of the strings, each once, in this order: a copy; `nil` where they take more than
    /// `byteCountMax` bytes.
    public func dictionary(of numbers: [Int32], byteCountMax: Int) -> StringDictionary? {
        var total = 0
        let offsets = Buffer(of: Int32.self, count: numbers.count + 1) { output in
            output.append(0)
            for number in numbers {
                total += length(number)
                output.append(Int32(truncatingIfNeeded: total))
            }
        }
        guard total <= byteCountMax, total <= StringDictionary.byteCountMax else { return nil }
        // Short strings are written as a word, which may reach past their end.
        let copy = Buffer(of: UInt8.self, count: total + 8) { output in
            unsafe output.withUnsafeMutableBufferPointer { memory, initialized in
                guard let start = memory.baseAddress else { return }
                for number in numbers {
                    // Safe: there is room for all lengths and a word; those are as they were.
                    unsafe initialized += write(number, to: start + initialized)
                }
            }
        }
        // Safe: the offsets ascend; the strings came from valid columns.
        return unsafe StringDictionary(
            uncheckedOffsets: offsets, bytes: copy.slice(0..<total), count: numbers.count,
            areDistinct: true)
    }

    /// A number that orders entries as their bytes do; equal only for entries that are longer than
    /// 7 bytes and begin with the same 7.
    public func prefix(_ number: Int32) -> UInt64 {
        precondition(number >= 0 && number < count, "no such string")
        return unsafe heads[Int(number)].byteSwapped
    }

    @inline(__always)
    private func length(_ number: Int32) -> Int {
        precondition(number >= 0 && number < count, "no such string")
        // Safe: there is a head for each entry.
        let head = unsafe heads[Int(number)]
        return isWhole(head) ? Int(head >> 56) : range(number).count
    }

    /// Writes an entry, and zeros behind it up to eight bytes; returns its length.
    @inline(__always)
    private func write(_ number: Int32, to output: UnsafeMutablePointer<UInt8>) -> Int {
        let head = unsafe heads[Int(number)]
        guard isWhole(head) else {
            let range = range(number)
            unsafe output.update(from: bytes + range.lowerBound, count: range.count)
            return range.count
        }
        unsafe UnsafeMutableRawPointer(output).storeBytes(
            of: (head & 0x00ff_ffff_ffff_ffff).littleEndian, as: UInt64.self)
        return Int(head >> 56)
    }

    private func range(_ number: Int32) -> Range<Int> {
        precondition(number >= 0 && number < count, "no such string")
        // Safe: `ends` has one value more than there are entries.
        return unsafe ends[Int(number)]..<ends[Int(number) + 1]
    }

    private func equals(_ number: Int32, _ string: UnsafeRawBufferPointer) -> Bool {
        // Safe: a slot's number is an entry's; both strings are as long as is compared.
        let start = unsafe ends[Int(number)]
        guard unsafe ends[Int(number) + 1] - start == string.count else { return false }
        guard let other = string.baseAddress else { return true }
        return unsafe memcmp(bytes + start, other, string.count) == 0
    }

    private func insert(
        _ string: UnsafeRawBufferPointer, _ head: UInt64, hash: UInt64, at place: Int
    ) -> Int32 {
        precondition(count < Int(Int32.max), "more than 2^31 distinct strings")
        let number = Int32(count)
        let start = byteCount
        reserve(string.count)
        if let source = string.baseAddress {
            unsafe UnsafeMutableRawPointer(bytes + start).copyMemory(
                from: source, byteCount: string.count)
        }
        unsafe heads[count] = head
        count += 1
        unsafe ends[count] = start + string.count
        let bits = UInt64(UInt32(bitPattern: number))
        unsafe slots[place] = hash & 0xffff_ffff_0000_0000 | bits
        if count * 2 > 1 << slotBits { growSlots() }
        return number
    }

    /// Makes room for one more entry of some bytes.
    private func reserve(_ more: Int) {
        if byteCount + more > bytesCapacity {
            bytesCapacity = max(2 * bytesCapacity, byteCount + more)
            let larger = UnsafeMutablePointer<UInt8>.allocate(capacity: bytesCapacity)
            unsafe larger.update(from: bytes, count: byteCount)
            unsafe bytes.deallocate()
            unsafe bytes = larger
        }
        if count == capacity {
            capacity *= 2
            let largerEnds = UnsafeMutablePointer<Int>.allocate(capacity: capacity + 1)
            unsafe largerEnds.update(from: ends, count: count + 1)
            unsafe ends.deallocate()
            unsafe ends = largerEnds
            let largerHeads = UnsafeMutablePointer<UInt64>.allocate(capacity: capacity)
            unsafe largerHeads.update(from: heads, count: count)
            unsafe heads.deallocate()
            unsafe heads = largerHeads
        }
    }

    private func growSlots() {
        // The home of an entry in a larger table is told by bits that its slot keeps.
        let old = unsafe slots
        let oldCount = 1 << slotBits
        slotBits += 1
        unsafe slots = .allocate(capacity: 1 << slotBits)
        unsafe slots.initialize(repeating: Self.freeSlot, count: 1 << slotBits)
        let mask = 1 << slotBits - 1
        for index in 0..<oldCount where unsafe old[index] != Self.freeSlot {
            var place = unsafe home(old[index])
            while unsafe slots[place] != Self.freeSlot { place = (place + 1) & mask }
            unsafe slots[place] = old[index]
        }
        unsafe old.deallocate()
    }
}
