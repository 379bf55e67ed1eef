extension Value {
    /// The value as Spark casts it to a string, timestamps in UTC; bytes as Spark's `hex` writes
    /// them; `nil` for NULL.
    public var text: String? {
        switch self {
        case .null: nil
        case .boolean(let value): value ? "true" : "false"
        case .int(let value): String(value)
        case .long(let value): String(value)
        case .double(let value): formatDouble(value)
        case .decimal(let unscaled, let scale): formatDecimal(unscaled, scale: scale)
        case .string(let value): value
        case .binary(let value): formatHex(value)
        case .date(let days): CivilDate(daysSinceEpoch: Int(days)).description
        case .timestamp(let micros): formatTimestamp(micros: micros)
        }
    }
}

/// Bytes as two hexadecimal digits each: `FF00`.
public func formatHex(_ bytes: [UInt8]) -> String {
    let digits = Array("0123456789ABCDEF".utf8)
    var text: [UInt8] = []
    text.reserveCapacity(2 * bytes.count)
    for byte in bytes {
        text.append(digits[Int(byte >> 4)])
        text.append(digits[Int(byte & 15)])
    }
    return String(decoding: text, as: UTF8.self)
}

/// The bytes that hexadecimal digits stand for, as Spark's `X'…'`: of an odd number the first stands
/// alone; `nil` for other text.
public func bytes(ofHex text: String) -> [UInt8]? {
    var digits: [UInt8] = []
    for character in text.utf8 {
        switch character {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): digits.append(character - UInt8(ascii: "0"))
        case UInt8(ascii: "a")...UInt8(ascii: "f"):
            digits.append(character - UInt8(ascii: "a") + 10)
        case UInt8(ascii: "A")...UInt8(ascii: "F"):
            digits.append(character - UInt8(ascii: "A") + 10)
        default: return nil
        }
    }
    if digits.count % 2 == 1 { digits.insert(0, at: 0) }
    return stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
}

/// A decimal with all digits of its scale: `-0.50`.
public func formatDecimal(_ unscaled: Int128, scale: Int) -> String {
    formatDecimal(String(unscaled.magnitude), isNegative: unscaled < 0, scale: scale)
}

/// The digits of an unscaled value with their point and sign.
func formatDecimal(_ magnitude: String, isNegative: Bool, scale: Int) -> String {
    var digits = magnitude
    if scale > 0 {
        if digits.utf8.count <= scale {
            digits = String(repeating: "0", count: scale + 1 - digits.utf8.count) + digits
        }
        let point = digits.index(digits.endIndex, offsetBy: -scale)
        digits = digits[..<point] + "." + digits[point...]
    }
    return isNegative ? "-" + digits : digits
}

/// An interval as ISO 8601 writes durations, each part with a sign of its own:
/// `P-3M5DT-0.000000007S`; one of nothing is `PT0S`.
///
/// A part of months, of days or of a time is never turned into another: how long a month or a day
/// is depends on where it starts.
public func formatInterval(months: Int64, days: Int64, nanos: Int64) -> String {
    var text = "P"
    if months != 0 { text += "\(months)M" }
    if days != 0 { text += "\(days)D" }
    if nanos != 0 || text == "P" {
        let (seconds, rest) = nanos.magnitude.quotientAndRemainder(dividingBy: 1_000_000_000)
        text += nanos < 0 ? "T-\(seconds)" : "T\(seconds)"
        if rest != 0 {
            var fraction = padded(Int(rest), 9)
            while fraction.hasSuffix("0") { fraction.removeLast() }
            text += ".\(fraction)"
        }
        text += "S"
    }
    return text
}

/// A double as Java writes it and Spark casts it to a string: `1.0`, `1.0E10`, `1.0E-4`,
/// `Infinity`, `NaN`.
public func formatDouble(_ value: Double) -> String {
    if value.isNaN { return "NaN" }
    if value.isInfinite { return value < 0 ? "-Infinity" : "Infinity" }
    // There Swift writes the same.
    if (1e-3..<1e7).contains(value.magnitude) || value == 0 { return value.description }
    let (digits, exponent) = shortestDigits(value.magnitude)
    let sign = value < 0 ? "-" : ""
    let text = String(decoding: digits, as: UTF8.self)
    // The value is 0.d₁d₂… times 10 to the exponent; Java writes 10⁻³ ≤ v < 10⁷ without one.
    if exponent > 7 || exponent < -2 {
        let fraction = digits.count > 1 ? String(text.dropFirst()) : "0"
        return "\(sign)\(text.prefix(1)).\(fraction)E\(exponent - 1)"
    }
    if exponent <= 0 {
        return "\(sign)0." + String(repeating: "0", count: -exponent) + text
    }
    if digits.count <= exponent {
        return sign + text + String(repeating: "0", count: exponent - digits.count) + ".0"
    }
    return "\(sign)\(text.prefix(exponent)).\(text.dropFirst(exponent))"
}

/// The fewest ASCII digits d₁d₂… that read back as a positive finite double, and the exponent of
/// ten for 0.d₁d₂….
///
/// Java wants two digits. Of the least doubles one digit would do, and two come closer.
public func shortestDigits(_ value: Double) -> (digits: [UInt8], exponent: Int) {
    if value.bitPattern <= 20 {
        let tens = Double(value.bitPattern) * 49.40656458412465
        let (two, exponent) = tens < 100 ? (tens, -323) : (tens / 10, -322)
        let number = Int(two.rounded())
        return ([UInt8(0x30 + number / 10), UInt8(0x30 + number % 10)], exponent)
    }
    var digits: [UInt8] = []
    var exponent = 0
    var pointAt: Int?
    let text = Array(value.description.utf8)
    for (index, byte) in text.enumerated() {
        if byte == UInt8(ascii: "e") {
            exponent = Int(String(decoding: text[(index + 1)...], as: UTF8.self)) ?? 0
            break
        } else if byte == UInt8(ascii: ".") {
            pointAt = digits.count
        } else {
            digits.append(byte)
        }
    }
    exponent += pointAt ?? digits.count
    let leading = digits.prefix { $0 == 0x30 }.count
    digits.removeFirst(leading)
    exponent -= leading
    while digits.last == 0x30 { digits.removeLast() }
    return (digits, exponent)
}
