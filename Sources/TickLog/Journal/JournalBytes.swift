import Columnar

// Numbers in a journal are varints: seven bits a byte, the least first, the uppermost bit set in
// all but the last. Signed ones are folded before (0, -1, 1, -2, … become 0, 1, 2, 3, …), so that
// small differences of either sign take one byte.

extension [UInt8] {
    mutating func append(varint value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        append(UInt8(truncatingIfNeeded: rest))
    }

    mutating func append(signedVarint value: Int64) {
        append(varint: UInt64(bitPattern: value << 1 ^ value >> 63))
    }
}

/// Reads the values of a frame in order; none lies beyond its end.
struct JournalCursor {
    private let source: Buffer
    private let end: Int
    private(set) var position: Int

    init(_ source: Buffer, _ range: Range<Int>) {
        precondition(
            range.lowerBound >= 0 && range.upperBound <= source.count, "a frame lies in its file")
        self.source = source
        position = range.lowerBound
        end = range.upperBound
    }

    var isAtEnd: Bool { position == end }

    mutating func byte() throws(SegmentFault) -> UInt8 {
        guard position < end else { throw endFault }
        // Safe: the end was checked to lie in the source.
        let byte = unsafe source.unsafeBytes[position]
        position += 1
        return byte
    }

    mutating func varint() throws(SegmentFault) -> UInt64 {
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while true {
            let byte = try byte()
            // The tenth byte has room for one bit.
            guard shift < 63 || byte <= 1 else {
                throw SegmentFault("a number of more than 64 bits", at: position)
            }
            value |= UInt64(byte & 0x7f) << shift
            if byte < 0x80 { return value }
            shift += 7
        }
    }

    mutating func signedVarint() throws(SegmentFault) -> Int64 {
        let folded = try varint()
        return Int64(bitPattern: folded >> 1) ^ -Int64(bitPattern: folded & 1)
    }

    /// A number that counts something in the frame.
    mutating func count(atMost limit: Int) throws(SegmentFault) -> Int {
        let value = try varint()
        guard value <= UInt64(limit) else {
            throw SegmentFault("a count of \(value) where at most \(limit) fit", at: position)
        }
        return Int(value)
    }

    /// The place of the next `count` bytes, which are passed over.
    mutating func bytes(_ count: Int) throws(SegmentFault) -> Range<Int> {
        guard count <= end - position else { throw endFault }
        let range = position..<position + count
        position = range.upperBound
        return range
    }

    /// A number of whole bytes, little endian.
    mutating func fixed<Number: FixedWidthInteger & BitwiseCopyable>(
        _ type: Number.Type
    ) throws(SegmentFault) -> Number {
        let range = try bytes(MemoryLayout<Number>.size)
        // Safe: the range lies in the source, any bits are a number.
        let value = unsafe source.unsafeBytes.loadUnaligned(
            fromByteOffset: range.lowerBound, as: Number.self)
        return Number(littleEndian: value)
    }

    /// How many bytes are left.
    var left: Int { end - position }

    private var endFault: SegmentFault {
        SegmentFault("the frame ends within a value", at: position)
    }
}
