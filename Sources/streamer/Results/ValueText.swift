import Columnar

/// A value as Spark casts it to a string; timestamps in UTC.
///
/// NULL is the empty string.
func valueText(_ value: Value) -> String {
    switch value {
    case .null: ""
    case .boolean(let value): value ? "true" : "false"
    case .int(let value): String(value)
    case .long(let value): String(value)
    case .double(let value): doubleText(value)
    case .decimal(let unscaled, let scale): decimalText(unscaled, scale: scale)
    case .string(let value): value
    case .date(let days): CivilDate(daysSinceEpoch: Int(days)).description
    case .timestamp(let micros): formatTimestamp(micros: micros)
    }
}

/// A timestamp of a whole millisecond.
func timestampText(ms: Int64) -> String {
    let (micros, overflow) = ms.multipliedReportingOverflow(by: 1_000)
    return overflow ? "\(ms) ms" : formatTimestamp(micros: micros)
}

/// A double as Java writes it: at least one digit after the point, and an exponent below 1E-3 and
/// from 1E7 on; the shortest digits that read back to the same double.
func doubleText(_ value: Double) -> String {
    if value.isNaN { return "NaN" }
    if value.isInfinite { return value < 0 ? "-Infinity" : "Infinity" }
    // There Swift writes the same.
    if value.magnitude >= 1e-3, value.magnitude < 1e7 { return value.description }
    let sign = value.sign == .minus ? "-" : ""
    if value == 0 { return sign + "0.0" }
    let (digits, exponent) = shortestDigits(value.magnitude)
    let fraction = digits.dropFirst()
    return "\(sign)\(digits.prefix(1)).\(fraction.isEmpty ? "0" : fraction)E\(exponent)"
}

/// The shortest decimal digits that identify a positive finite double, and the power of ten of
/// the first of them.
private func shortestDigits(_ value: Double) -> (digits: String, exponent: Int) {
    let text = value.description
    let parts = text.split(separator: "e" as Character)
    let mantissa = parts[0].split(separator: "." as Character)
    let whole = mantissa[0]
    let fraction = mantissa.count > 1 ? mantissa[1] : ""
    var digits = Substring(whole + fraction)
    var exponent = whole.utf8.count - 1 + (parts.count > 1 ? Int(parts[1]) ?? 0 : 0)
    while digits.first == "0", digits.utf8.count > 1 {
        digits.removeFirst()
        exponent -= 1
    }
    while digits.last == "0", digits.utf8.count > 1 { digits.removeLast() }
    return (String(digits), exponent)
}

/// A decimal with all digits of its scale.
func decimalText(_ unscaled: Int128, scale: Int) -> String {
    let sign = unscaled < 0 ? "-" : ""
    let digits = String(unscaled.magnitude)
    if scale == 0 { return sign + digits }
    let padded = String(repeating: "0", count: max(0, scale + 1 - digits.utf8.count)) + digits
    return sign + padded.dropLast(scale) + "." + padded.suffix(scale)
}
