/// Eight bytes of text, looked at as decimal digits all at once.
struct DigitWord {
    /// The bytes, the first one lowest; a digit is its value, everything else is 10 or more.
    private let values: UInt64

    /// The 8 bytes at an address, all of which can be read.
    @inline(__always)
    init(_ bytes: UnsafePointer<UInt8>) {
        // Safe: the caller says so.
        let word = unsafe UnsafeRawPointer(bytes).loadUnaligned(as: UInt64.self).littleEndian
        values = word ^ 0x3030_3030_3030_3030
    }

    private init(values: UInt64) { self.values = values }

    /// How many digits it begins with: 0 to 8.
    @inline(__always)
    var digits: Int {
        // Exact up to the first byte that is no digit, which is the one that counts.
        let others = ((values &+ 0x7676_7676_7676_7676) | values) & 0x8080_8080_8080_8080
        return others.trailingZeroBitCount >> 3
    }

    /// The number that its first digits are: 1 to 8 of them, of ``digits``.
    @inline(__always)
    func value(ofFirst count: Int) -> UInt64 {
        // Zeros in front make it eight digits; then pairs, fours and all eight are joined.
        var joined = values << UInt64(truncatingIfNeeded: 64 &- 8 &* count)
        joined = (joined &* (1 + 10 << 8)) >> 8 & 0x00ff_00ff_00ff_00ff
        joined = (joined &* (1 + 100 << 16)) >> 16 & 0x0000_ffff_0000_ffff
        return (joined &* (1 + 10_000 << 32)) >> 32
    }

    /// The word without a point at a place of 0 to 7; `nil` where there is something else.
    @inline(__always)
    func withoutPoint(at place: Int) -> DigitWord? {
        let shift = UInt64(truncatingIfNeeded: 8 &* place)
        guard values >> shift & 0xff == UInt64(UInt8(ascii: ".") ^ UInt8(ascii: "0")) else {
            return nil
        }
        let before: UInt64 = 1 << shift &- 1
        return DigitWord(values: values & before | values >> 8 & ~before)
    }
}
