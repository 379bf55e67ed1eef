import CXXHash
import Glibc

/// Gives each distinct byte string a number, counting from 0 in order of first sight.
///
/// Invariants:
/// - entry `i` is `bytes[ends[i] ..< ends[i + 1]]`; entries are distinct.
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
    private var endsCapacity = 64
    private var slots: UnsafeMutablePointer<UInt64>
    private var slotBits = 6

    /// An empty interner.
    public init() {
        unsafe bytes = .allocate(capacity: bytesCapacity)
        unsafe ends = .allocate(capacity: endsCapacity + 1)
        unsafe ends[0] = 0
        unsafe slots = .allocate(capacity: 1 << slotBits)
        unsafe slots.initialize(repeating: Self.freeSlot, count: 1 << slotBits)
    }

    deinit {
        unsafe bytes.deallocate()
        unsafe ends.deallocate()
        unsafe slots.deallocate()
    }

    // No number is this large.
    private static let freeSlot = UInt64.max

    /// The bytes that the distinct strings take.
    public var byteCount: Int { unsafe ends[count] }

    /// The number of a string, new or known.
    ///
    /// Of text the caller has checked that it is valid UTF-8.
    public func intern(_ string: UnsafeRawBufferPointer) -> Int32 {
        unsafe intern(string, hash: shortHash(string))
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
        let count = dictionary.count
        unsafe withUnsafeTemporaryAllocation(of: UInt64.self, capacity: 2 * 256) { scratch in
            for first in stride(from: 0, to: count, by: 256) {
                let chunk = first..<min(first + 256, count)
                for (place, index) in chunk.enumerated() {
                    unsafe scratch[place] = shortHash(dictionary.unsafeBytes(at: index))
                }
                // Only looked at, so that the slots are in the cache when they are needed.
                var seen: UInt64 = 0
                for place in 0..<chunk.count { unsafe seen |= slots[home(scratch[place])] }
                unsafe scratch[256] = seen
                for (place, index) in chunk.enumerated() {
                    let string = unsafe dictionary.unsafeBytes(at: index)
                    unsafe numbers.append(base + intern(string, hash: scratch[place]))
                }
            }
        }
    }

    @inline(__always)
    private func intern(_ string: UnsafeRawBufferPointer, hash: UInt64) -> Int32 {
        let mask = 1 << slotBits - 1
        var place = home(hash)
        while true {
            let slot = unsafe slots[place]
            if slot == Self.freeSlot { break }
            if (slot ^ hash) >> 32 == 0 {
                let number = Int32(truncatingIfNeeded: slot)
                if unsafe equals(number, string) { return number }
            }
            place = (place + 1) & mask
        }
        return unsafe insert(string, hash: hash, at: place)
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
        let copy = unsafe Buffer(byteCount: byteCount) { memory in
            unsafe memory.copyMemory(
                from: UnsafeRawBufferPointer(start: bytes, count: byteCount))
        }
        // Safe: the offsets ascend; the strings came from valid columns.
        return unsafe StringDictionary(uncheckedOffsets: offsets, bytes: copy, count: count)
    }

    private func range(_ number: Int32) -> Range<Int> {
        precondition(number >= 0 && number < count, "no such string")
        // Safe: `ends` has one value more than there are entries.
        return unsafe ends[Int(number)]..<ends[Int(number) + 1]
    }

    @inline(__always)
    private func equals(_ number: Int32, _ string: UnsafeRawBufferPointer) -> Bool {
        // Safe: a slot's number is an entry's; both strings are as long as is compared.
        let start = unsafe ends[Int(number)]
        guard unsafe ends[Int(number) + 1] - start == string.count else { return false }
        guard let other = string.baseAddress else { return true }
        let known = unsafe UnsafeRawPointer(bytes + start)
        // Symbols are mostly this long, and two loads are less than a call.
        if string.count >= 8 && string.count <= 16 {
            return unsafe haveSameEnds(known, other, count: string.count, UInt64.self)
        }
        if string.count >= 4 && string.count < 8 {
            return unsafe haveSameEnds(known, other, count: string.count, UInt32.self)
        }
        return unsafe memcmp(known, other, string.count) == 0
    }

    private func insert(_ string: UnsafeRawBufferPointer, hash: UInt64, at place: Int) -> Int32 {
        precondition(count < Int(Int32.max), "more than 2^31 distinct strings")
        let number = Int32(count)
        let start = byteCount
        reserve(string.count)
        if let source = string.baseAddress {
            unsafe UnsafeMutableRawPointer(bytes + start).copyMemory(
                from: source, byteCount: string.count)
        }
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
        if count == endsCapacity {
            endsCapacity *= 2
            let larger = UnsafeMutablePointer<Int>.allocate(capacity: endsCapacity + 1)
            unsafe larger.update(from: ends, count: count + 1)
            unsafe ends.deallocate()
            unsafe ends = larger
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

/// Whether the first and the last bytes are the same, as many as a word has, at most `count`.
@inline(__always)
private func haveSameEnds<Word: FixedWidthInteger & BitwiseCopyable>(
    _ left: UnsafeRawPointer, _ right: UnsafeRawPointer, count: Int, _ word: Word.Type
) -> Bool {
    let last = count - MemoryLayout<Word>.size
    return unsafe left.loadUnaligned(as: word) == right.loadUnaligned(as: word)
        && left.loadUnaligned(fromByteOffset: last, as: word)
            == right.loadUnaligned(fromByteOffset: last, as: word)
}

/// A hash for strings that are mostly a few bytes long: 16 bytes are two loads and a product.
@inline(__always)
private func shortHash(_ string: UnsafeRawBufferPointer) -> UInt64 {
    let count = string.count
    guard count <= 16, let start = string.baseAddress else {
        return unsafe hashBytes(string)
    }
    var low: UInt64 = 0
    var high: UInt64 = 0
    // Safe: each load lies within the string.
    if count >= 8 {
        unsafe low = start.loadUnaligned(as: UInt64.self)
        unsafe high = start.loadUnaligned(fromByteOffset: count - 8, as: UInt64.self)
    } else if count >= 4 {
        unsafe low = UInt64(start.loadUnaligned(as: UInt32.self))
        unsafe high = UInt64(start.loadUnaligned(fromByteOffset: count - 4, as: UInt32.self))
    } else {
        for index in 0..<count { unsafe low = low << 8 | UInt64(string[index]) }
    }
    let first = low ^ 0xa076_1d64_78bd_642f ^ UInt64(count)
    let product = first.multipliedFullWidth(by: high ^ 0xe703_7ed1_a0b4_28db)
    let mixed = (product.high ^ product.low).multipliedFullWidth(by: 0x9e37_79b9_7f4a_7c15)
    return mixed.high ^ mixed.low
}

/// XXH3 (64 bits) of some bytes: the hash for tables in memory.
public func hashBytes(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
    unsafe XXH3_64bits(bytes.baseAddress, bytes.count)
}
