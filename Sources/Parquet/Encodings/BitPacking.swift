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
    let eights = first & 7 == 0 ? unsafe unpackEights(input, first >> 3, width, count, output) : 0
    let mask: UInt64 = width == 64 ? ~0 : (1 << UInt64(width)) - 1
    // Values whose eight bytes lie inside the input are read without looking at its end.
    let fastBits = (input.count - 8) * 8 - first
    let fastCount = width > 56 ? 0 : min(count, max(0, fastBits / width))
    var bit = first + eights * width
    for index in eights..<max(eights, fastCount) {
        // Safe: bit / 8 + 8 <= input.count, by the choice of fastCount.
        let word = unsafe input.loadUnaligned(fromByteOffset: bit >> 3, as: UInt64.self)
        unsafe output[index] = T(
            truncatingIfNeeded: (UInt64(littleEndian: word) &>> UInt64(bit & 7)) & mask)
        bit += width
    }
    for index in max(eights, fastCount)..<count {
        unsafe output[index] = T(
            truncatingIfNeeded: assembleBits(input, at: bit, width: width) & mask)
        bit += width
    }
}

/// Unpacks values of few bits, eight at a time, that begin with a byte; returns how many.
///
/// For each width there is code of its own, in which all shifts are constants.
@inline(__always)
private func unpackEights<T: FixedWidthInteger & UnsignedInteger>(
    _ input: UnsafeRawBufferPointer, _ start: Int, _ width: Int, _ count: Int,
    _ output: UnsafeMutablePointer<T>
) -> Int {
    guard width <= 16, let base = input.baseAddress else { return 0 }
    // Eight values lie in two words, of which the second begins within the eight's bytes.
    let spare = input.count - start - 16
    guard spare >= 0 else { return 0 }
    let eights = min(count / 8, spare / width + 1)
    let bytes = unsafe base + start
    switch width {
    case 1: unsafe unpackEights(bytes, eights, 1, output)
    case 2: unsafe unpackEights(bytes, eights, 2, output)
    case 3: unsafe unpackEights(bytes, eights, 3, output)
    case 4: unsafe unpackEights(bytes, eights, 4, output)
    case 5: unsafe unpackEights(bytes, eights, 5, output)
    case 6: unsafe unpackEights(bytes, eights, 6, output)
    case 7: unsafe unpackEights(bytes, eights, 7, output)
    case 8: unsafe unpackEights(bytes, eights, 8, output)
    case 9: unsafe unpackEights(bytes, eights, 9, output)
    case 10: unsafe unpackEights(bytes, eights, 10, output)
    case 11: unsafe unpackEights(bytes, eights, 11, output)
    case 12: unsafe unpackEights(bytes, eights, 12, output)
    case 13: unsafe unpackEights(bytes, eights, 13, output)
    case 14: unsafe unpackEights(bytes, eights, 14, output)
    case 15: unsafe unpackEights(bytes, eights, 15, output)
    default: unsafe unpackEights(bytes, eights, 16, output)
    }
    return eights * 8
}

@inline(__always)
private func unpackEights<T: FixedWidthInteger & UnsignedInteger>(
    _ input: UnsafeRawPointer, _ eights: Int, _ width: Int, _ output: UnsafeMutablePointer<T>
) {
    let mask: UInt64 = (1 << UInt64(width)) - 1
    let half = 4 * width
    for eight in 0..<eights {
        // Safe: the caller saw to it that sixteen bytes can be read from each eight on.
        let from = unsafe input + eight * width
        let to = unsafe output + eight * 8
        let low = UInt64(littleEndian: unsafe from.loadUnaligned(as: UInt64.self))
        let high =
            UInt64(littleEndian: unsafe (from + half / 8).loadUnaligned(as: UInt64.self))
            >> UInt64(half % 8)
        unsafe to[0] = T(truncatingIfNeeded: low & mask)
        unsafe to[1] = T(truncatingIfNeeded: low >> UInt64(width) & mask)
        unsafe to[2] = T(truncatingIfNeeded: low >> UInt64(2 * width) & mask)
        unsafe to[3] = T(truncatingIfNeeded: low >> UInt64(3 * width) & mask)
        unsafe to[4] = T(truncatingIfNeeded: high & mask)
        unsafe to[5] = T(truncatingIfNeeded: high >> UInt64(width) & mask)
        unsafe to[6] = T(truncatingIfNeeded: high >> UInt64(2 * width) & mask)
        unsafe to[7] = T(truncatingIfNeeded: high >> UInt64(3 * width) & mask)
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
