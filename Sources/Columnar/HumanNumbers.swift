/// A count with its thousands apart: `2,000,000`.
public func groupedCount(_ value: Int64) -> String {
    let digits = String(value.magnitude)
    var result = ""
    for (index, digit) in digits.enumerated() {
        if index > 0, (digits.count - index) % 3 == 0 { result += "," }
        result.append(digit)
    }
    return value < 0 ? "-" + result : result
}

/// A size in bytes: `812 B`, `1.4 KiB`, `23 MiB`.
public func humanSize(_ bytes: Int64) -> String {
    scaled(Double(bytes), step: 1024, units: ["B", "KiB", "MiB", "GiB", "TiB", "PiB"])
}

/// A rate in rows a second: `850 rows/s`, `1.4 M rows/s`.
public func humanRate(_ rowsPerSecond: Double) -> String {
    guard rowsPerSecond.isFinite else { return "- rows/s" }
    let value = scaled(rowsPerSecond, step: 1000, units: ["", "k", "M", "G"])
    return value.hasSuffix(" ") ? value + "rows/s" : value + " rows/s"
}

/// A time span: `340 µs`, `12 ms`, `3.2 s`, `4 min 10 s`, `2 h 5 min`, `3 d 4 h`.
public func humanDuration(micros: Int64) -> String {
    if micros < 0 { return "-" + humanDuration(micros: micros == .min ? .max : -micros) }
    switch micros {
    case ..<1_000: return "\(micros) µs"
    case ..<1_000_000: return "\(oneDecimal(Double(micros) / 1e3)) ms"
    case ..<60_000_000: return "\(oneDecimal(Double(micros) / 1e6)) s"
    default: break
    }
    let seconds = micros / 1_000_000
    let units: [(Int64, String)] = [(86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")]
    guard let first = units.firstIndex(where: { seconds >= $0.0 }) else { return "0 s" }
    let (size, name) = units[first]
    let rest = first + 1 < units.count ? seconds % size / units[first + 1].0 : 0
    return rest == 0
        ? "\(seconds / size) \(name)" : "\(seconds / size) \(name) \(rest) \(units[first + 1].1)"
}

/// A number of things with its noun: `1 row`, `2,000 rows`.
public func counted(_ count: Int64, _ noun: String, plural: String? = nil) -> String {
    "\(groupedCount(count)) \(count == 1 ? noun : plural ?? noun + "s")"
}

private func scaled(_ value: Double, step: Double, units: [String]) -> String {
    var value = value
    var unit = 0
    while abs(value) >= step, unit + 1 < units.count {
        value /= step
        unit += 1
    }
    return "\(unit == 0 ? String(Int64(value)) : oneDecimal(value)) \(units[unit])"
}

/// One decimal below 100, none above: three digits say enough.
private func oneDecimal(_ value: Double) -> String {
    let tenths = Int64((value * 10).rounded())
    if abs(tenths) >= 1_000 || tenths % 10 == 0 { return groupedCount(Int64(value.rounded())) }
    return "\(tenths < 0 ? "-" : "")\(abs(tenths) / 10).\(abs(tenths) % 10)"
}
