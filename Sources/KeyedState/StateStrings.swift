import Columnar
import Glibc

/// The strings that a query's state refers to, each at a number, counting from 0 in order of first
/// sight.
///
/// Unlike a column's interner it hands out the bytes of an entry without copying, and it can be
/// rebuilt from the strings still in use, so that keys that come and go leave nothing.
///
/// Invariants:
/// - `ends[i]` is where entry `i` ends in `bytes`; entries are distinct.
/// - `slots` is open addressing with linear probing, a power of two, at most half full; -1 is free.
///
/// Not thread-safe: it belongs to one state.
public final class StateStrings {
    private var bytes: [UInt8] = []
    private var ends: [Int] = []
    private var hashes: [UInt64] = []
    private var slots: [Int32]

    /// An empty set of strings.
    public init() { slots = [Int32](repeating: -1, count: 64) }

    /// How many distinct strings there are.
    public var count: Int { ends.count }

    /// The bytes that the strings take.
    public var byteCount: Int { bytes.count }

    /// The number of a string, new or known.
    ///
    /// The caller has checked that it is valid UTF-8.
    public func intern(_ string: UnsafeRawBufferPointer) -> Int32 {
        let hash = unsafe hashBytes(string)
        var slot = Int(truncatingIfNeeded: hash) & (slots.count - 1)
        while slots[slot] >= 0 {
            let known = slots[slot]
            if hashes[Int(known)] == hash, unsafe equals(Int(known), string) { return known }
            slot = (slot + 1) & (slots.count - 1)
        }
        precondition(ends.count < Int(Int32.max), "more than 2^31 distinct strings in a state")
        let number = Int32(ends.count)
        unsafe bytes.append(contentsOf: string)
        ends.append(bytes.count)
        hashes.append(hash)
        slots[slot] = number
        if ends.count * 2 > slots.count { grow() }
        return number
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

    /// A string column of the entries `numbers`; its dictionary holds each entry used once, in
    /// order of first use, so that it depends on the values alone.
    func column(_ numbers: [Int32], validity: Bitmap?) -> Column {
        var codes: [Int32: Int32] = [:]
        var entryBytes: [UInt8] = []
        var offsets: [Int32] = [0]
        let values = Buffer(of: Int32.self, count: numbers.count) { output in
            for (row, number) in numbers.enumerated() {
                if let validity, !validity[row] {
                    output.append(0)
                } else if let code = codes[number] {
                    output.append(code)
                } else {
                    let code = Int32(codes.count)
                    codes[number] = code
                    entryBytes.append(contentsOf: bytes[range(number)])
                    offsets.append(Int32(entryBytes.count))
                    output.append(code)
                }
            }
        }
        // The invariant of string columns: null rows have a code that means something.
        if codes.isEmpty { offsets.append(0) }
        // Safe: the entries came from valid columns, every code was given above.
        let dictionary = unsafe StringDictionary(
            uncheckedOffsets: Buffer(copying: offsets), bytes: Buffer(copying: entryBytes),
            count: offsets.count - 1)
        return unsafe Column(
            uncheckedCodes: values, dictionary: dictionary, count: numbers.count,
            validity: validity)
    }

    private func range(_ number: Int32) -> Range<Int> {
        let index = Int(number)
        return (index == 0 ? 0 : ends[index - 1])..<ends[index]
    }

    private func equals(_ index: Int, _ string: UnsafeRawBufferPointer) -> Bool {
        let range = range(Int32(index))
        guard range.count == string.count else { return false }
        return unsafe bytes.withUnsafeBytes { all in
            guard let known = all.baseAddress, let other = string.baseAddress else { return true }
            // Safe: the range lies in `bytes`, both are `range.count` long.
            return unsafe memcmp(known + range.lowerBound, other, range.count) == 0
        }
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
