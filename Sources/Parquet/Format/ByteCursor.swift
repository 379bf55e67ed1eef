import Columnar

/// A place in bytes from outside; every read is checked against their end.
struct ByteCursor {
    let buffer: Buffer
    /// Where the buffer begins in the file, for messages.
    let fileOffset: Int
    private(set) var position = 0

    init(_ buffer: Buffer, fileOffset: Int) {
        self.buffer = buffer
        self.fileOffset = fileOffset
    }

    var remaining: Int { buffer.count - position }

    func damaged(_ message: String) -> ParquetError {
        ParquetError(.damaged, message, offset: fileOffset + position)
    }

    mutating func readByte() throws(ParquetError) -> UInt8 {
        guard position < buffer.count else { throw damaged("the bytes end too early") }
        defer { position += 1 }
        // Safe: just checked.
        return unsafe buffer.unsafeBytes[position]
    }

    mutating func read(count: Int) throws(ParquetError) -> Buffer {
        guard count >= 0, count <= remaining else {
            throw damaged("\(count) bytes are announced, \(remaining) are left")
        }
        defer { position += count }
        return buffer.slice(position..<position + count)
    }

    mutating func readUInt32() throws(ParquetError) -> UInt32 {
        let bytes = try read(count: 4)
        // Safe: four bytes were just cut off.
        return unsafe UInt32(
            littleEndian: bytes.unsafeBytes.loadUnaligned(as: UInt32.self))
    }

    /// Calls `body` with the bytes of `count` values that have their length before them.
    @inline(__always)
    mutating func readSizedBytes(
        _ count: Int, _ body: (RawSpan) throws(ParquetError) -> Void
    ) throws(ParquetError) {
        let buffer = buffer
        let bytes = buffer.bytes
        for _ in 0..<count {
            guard bytes.byteCount - position >= 4 else {
                throw damaged("the bytes end too early")
            }
            // Safe: just checked.
            let size = Int(
                UInt32(
                    littleEndian: unsafe bytes.unsafeLoadUnaligned(
                        fromUncheckedByteOffset: position, as: UInt32.self)))
            guard size <= bytes.byteCount - position - 4 else {
                throw damaged(
                    "\(size) bytes are announced, \(bytes.byteCount - position - 4) are left")
            }
            try body(bytes.extracting(position + 4..<position + 4 + size))
            position += 4 + size
        }
    }

    /// An unsigned LEB128 number of at most 64 bits.
    mutating func readVarint() throws(ParquetError) -> UInt64 {
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while true {
            let byte = try readByte()
            guard shift < 63 || byte <= 1 else { throw damaged("a number has more than 64 bits") }
            value |= UInt64(byte & 0x7f) << shift
            if byte & 0x80 == 0 { return value }
            shift += 7
        }
    }

    mutating func readZigzag() throws(ParquetError) -> Int64 {
        let value = try readVarint()
        return Int64(bitPattern: value >> 1) ^ -Int64(bitPattern: value & 1)
    }

    /// A varint that is a size or a count.
    mutating func readCount() throws(ParquetError) -> Int {
        guard let count = Int(exactly: try readVarint()) else {
            throw damaged("a count is out of range")
        }
        return count
    }

    /// All bytes from here to the end.
    mutating func readRest() -> Buffer {
        defer { position = buffer.count }
        return buffer.slice(position..<buffer.count)
    }
}

/// Two's complement, high byte first; nil when there is none or it needs more than 128 bits.
func bigEndianInteger(_ bytes: RawSpan) -> Int128? {
    guard bytes.byteCount > 0 else { return nil }
    let isNegative = bytes[0] & 0x80 != 0
    let spare = max(0, bytes.byteCount - 16)
    for index in 0..<spare where bytes[index] != (isNegative ? 0xff : 0) { return nil }
    var value: Int128 = isNegative ? -1 : 0
    for index in spare..<bytes.byteCount { value = value << 8 | Int128(bytes[index]) }
    return (value < 0) == isNegative ? value : nil
}

extension RawSpan {
    /// The byte at an index, which is checked.
    subscript(_ index: Int) -> UInt8 {
        unsafe unsafeLoad(fromByteOffset: index, as: UInt8.self)
    }
}
