// DELTA_BINARY_PACKED: varints for block size, miniblocks a block and number of values, the
// first value (zigzag); then blocks: the smallest difference (zigzag), one byte a miniblock with
// its bit width, and the differences less the smallest, bit-packed. Differences wrap around.

let deltaBlockSize = 128
let deltaMiniblocks = 4

/// Appends values as differences.
@inline(__always)
func encodeDelta<T: FixedWidthInteger & SignedInteger>(
    _ values: UnsafeBufferPointer<T>, into out: inout [UInt8]
) where T.Magnitude: FixedWidthInteger {
    out.append(varint: UInt64(deltaBlockSize))
    out.append(varint: UInt64(deltaMiniblocks))
    out.append(varint: UInt64(values.count))
    let first = unsafe values.first ?? 0
    out.append(zigzag: Int64(first))
    guard values.count > 1 else { return }
    let blocks = (values.count - 1 + deltaBlockSize - 1) / deltaBlockSize
    // A block: at most 10 bytes of varint, the widths and full-width differences.
    let blockBytesMax = 10 + deltaMiniblocks + deltaBlockSize * MemoryLayout<T>.size
    unsafe out.append(upTo: blocks * blockBytesMax) { output in
        unsafe encodeDeltaBlocks(values, into: output)
    }
}

@inline(__always)
private func encodeDeltaBlocks<T: FixedWidthInteger & SignedInteger>(
    _ values: UnsafeBufferPointer<T>, into output: UnsafeMutableRawPointer
) -> Int {
    unsafe withUnsafeTemporaryAllocation(of: UInt64.self, capacity: deltaBlockSize) { deltas in
        guard let base = deltas.baseAddress else { return 0 }
        var position = 0
        var start = 1
        while start < values.count {
            let count = min(deltaBlockSize, values.count - start)
            // Safe: start - 1 + count stays below values.count; deltas holds a block.
            unsafe base.initialize(repeating: 0, count: deltaBlockSize)
            var smallest = T.max
            for index in 0..<count {
                let delta = unsafe values[start + index] &- values[start + index - 1]
                smallest = min(smallest, delta)
                unsafe base[index] = UInt64(truncatingIfNeeded: delta)
            }
            let mask: UInt64 = T.bitWidth == 64 ? ~0 : (1 << UInt64(T.bitWidth & 63)) - 1
            let offset = UInt64(truncatingIfNeeded: smallest)
            for index in 0..<count { unsafe base[index] = (base[index] &- offset) & mask }
            position += unsafe storeZigzag(Int64(smallest), at: output + position)
            position += unsafe storeMiniblocks(base, count: count, at: output + position)
            start += count
        }
        return position
    }
}

private func storeZigzag(_ value: Int64, at output: UnsafeMutableRawPointer) -> Int {
    var rest = UInt64(bitPattern: (value << 1) ^ (value >> 63))
    var position = 0
    while true {
        let byte = UInt8(truncatingIfNeeded: rest & 0x7f)
        rest >>= 7
        unsafe output.storeBytes(
            of: rest == 0 ? byte : byte | 0x80, toByteOffset: position, as: UInt8.self)
        position += 1
        if rest == 0 { return position }
    }
}

/// The widths and the packed differences of one block; miniblocks without values have no bytes.
@inline(__always)
private func storeMiniblocks(
    _ deltas: UnsafePointer<UInt64>, count: Int, at output: UnsafeMutableRawPointer
) -> Int {
    let size = deltaBlockSize / deltaMiniblocks
    var position = deltaMiniblocks
    for miniblock in 0..<deltaMiniblocks {
        guard miniblock * size < count else {
            unsafe output.storeBytes(of: 0, toByteOffset: miniblock, as: UInt8.self)
            continue
        }
        let start = unsafe deltas + miniblock * size
        var all: UInt64 = 0
        for index in 0..<size { all |= unsafe start[index] }
        let width = bitWidth(of: all)
        unsafe output.storeBytes(of: UInt8(width), toByteOffset: miniblock, as: UInt8.self)
        position += unsafe packBits(start, count: size, width: width, into: output + position)
    }
    return position
}
