/// An integer of any width: the unscaled value of a decimal with more than 38 digits.
public struct WideInteger: Sendable {
    private let isNegative: Bool
    /// The magnitude, low word first; the last word is not zero.
    private let words: [UInt64]

    /// The most digits that a word holds whatever they are, and ten to the power of that.
    private static let wordDigits = 19
    private static let wordPower: UInt64 = 10_000_000_000_000_000_000

    /// Two's complement in words, low one first; none are zero.
    public init(twosComplement: [UInt64]) {
        var words = twosComplement
        isNegative = (words.last ?? 0) >> 63 == 1
        if isNegative {
            var carry = true
            for index in words.indices {
                (words[index], carry) = (~words[index]).addingReportingOverflow(carry ? 1 : 0)
            }
        }
        while words.last == 0 { words.removeLast() }
        self.words = words
    }

    /// Two's complement in bytes, high one first; none are zero.
    public init(bigEndian bytes: RawSpan) {
        let count = bytes.byteCount
        // Safe here and below: bytes of the span.
        let first = count > 0 ? unsafe bytes.unsafeLoad(fromByteOffset: 0, as: UInt8.self) : 0
        let sign: UInt64 = first & 0x80 != 0 ? .max : 0
        var words = [UInt64](repeating: sign, count: (count + 7) / 8)
        for place in 0..<count {
            let byte = unsafe bytes.unsafeLoad(fromByteOffset: count - 1 - place, as: UInt8.self)
            let shift = UInt64(place % 8 * 8)
            words[place / 8] ^= ((sign & 0xff) ^ UInt64(byte)) << shift
        }
        self.init(twosComplement: words)
    }

    /// The value as a decimal with all digits of its scale, or `nil` where it has more digits than
    /// `precision`.
    ///
    /// - Complexity: the square of `precision`, whatever the width.
    public func decimalText(precision: Int, scale: Int) -> String? {
        guard (words.count - 1) * Self.wordDigits < precision else { return nil }
        var rest = words
        var parts: [UInt64] = []
        while !rest.isEmpty {
            var remainder: UInt64 = 0
            for index in rest.indices.reversed() {
                // Never over a word: the remainder is smaller than the divisor.
                (rest[index], remainder) = Self.wordPower.dividingFullWidth(
                    (remainder, rest[index]))
            }
            parts.append(remainder)
            while rest.last == 0 { rest.removeLast() }
        }
        var digits = String(parts.popLast() ?? 0)
        for part in parts.reversed() {
            let text = String(part)
            digits += String(repeating: "0", count: Self.wordDigits - text.utf8.count) + text
        }
        guard digits.utf8.count <= precision else { return nil }
        return formatDecimal(digits, isNegative: isNegative, scale: scale)
    }
}
