import Columnar

// The RLE / bit-packing hybrid: a sequence of runs. A run starts with a varint: even, its half is
// the number of repetitions of one value, which follows in ceil(width / 8) bytes; odd, its half
// is the number of groups of eight values, bit-packed.

/// Appends values below 2^width as runs.
func encodeRunLength(_ values: UnsafeBufferPointer<UInt32>, width: Int, into out: inout [UInt8]) {
    precondition((1...32).contains(width), "levels and codes have 1 to 32 bits")
    let valueBytes = (width + 7) / 8
    // Shorter runs cost more than they save: about three bytes for the run and the packed
    // group after it, against `width` bits a value.
    let runMin = max(8, (32 / width + 7) & ~7)
    var literalStart = 0
    var index = 0
    while index < values.count {
        let run = unsafe runLength(values, from: index)
        let isAligned = (index - literalStart) % 8 == 0
        if run >= runMin && isAligned {
            unsafe appendLiteral(values, literalStart..<index, width: width, into: &out)
            out.append(varint: UInt64(run) << 1)
            // Safe: `index` is inside the values.
            var value = unsafe values[index]
            for _ in 0..<valueBytes {
                out.append(UInt8(truncatingIfNeeded: value))
                value >>= 8
            }
            index += run
            literalStart = index
        } else if run >= runMin {
            // Packed groups are whole: the run lends them what is missing.
            index += 8 - (index - literalStart) % 8
        } else {
            index += run
        }
    }
    unsafe appendLiteral(values, literalStart..<values.count, width: width, into: &out)
}

/// How many values from `start` on are equal.
@inline(__always)
private func runLength(_ values: UnsafeBufferPointer<UInt32>, from start: Int) -> Int {
    let value = unsafe values[start]
    var end = start + 1
    while end < values.count, unsafe values[end] == value { end += 1 }
    return end - start
}

private func appendLiteral(
    _ values: UnsafeBufferPointer<UInt32>, _ range: Range<Int>, width: Int, into out: inout [UInt8]
) {
    guard !range.isEmpty, let base = values.baseAddress else { return }
    let groups = (range.count + 7) / 8
    out.append(varint: UInt64(groups) << 1 | 1)
    unsafe out.append(upTo: groups * width) { output in
        // The rest of the last group stays zero.
        _ = unsafe packBits(
            base + range.lowerBound, count: range.count, width: width, into: output)
        return groups * width
    }
}

/// Appends bits `range` of a bitmap, which levels and booleans are.
func encodeRunLength(_ bits: Bitmap, into out: inout [UInt8]) {
    let values = unsafe [UInt32](unsafeUninitializedCapacity: bits.count) { output, initialized in
        for wordIndex in 0..<bits.wordCount {
            var word = bits.word(wordIndex)
            for place in 0..<min(64, bits.count - wordIndex * 64) {
                // Safe: one element a bit, in order.
                unsafe output[wordIndex * 64 + place] = UInt32(truncatingIfNeeded: word & 1)
                word >>= 1
            }
        }
        initialized = bits.count
    }
    unsafe values.withUnsafeBufferPointer { unsafe encodeRunLength($0, width: 1, into: &out) }
}
