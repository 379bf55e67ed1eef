extension [UInt8] {
    /// Appends at most `byteCountMax` bytes: `write` gets that much zeroed memory and returns how
    /// much of it to keep.
    @inline(__always)
    mutating func append(
        upTo byteCountMax: Int, _ write: (UnsafeMutableRawPointer) -> Int
    ) {
        guard byteCountMax > 0 else { return }
        let start = count
        append(contentsOf: repeatElement(0, count: byteCountMax))
        let used = unsafe withUnsafeMutableBytes { bytes in
            // Safe: the array is not empty, so it has an address.
            unsafe bytes.baseAddress.map { unsafe write($0 + start) } ?? 0
        }
        precondition(used >= 0 && used <= byteCountMax, "an encoder wrote past its bound")
        removeLast(byteCountMax - used)
    }

    mutating func append(raw bytes: UnsafeRawBufferPointer) {
        unsafe append(contentsOf: bytes)
    }

    /// Appends an integer, low byte first.
    mutating func append<T: FixedWidthInteger>(littleEndian value: T) {
        unsafe Swift.withUnsafeBytes(of: value.littleEndian) { unsafe append(contentsOf: $0) }
    }

    /// Appends an unsigned LEB128 number.
    mutating func append(varint value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        append(UInt8(truncatingIfNeeded: rest))
    }

    /// Appends a signed number, zigzag-coded.
    mutating func append(zigzag value: Int64) {
        append(varint: UInt64(bitPattern: (value << 1) ^ (value >> 63)))
    }
}
