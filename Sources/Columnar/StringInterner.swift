import CXXHash
import Glibc

/// Gives each distinct byte string a number, counting from 0 in order of first sight.
///
/// Invariants:
/// - `ends[i]` is where entry `i` ends in `bytes`; entries are distinct.
/// - `slots` is open addressing with linear probing, a power of two, at most half full; -1 is free.
///
/// Not thread-safe: it belongs to one builder or one state table.
/// - Complexity: one hash and, on average, one comparison a lookup.
public final class StringInterner {
    private var bytes: [UInt8] = []
    private var ends: [Int] = []
    private var hashes: [UInt64] = []
    private var slots: [Int32]

    /// An empty interner.
    public init() { slots = [Int32](repeating: -1, count: 64) }

    /// The number of distinct strings seen.
    public var count: Int { ends.count }

    /// The bytes that the distinct strings take.
    public var byteCount: Int { bytes.count }

    /// The number of a string, new or known.
    ///
    /// The caller has checked that it is valid UTF-8.
    public func intern(_ string: UnsafeRawBufferPointer) -> Int32 {
        let hash = unsafe hashBytes(string)
        var slot = Int(truncatingIfNeeded: hash) & (slots.count - 1)
        while slots[slot] >= 0 {
            let known = slots[slot]
            if hashes[Int(known)] == hash, unsafe equals(known, string) { return known }
            slot = (slot + 1) & (slots.count - 1)
        }
        return unsafe insert(string, hash: hash, at: slot)
    }

    /// The number of a string.
    public func intern(_ string: String) -> Int32 {
        var copy = string
        return copy.withUTF8 { unsafe intern(UnsafeRawBufferPointer($0)) }
    }

    /// The order of two entries by their bytes: negative, zero or positive.
    public func compare(_ left: Int32, _ right: Int32) -> Int {
        if left == right { return 0 }
        let a = range(left)
        let b = range(right)
        // Safe: both ranges lie in `bytes`.
        let order = unsafe bytes.withUnsafeBytes { all in
            guard let base = all.baseAddress else { return 0 }
            return unsafe Int(
                memcmp(base + a.lowerBound, base + b.lowerBound, min(a.count, b.count)))
        }
        return order != 0 ? order : a.count - b.count
    }

    /// Calls `body` with the bytes of an entry.
    public func withBytes<R>(_ number: Int32, _ body: (UnsafeRawBufferPointer) -> R) -> R {
        let range = range(number)
        return unsafe bytes.withUnsafeBytes { all in
            unsafe body(UnsafeRawBufferPointer(rebasing: all[range]))
        }
    }

    /// The strings seen so far, each at its number: a copy.
    ///
    /// They take at most 2 GiB.
    public func dictionary() -> StringDictionary {
        precondition(bytes.count <= Int(Int32.max), "more than 2 GiB of strings in a dictionary")
        let offsets = Buffer(of: Int32.self, count: ends.count + 1) { output in
            output.append(0)
            for end in ends { output.append(Int32(end)) }
        }
        // Safe: the offsets ascend; the strings came from valid columns.
        return unsafe StringDictionary(
            uncheckedOffsets: offsets, bytes: Buffer(copying: bytes), count: count)
    }

    private func range(_ number: Int32) -> Range<Int> {
        let index = Int(number)
        return (index == 0 ? 0 : ends[index - 1])..<ends[index]
    }

    private func equals(_ number: Int32, _ string: UnsafeRawBufferPointer) -> Bool {
        let range = range(number)
        guard range.count == string.count else { return false }
        return unsafe bytes.withUnsafeBytes { all in
            guard let known = all.baseAddress, let other = string.baseAddress else { return true }
            // Safe: the range lies in `bytes`, both are `range.count` long.
            return unsafe memcmp(known + range.lowerBound, other, range.count) == 0
        }
    }

    private func insert(_ string: UnsafeRawBufferPointer, hash: UInt64, at slot: Int) -> Int32 {
        precondition(ends.count < Int(Int32.max), "more than 2^31 distinct strings")
        let number = Int32(ends.count)
        unsafe bytes.append(contentsOf: string)
        ends.append(bytes.count)
        hashes.append(hash)
        slots[slot] = number
        if ends.count * 2 > slots.count { grow() }
        return number
    }

    private func grow() {
        var larger = [Int32](repeating: -1, count: slots.count * 2)
        for (number, hash) in hashes.enumerated() {
            var slot = Int(truncatingIfNeeded: hash) & (larger.count - 1)
            while larger[slot] >= 0 { slot = (slot + 1) & (larger.count - 1) }
            larger[slot] = Int32(number)
        }
        slots = larger
    }
}

/// XXH3 (64 bits) of some bytes: the hash for tables in memory.
public func hashBytes(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
    unsafe XXH3_64bits(bytes.baseAddress, bytes.count)
}
