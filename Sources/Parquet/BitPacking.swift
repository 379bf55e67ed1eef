// Integers of `width` bits end to end, lowest bit first (the format's LSB bit packing).

/// Packs `count` values, each below 2^width, in ceil(count * width / 8) bytes; returns that.
@inline(__always)
func packBits<T: FixedWidthInteger & UnsignedInteger>(
    _ values: UnsafePointer<T>, count: Int, width: Int, into output: UnsafeMutableRawPointer
) -> Int {
    var pending: UInt64 = 0
    var pendingBits = 0
    var position = 0
    for index in 0..<count {
        // Safe: the caller gives `count` values and room for all their bits.
        let value = UInt64(truncatingIfNeeded: unsafe values[index])
        pending |= value &<< UInt64(pendingBits)
        pendingBits += width
        if pendingBits >= 64 {
            unsafe output.storeBytes(
                of: pending.littleEndian, toByteOffset: position, as: UInt64.self)
            position += 8
            pendingBits -= 64
            // A smart shift: by 64, when the value just ended with the word, gives zero.
            pending = value >> UInt64(width - pendingBits)
        }
    }
    while pendingBits > 0 {
        unsafe output.storeBytes(
            of: UInt8(truncatingIfNeeded: pending), toByteOffset: position, as: UInt8.self)
        position += 1
        pending >>= 8
        pendingBits -= 8
    }
    return position
}

/// Unpacks `count` values of `width` bits from bit `first` on, all of which `input` must hold.
@inline(__always)
func unpackBits<T: FixedWidthInteger & UnsignedInteger>(
    _ input: UnsafeRawBufferPointer, from first: Int = 0, width: Int, count: Int,
    into output: UnsafeMutablePointer<T>
) {
    precondition(
        width >= 0 && width <= 64 && first + count * width <= input.count * 8,
        "packed values reach past their bytes")
    guard width > 0 else {
        unsafe output.initialize(repeating: 0, count: count)
        return
    }
    let mask: UInt64 = width == 64 ? ~0 : (1 << UInt64(width)) - 1
    // Values whose eight bytes lie inside the input are read without looking at its end.
    let fastBits = (input.count - 8) * 8 - first
    let fastCount = width > 56 ? 0 : min(count, max(0, fastBits / width))
    var bit = first
    for index in 0..<fastCount {
        // Safe: bit / 8 + 8 <= input.count, by the choice of fastCount.
        let word = unsafe input.loadUnaligned(fromByteOffset: bit >> 3, as: UInt64.self)
        unsafe output[index] = T(
            truncatingIfNeeded: (UInt64(littleEndian: word) &>> UInt64(bit & 7)) & mask)
        bit += width
    }
    for index in fastCount..<count {
        unsafe output[index] = T(
            truncatingIfNeeded: assembleBits(input, at: bit, width: width) & mask)
        bit += width
    }
}

/// The bits from `bit` on, byte by byte; bits past `width` are arbitrary.
private func assembleBits(_ input: UnsafeRawBufferPointer, at bit: Int, width: Int) -> UInt64 {
    var result: UInt64 = 0
    var byte = bit >> 3
    var shift = -(bit & 7)
    while shift < width {
        // Safe: the bytes up to bit + width lie inside the input.
        let value = UInt64(unsafe input[byte])
        result |= shift >= 0 ? value << UInt64(shift) : value >> UInt64(-shift)
        byte += 1
        shift += 8
    }
    return result
}

/// The number of bits that values up to `value` take.
func bitWidth(of value: UInt64) -> Int { 64 - value.leadingZeroBitCount }
