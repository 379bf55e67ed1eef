import Columnar
import Testing

/// Values that no type of ours can hold, as text.
@Suite struct TextFormsTests {
    @Test(arguments: [
        (0 as Int64, 0 as Int64, 0 as Int64, "PT0S"), (-3, 5, -7, "P-3M5DT-0.000000007S"),
        (14, 0, 0, "P14M"), (0, -1, 0, "P-1D"), (0, 0, 90_000_000_000, "PT90S"),
        (0, 0, -1_500_000_000, "PT-1.5S"), (1, -2, 86_400_000_000_001, "P1M-2DT86400.000000001S"),
        (.min, .max, .min, "P-9223372036854775808M9223372036854775807DT-9223372036.854775808S"),
    ]) func intervalsLoseNothing(months: Int64, days: Int64, nanos: Int64, text: String) {
        #expect(formatInterval(months: months, days: days, nanos: nanos) == text)
    }

    static func bytes(_ value: Int128) -> [UInt8] {
        (0..<16).map { UInt8(truncatingIfNeeded: value >> (120 - 8 * Int128($0))) }
    }

    static func text(_ bytes: [UInt8], _ precision: Int, _ scale: Int) -> String? {
        // Safe: an array's span lives as long as the array.
        unsafe WideInteger(bigEndian: bytes.span.bytes)
            .decimalText(precision: precision, scale: scale)
    }

    @Test(arguments: [0, 1, 18, 19, 38, 45]) func ofAnyWidthItPrintsAsOf128Bits(scale: Int) {
        var values: [Int128] = [0, 1, -1, .min, .max]
        for bits in 1..<127 { values += [1 << Int128(bits), -1 << Int128(bits)] }
        for digits in 1...38 {
            let power = (0..<digits).reduce(1 as Int128) { power, _ in power * 10 }
            values += [power - 1, power, 1 - power, -power]
        }
        for value in values {
            let bytes = Self.bytes(value)
            let expected = formatDecimal(value, scale: scale)
            #expect(Self.text(bytes, 60, scale) == expected)
            // Bytes that only repeat the sign change nothing, whole words of them neither.
            let sign: UInt8 = value < 0 ? 0xff : 0
            for more in [1, 7, 8, 100] {
                let padded = [UInt8](repeating: sign, count: more) + bytes
                #expect(Self.text(padded, 60, scale) == expected)
            }
            let words = [value, value < 0 ? -1 : 0].flatMap { half in
                [UInt64(truncatingIfNeeded: half), UInt64(truncatingIfNeeded: half >> 64)]
            }
            let wide = WideInteger(twosComplement: words)
            #expect(wide.decimalText(precision: 60, scale: scale) == expected)
            let digits = String(value.magnitude).count
            #expect(wide.decimalText(precision: digits, scale: 0) != nil)
            #expect(wide.decimalText(precision: digits - 1, scale: 0) == nil)
        }
    }

    @Test func theEndsOf256BitsArePrinted() {
        let low = "57896044618658097711785492504343953926634992332820282019728792003956564819968"
        let high = "57896044618658097711785492504343953926634992332820282019728792003956564819967"
        let smallest = WideInteger(twosComplement: [0, 0, 0, 1 << 63])
        let largest = WideInteger(twosComplement: [.max, .max, .max, .max >> 1])
        #expect(smallest.decimalText(precision: 77, scale: 0) == "-" + low)
        #expect(largest.decimalText(precision: 77, scale: 0) == high)
        #expect(largest.decimalText(precision: 77, scale: 77) == "0." + high)
        #expect(smallest.decimalText(precision: 76, scale: 0) == nil)
        #expect(WideInteger(twosComplement: []).decimalText(precision: 1, scale: 1) == "0.0")
    }

    @Test func aMillionBytesWithTooManyDigitsCostNoTimeToRefuse() {
        let bytes = [1] + [UInt8](repeating: 0, count: 1_000_000)
        #expect(Self.text(bytes, 1_000, 0) == nil)
    }
}
