import Columnar
import Testing

@testable import PostgresConnector

/// Numbers as PostgreSQL's `numeric` takes them, read back by arithmetic of their own.
@Suite struct DecimalFormTests {
    /// The text that the server would show for the groups.
    private static func text(_ decimal: DecimalForm) -> String {
        var groups: [UInt16] = []
        let (count, weight) = decimal.write(into: &groups)
        // Digit by digit: group g stands for 10000 to the power of weight - g.
        var digits: [Int: Int] = [:]
        for (place, group) in groups.prefix(count).enumerated() {
            var rest = Int(group)
            for digit in 0..<4 {
                digits[(weight - place) * 4 + digit] = rest % 10
                rest /= 10
            }
        }
        let top = max(0, digits.filter { $0.value > 0 }.keys.max() ?? 0)
        var text = decimal.isNegative ? "-" : ""
        for place in stride(from: top, through: 0, by: -1) { text += String(digits[place] ?? 0) }
        if decimal.scale > 0 { text += "." }
        for place in 1..<(decimal.scale + 1) { text += String(digits[-place] ?? 0) }
        return text
    }

    /// How many digits stand between the zeros at both ends.
    private static func significant(_ digits: String) -> Int {
        let rest = digits.drop { $0 == "0" }
        return rest.reversed().drop { $0 == "0" }.count
    }

    @Test(arguments: [
        ("0", 0), ("1", 0), ("-1", 0), ("10000", 0), ("99999999", 0), ("100000000", 0), ("0.1", 1),
        ("0.0001", 4), ("0.00001", 5), ("-0.12345", 5), ("1.500", 3), ("123456.7890", 4),
        ("99999999999999999999.999999999999999999", 18),
        ("-12345678901234567890.000100000000000000", 18), ("0.000000000000000001", 18),
        ("10000000000000000000000000000000000000", 0),
    ])
    func decimalsKeepEveryDigit(text: String, scale: Int) throws {
        let digits = text.filter { $0 != "." }
        let unscaled = try #require(Int128(digits))
        #expect(Self.text(DecimalForm(unscaled: unscaled, scale: scale)) == text)
    }

    @Test func everySmallDecimalOfEveryScaleIsWritten() {
        for scale in 0...9 {
            for unscaled in [1, 9, 10, 99, 1_000, 9_999, 10_000, 10_001, 123_456_789] as [Int128] {
                let text = formatDecimal(unscaled, scale: scale)
                #expect(Self.text(DecimalForm(unscaled: unscaled, scale: scale)) == text)
            }
        }
    }

    @Test func doublesAreTheShortestDecimalThatReadsBack() throws {
        var random = SystemRandomNumberGenerator()
        var values: [Double] = [
            0.1, 0.30000000000000004, 1e308, .leastNonzeroMagnitude, 123456.78901234567, 100, 1e16,
            1e-7, 1.005,
            0.00001234, 9_007_199_254_740_992, 99_999_999_999.9999, 1e11, 1e15, .pi,
        ]
        for _ in 0..<20_000 {
            values.append((Double.random(in: 0..<1e6, using: &random) * 1e4).rounded() / 1e4)
            let bits = Double(bitPattern: UInt64.random(in: 0..<(0x7FF << 52), using: &random))
            if bits.isNormal { values.append(bits) }
        }
        for value in values {
            let decimal = DecimalForm(shortest: value)
            let text = Self.text(decimal)
            #expect(Double(text) == value)
            // As many digits as the shortest text of the standard library, which is a judge of its own.
            let shortest = "\(value)".prefix { $0 != "e" }.filter(\.isNumber)
            #expect(
                Self.significant(text.filter(\.isNumber)) == Self.significant(shortest),
                "\(value) as \(text)")
        }
    }

    @Test func signsAndZeros() {
        #expect(Self.text(DecimalForm(shortest: -0.0)) == "0")
        #expect(Self.text(DecimalForm(shortest: -2.5)) == "-2.5")
        #expect(DecimalForm(shortest: 100).scale == 0)
        #expect(DecimalForm(shortest: 0.5).wholeDigits == 0)
        #expect(DecimalForm(shortest: 12_345.5).wholeDigits == 5)
        #expect(DecimalForm(shortest: 1e20).wholeDigits == 21)
    }

    @Test func timesOutOfRangeAreFound() {
        #expect(PostgresTime.micros(946_684_800_000_000) == 0)
        // The newest moment of 64 bits is one of PostgreSQL's, the oldest is not.
        let newest: Int64? = 9_222_425_352_054_775_807
        #expect(PostgresTime.micros(.max) == newest)
        #expect(PostgresTime.micros(.min) == nil)
        #expect(PostgresTime.micros(-210_866_803_200_000_000) == -211_813_488_000_000_000)
        #expect(PostgresTime.micros(-210_866_803_200_000_001) == nil)
        #expect(PostgresTime.days(10_957) == 0)
        #expect(PostgresTime.days(.max) == nil && PostgresTime.days(.min) == nil)
    }
}
