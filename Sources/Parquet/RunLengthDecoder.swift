import Columnar

extension ByteCursor {
    /// Reads `count` values of the RLE / bit-packing hybrid; `width` is 0…32 bits.
    mutating func readRunLength(width: Int, count: Int) throws(ParquetError) -> [UInt32] {
        guard (0...32).contains(width) else { throw damaged("\(width) bits a code") }
        var values = [UInt32](repeating: 0, count: count)
        var filled = 0
        while filled < count {
            let header = try readVarint()
            guard let half = Int(exactly: header >> 1), half > 0 else {
                throw damaged("a run without values")
            }
            if header & 1 == 0 {
                let value = try readRunValue(width: width)
                let end = half > count - filled ? count : filled + half
                for index in filled..<end { values[index] = value }
                filled = end
            } else {
                let wanted =
                    half > (count - filled + 7) / 8 ? count - filled : min(half * 8, count - filled)
                let packed = try readGroups(half, width: width, wanted: wanted)
                unsafe values.withUnsafeMutableBufferPointer { output in
                    guard let base = output.baseAddress else { return }
                    // Safe: filled + wanted <= count.
                    unsafe unpackBits(
                        packed.unsafeBytes, width: width, count: wanted, into: base + filled)
                }
                filled += wanted
            }
        }
        return values
    }

    private mutating func readRunValue(width: Int) throws(ParquetError) -> UInt32 {
        var value: UInt32 = 0
        for place in 0..<(width + 7) / 8 {
            value |= UInt32(try readByte()) << UInt32(place * 8)
        }
        guard width == 32 || value >> UInt32(width) == 0 else {
            throw damaged("a run's value has more than \(width) bits")
        }
        return value
    }

    /// The bytes of `groups` groups of eight; some writers cut the last one short.
    private mutating func readGroups(
        _ groups: Int, width: Int, wanted: Int
    ) throws(ParquetError) -> Buffer {
        let (whole, overflow) = groups.multipliedReportingOverflow(by: width)
        guard overflow || whole > remaining else { return try read(count: whole) }
        guard (wanted * width + 7) / 8 <= remaining else {
            throw damaged("a packed run reaches past its page")
        }
        return readRest()
    }
}
