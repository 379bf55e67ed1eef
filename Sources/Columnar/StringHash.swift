import CXXHash

// The head of a string: its first seven bytes, low one first, zeros where it has fewer, and above
// them its length, where 8 stands for all that are longer. Strings of up to seven bytes, as symbols
// mostly are, are equal if their heads are; heads with their bytes swapped are in the order of the
// strings.

/// The head of a string.
@inline(__always)
func head(of string: UnsafeRawBufferPointer) -> UInt64 {
    let count = string.count
    guard count > 0, let start = string.baseAddress else { return 0 }
    // Safe: each load lies within the string.
    if count >= 8 {
        return unsafe UInt64(littleEndian: start.loadUnaligned(as: UInt64.self))
            & 0x00ff_ffff_ffff_ffff | 8 << 56
    }
    var bytes: UInt64 = 0
    if count >= 4 {
        let low = unsafe UInt32(littleEndian: start.loadUnaligned(as: UInt32.self))
        let high = unsafe UInt32(
            littleEndian: start.loadUnaligned(fromByteOffset: count - 4, as: UInt32.self))
        bytes = UInt64(low) | UInt64(high) << UInt64(8 * (count - 4))
    } else {
        for place in 0..<count { unsafe bytes |= UInt64(string[place]) << UInt64(8 * place) }
    }
    return bytes | UInt64(count) << 56
}

/// Whether a head has all of its string.
@inline(__always)
func isWhole(_ head: UInt64) -> Bool { head < 8 << 56 }

/// A hash for strings that are mostly a few bytes long: up to 16 bytes are two loads and a product.
@inline(__always)
func hash(of string: UnsafeRawBufferPointer, _ head: UInt64) -> UInt64 {
    var (low, high) = (head, UInt64(0))
    if !isWhole(head) {
        guard string.count <= 16, let start = string.baseAddress else {
            return unsafe hashBytes(string)
        }
        // Safe: both loads lie within the string.
        unsafe low = start.loadUnaligned(as: UInt64.self)
        unsafe high = start.loadUnaligned(fromByteOffset: string.count - 8, as: UInt64.self)
    }
    let first = low ^ 0xa076_1d64_78bd_642f ^ UInt64(string.count)
    let product = first.multipliedFullWidth(by: high ^ 0xe703_7ed1_a0b4_28db)
    let mixed = (product.high ^ product.low).multipliedFullWidth(by: 0x9e37_79b9_7f4a_7c15)
    return mixed.high ^ mixed.low
}

/// XXH3 (64 bits) of some bytes: the hash for tables in memory.
public func hashBytes(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
    unsafe XXH3_64bits(bytes.baseAddress, bytes.count)
}
