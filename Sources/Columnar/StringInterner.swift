import CXXHash

/// Gives each distinct byte string a number, counting from 0 in order of first sight.
///
/// Not thread-safe: it belongs to one builder or one state table.
/// - Complexity: one hash and, on average, one comparison a lookup.
public final class StringInterner {
    // The entries' bytes end to end, and where each ends.
    private var bytes: [UInt8] = []
    private var offsets: [Int32] = [0]
    private var hashes: [UInt64] = []
    // Open addressing with linear probing; -1 is free. At most half full.
    private var slots: [Int32]

    /// An empty interner.
    public init() { slots = [Int32](repeating: -1, count: 64) }

    /// The number of distinct strings seen.
    public var count: Int { hashes.count }

    /// The bytes that the distinct strings take.
    public var byteCount: Int { bytes.count }

    /// The number of a string, new or known.
    public func intern(_ string: UnsafeRawBufferPointer) -> Int32 {
        let hash = unsafe hashBytes(string)
        var slot = Int(truncatingIfNeeded: hash) & (slots.count - 1)
        while slots[slot] >= 0 {
            let candidate = Int(slots[slot])
            if hashes[candidate] == hash, unsafe equals(candidate, string) {
                return slots[slot]
            }
            slot = (slot + 1) & (slots.count - 1)
        }
        return unsafe insert(string, hash: hash, at: slot)
    }

    /// The number of a string.
    public func intern(_ string: String) -> Int32 {
        var copy = string
        return copy.withUTF8 { unsafe intern(UnsafeRawBufferPointer($0)) }
    }

    /// The strings seen so far, each at its number: a copy.
    public func dictionary() -> StringDictionary {
        // Safe: the offsets were built ascending; the strings came from valid columns.
        unsafe StringDictionary(
            uncheckedOffsets: Buffer(copying: offsets), bytes: Buffer(copying: bytes),
            count: count)
    }

    private func equals(_ index: Int, _ string: UnsafeRawBufferPointer) -> Bool {
        let start = Int(offsets[index])
        let length = Int(offsets[index + 1]) - start
        guard length == string.count else { return false }
        return unsafe bytes.withUnsafeBytes { known in
            unsafe UnsafeRawBufferPointer(rebasing: known[start..<(start + length)])
                .elementsEqual(string)
        }
    }

    private func insert(_ string: UnsafeRawBufferPointer, hash: UInt64, at slot: Int) -> Int32 {
        precondition(
            bytes.count + string.count <= Int(Int32.max), "more than 2 GiB of distinct strings")
        let number = Int32(hashes.count)
        unsafe bytes.append(contentsOf: string)
        offsets.append(Int32(bytes.count))
        hashes.append(hash)
        slots[slot] = number
        if hashes.count * 2 > slots.count { grow() }
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
