import Columnar

/// A number in decimal digits as written: `-12.50`, `1e3`, `.5`; no digits are lost.
struct DecimalText {
    let isNegative: Bool
    /// The digits without leading zeros; empty for zero.
    let digits: [UInt8]
    /// The digits behind the point; never negative: `1e3` is 1000 with scale 0.
    let scale: Int

    /// Reads a number; `nil` when the text is anything else or its exponent is absurd.
    init?(_ text: some StringProtocol) {
        var digits: [UInt8] = []
        var fraction = 0
        var seenDigit = false
        var seenPoint = false
        var exponent = 0
        var bytes = Array(text.utf8)[...]
        isNegative = bytes.first == UInt8(ascii: "-")
        if let sign = bytes.first, sign == UInt8(ascii: "-") || sign == UInt8(ascii: "+") {
            bytes = bytes.dropFirst()
        }
        while let byte = bytes.first {
            if byte >= 0x30, byte <= 0x39 {
                seenDigit = true
                if byte != 0x30 || !digits.isEmpty { digits.append(byte - 0x30) }
                if seenPoint { fraction += 1 }
            } else if byte == UInt8(ascii: "."), !seenPoint {
                seenPoint = true
            } else {
                break
            }
            bytes = bytes.dropFirst()
        }
        guard seenDigit else { return nil }
        if let mark = bytes.first, mark | 0x20 == UInt8(ascii: "e") {
            bytes = bytes.dropFirst()
            guard let value = Int(String(decoding: bytes, as: UTF8.self)), abs(value) <= 10_000
            else { return nil }
            exponent = value
        } else if !bytes.isEmpty {
            return nil
        }
        var scale = fraction - exponent
        if scale < 0 {
            guard digits.isEmpty || digits.count - scale <= 1_000 else { return nil }
            if !digits.isEmpty { digits += [UInt8](repeating: 0, count: -scale) }
            scale = 0
        }
        self.digits = digits
        self.scale = scale
    }

    /// The digits as an integer with `scale`, rounded half up from the digits written; `nil` when
    /// it has more than 38 digits.
    func unscaled(scale wanted: Int? = nil) -> Int128? {
        let shift = (wanted ?? scale) - scale
        var kept = digits[...]
        var roundsUp = false
        if shift < 0 {
            let dropped = min(-shift, kept.count)
            roundsUp = -shift <= kept.count && (kept[kept.endIndex - dropped] >= 5)
            kept = kept.dropLast(dropped)
        }
        guard kept.count + max(0, shift) <= DataType.decimalPrecisionMax || kept.isEmpty else {
            return nil
        }
        var value: Int128 = 0
        for digit in kept { value = value * 10 + Int128(digit) }
        if shift > 0, value != 0 { value *= powerOfTen(shift) }
        if roundsUp { value += 1 }
        guard value < powerOfTen(DataType.decimalPrecisionMax) else { return nil }
        return isNegative ? -value : value
    }
}

private let powersOfTen: [Int128] = (0...38).map { exponent in
    (0..<exponent).reduce(Int128(1)) { power, _ in power * 10 }
}

/// 10 to a power of 0…38.
func powerOfTen(_ exponent: Int) -> Int128 { powersOfTen[exponent] }

/// The number of decimal digits of an integer; 0 has one.
func decimalDigits(_ value: Int128) -> Int {
    let magnitude = value.magnitude
    var digits = 1
    while digits <= 38, magnitude >= powersOfTen[digits].magnitude { digits += 1 }
    return digits
}
