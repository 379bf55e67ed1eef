/// A sequence of bits, least significant bit of each byte first, as Arrow's validity bitmaps and
/// boolean columns.
///
/// Immutable; a slice shares the bytes and starts at any bit.
public struct Bitmap: Sendable {
    @usableFromInline let buffer: Buffer
    @usableFromInline let bitOffset: Int
    /// The number of bits.
    public let count: Int

    /// The bits `bitOffset ..< bitOffset + count` of a buffer, which must be that long.
    @inlinable
    public init(_ buffer: Buffer, bitOffset: Int = 0, count: Int) {
        precondition(
            bitOffset >= 0 && count >= 0 && bitOffset + count <= buffer.count * 8,
            "a bitmap's buffer must hold all its bits")
        self.buffer = buffer
        self.bitOffset = bitOffset
        self.count = count
    }

    /// `count` equal bits.
    public init(repeating bit: Bool, count: Int) {
        self.init(wordsFor: count) { _ in bit ? ~0 : 0 }
    }

    /// Bits computed 64 at a time: `word(i)` gives bits `64 * i ..< 64 * i + 64`; those past
    /// `count` are cleared.
    @inlinable
    public init<E: Error>(
        wordsFor count: Int, _ word: (_ index: Int) throws(E) -> UInt64
    ) throws(E) {
        let wordCount = (count + 63) / 64
        let buffer = try Buffer(of: UInt64.self, count: wordCount) { output throws(E) in
            for index in 0..<wordCount {
                let bits = try word(index)
                let used = count - index * 64
                output.append((used >= 64 ? bits : bits & ((1 << UInt64(used)) - 1)).littleEndian)
            }
        }
        self.init(buffer, count: count)
    }

    /// Bits computed one by one.
    @inlinable
    public init(bitsFor count: Int, _ bit: (_ index: Int) -> Bool) {
        self.init(wordsFor: count) { index in
            var word: UInt64 = 0
            for place in index * 64..<min(count, index * 64 + 64) {
                word |= (bit(place) ? 1 : 0) &<< UInt64(place & 63)
            }
            return word
        }
    }

    /// The bits of an array.
    public init(_ bits: [Bool]) { self.init(bitsFor: bits.count) { bits[$0] } }

    /// The bit at an index.
    @inlinable
    public subscript(_ index: Int) -> Bool {
        precondition(index >= 0 && index < count, "bit index out of range")
        let bit = bitOffset + index
        // Safe: the initializer checked that all bits lie inside the buffer.
        return unsafe buffer.unsafeBytes[bit >> 3] & (1 << UInt8(bit & 7)) != 0
    }

    /// The 64 bits `64 * index ..< 64 * index + 64`; those past `count` are zero.
    @inlinable
    public func word(_ index: Int) -> UInt64 {
        let first = bitOffset + index * 64
        let used = count - index * 64
        precondition(index >= 0 && used > 0, "word index out of range")
        let byte = first >> 3
        let shift = UInt64(first & 7)
        let bytes = unsafe buffer.unsafeBytes
        var result: UInt64
        if byte + 9 <= bytes.count {
            result = unsafe bytes.loadUnaligned(fromByteOffset: byte, as: UInt64.self)
            if shift != 0 {
                result = unsafe result >> shift | UInt64(bytes[byte + 8]) << (64 - shift)
            }
        } else {
            result = unsafe Self.assembledWord(bytes, from: byte, shift: shift)
        }
        return used >= 64 ? result : result & ((1 << UInt64(used)) - 1)
    }

    @usableFromInline
    static func assembledWord(
        _ bytes: UnsafeRawBufferPointer, from byte: Int, shift: UInt64
    ) -> UInt64 {
        var result: UInt64 = 0
        for (place, index) in (byte..<min(byte + 9, bytes.count)).enumerated() {
            let value = unsafe UInt64(bytes[index])
            let up = Int(place * 8) - Int(shift)
            if up >= 64 { continue }
            result |= up >= 0 ? value << UInt64(up) : value >> UInt64(-up)
        }
        return result
    }

    /// The number of 64-bit words that `word(_:)` gives.
    @inlinable
    public var wordCount: Int { (count + 63) / 64 }

    /// The number of set bits.
    public var setBitCount: Int {
        var total = 0
        for index in 0..<wordCount { total += word(index).nonzeroBitCount }
        return total
    }

    /// The bits `range`, sharing the bytes.
    @inlinable
    public func slice(_ range: Range<Int>) -> Bitmap {
        precondition(range.lowerBound >= 0 && range.upperBound <= count, "slice past the bitmap")
        return Bitmap(buffer, bitOffset: bitOffset + range.lowerBound, count: range.count)
    }

    /// Bitwise and of two bitmaps of equal length.
    public static func & (left: Bitmap, right: Bitmap) -> Bitmap {
        precondition(left.count == right.count, "bitmaps of different lengths")
        return Bitmap(wordsFor: left.count) { left.word($0) & right.word($0) }
    }

    /// Bitwise or of two bitmaps of equal length.
    public static func | (left: Bitmap, right: Bitmap) -> Bitmap {
        precondition(left.count == right.count, "bitmaps of different lengths")
        return Bitmap(wordsFor: left.count) { left.word($0) | right.word($0) }
    }

    /// The complement.
    public static prefix func ~ (bits: Bitmap) -> Bitmap {
        Bitmap(wordsFor: bits.count) { ~bits.word($0) }
    }

    /// The indices of the set bits, ascending: a selection vector.
    public func setBitIndices() -> [Int32] {
        // Safe: exactly `setBitCount` elements are written, one for each set bit.
        unsafe [Int32](unsafeUninitializedCapacity: setBitCount) { output, initialized in
            guard let start = output.baseAddress else { return }
            var next = unsafe start
            for index in 0..<wordCount {
                let bits = word(index)
                let first = Int32(truncatingIfNeeded: index * 64)
                if bits == ~0 {
                    // Runs of rows that all pass are common, and this loop is vectorised.
                    for bit in 0..<64 { unsafe next[bit] = first &+ Int32(truncatingIfNeeded: bit) }
                    unsafe next += 64
                } else {
                    unsafe next = Self.appendIndices(of: bits, from: first, to: next)
                }
            }
            initialized = unsafe next - start
        }
    }

    @inline(__always)
    private static func appendIndices(
        of word: UInt64, from first: Int32, to output: UnsafeMutablePointer<Int32>
    ) -> UnsafeMutablePointer<Int32> {
        var bits = word
        var next = unsafe output
        while bits != 0 {
            unsafe next.pointee = first &+ Int32(truncatingIfNeeded: bits.trailingZeroBitCount)
            unsafe next += 1
            bits &= bits &- 1
        }
        return unsafe next
    }

    /// The bits packed from bit 0 in whole bytes, with zeros after the last: what files hold.
    public func packed() -> Buffer {
        if bitOffset == 0 && count % 8 == 0 { return buffer.slice(0..<count / 8) }
        let copy = Bitmap(wordsFor: count) { word($0) }
        return copy.buffer.slice(0..<(count + 7) / 8)
    }
}

/// The rows that are valid in both, where `nil` means that every row is.
@inlinable
public func validity(_ left: Bitmap?, and right: Bitmap?) -> Bitmap? {
    guard let left else { return right }
    guard let right else { return left }
    return left & right
}
