// BYTE_STREAM_SPLIT of eight-byte values: all first bytes, then all second bytes, ….

/// Splits `count` values of eight bytes into eight streams.
func splitBytes(_ input: UnsafeRawPointer, count: Int, into output: UnsafeMutableRawPointer) {
    var index = 0
    while index + 8 <= count {
        // Safe: eight whole values in, eight bytes at the same place of each stream out.
        var rows = unsafe input.loadUnaligned(fromByteOffset: index * 8, as: Block.self)
        transpose(&rows)
        for stream in 0..<8 {
            unsafe output.storeBytes(
                of: rows[stream], toByteOffset: stream * count + index, as: UInt64.self)
        }
        index += 8
    }
    for index in index..<count {
        for stream in 0..<8 {
            let byte = unsafe input.load(fromByteOffset: index * 8 + stream, as: UInt8.self)
            unsafe output.storeBytes(
                of: byte, toByteOffset: stream * count + index, as: UInt8.self)
        }
    }
}

/// Joins `count` bytes of each of eight streams, which begin `stride` bytes apart, into values.
func joinBytes(
    _ input: UnsafeRawPointer, stride: Int, count: Int, into output: UnsafeMutableRawPointer
) {
    var index = 0
    while index + 8 <= count {
        var rows = Block(repeating: 0)
        for stream in 0..<8 {
            // Safe: eight bytes of each stream in, eight whole values out.
            rows[stream] = unsafe input.loadUnaligned(
                fromByteOffset: stream * stride + index, as: UInt64.self)
        }
        transpose(&rows)
        unsafe output.storeBytes(of: rows, toByteOffset: index * 8, as: Block.self)
        index += 8
    }
    for index in index..<count {
        for stream in 0..<8 {
            let byte = unsafe input.load(fromByteOffset: stream * stride + index, as: UInt8.self)
            unsafe output.storeBytes(
                of: byte, toByteOffset: index * 8 + stream, as: UInt8.self)
        }
    }
}

private typealias Block = InlineArray<8, UInt64>

/// Transposes an 8×8 matrix of bytes in three rounds of swaps (Hacker's Delight, section 7-3).
@inline(__always)
private func transpose(_ rows: inout Block) {
    for (distance, shift, mask): (Int, UInt64, UInt64) in [
        (4, 32, 0x0000_0000_ffff_ffff), (2, 16, 0x0000_ffff_0000_ffff),
        (1, 8, 0x00ff_00ff_00ff_00ff),
    ] {
        for row in 0..<8 where row & distance == 0 {
            let swapped = ((rows[row] >> shift) ^ rows[row + distance]) & mask
            rows[row] ^= swapped << shift
            rows[row + distance] ^= swapped
        }
    }
}
