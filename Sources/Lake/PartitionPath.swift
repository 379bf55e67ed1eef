import Columnar

// A partition directory is `column=value`, one level a partition column. Both sides are escaped
// as Hive and Spark do (ExternalCatalogUtils.escapePathName): control characters and
// " # % ' * / : = ? \ DEL { [ ] ^ become % and two hexadecimal digits, high first, upper case.
// NUL, which Spark leaves alone and no file system takes, is escaped as well. A null and an empty
// string are both `__HIVE_DEFAULT_PARTITION__`, as in Spark, and are read back as null.

/// Names of partition directories.
public enum PartitionPath {
    /// The value that stands for null.
    public static let defaultPartition = "__HIVE_DEFAULT_PARTITION__"
    /// The longest directory name, in bytes.
    public static let nameBytesMax = 255

    /// The text with every character escaped that may not be in a directory name.
    public static func escape(_ text: String) -> String {
        guard text.utf8.contains(where: isEscaped) else { return text }
        let digits = Array("0123456789ABCDEF".utf8)
        var escaped: [UInt8] = []
        for byte in text.utf8 {
            if isEscaped(byte) {
                escaped += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            } else {
                escaped.append(byte)
            }
        }
        return String(decoding: escaped, as: UTF8.self)
    }

    /// The text that was escaped; nil when the bytes that come out are not UTF-8.
    ///
    /// A `%` without two hexadecimal digits after it stands for itself, as in Spark.
    public static func unescape(_ text: some StringProtocol) -> String? {
        let bytes = Array(text.utf8)
        var plain: [UInt8] = []
        var index = 0
        while index < bytes.count {
            if bytes[index] == UInt8(ascii: "%"), index + 2 < bytes.count,
                let high = hexDigit(bytes[index + 1]), let low = hexDigit(bytes[index + 2])
            {
                plain.append(high << 4 | low)
                index += 3
            } else {
                plain.append(bytes[index])
                index += 1
            }
        }
        return String(validating: plain, as: UTF8.self)
    }

    /// `column=value`, escaped; nil stands for null.
    public static func directoryName(column: String, value: String?) -> String {
        guard let value, !value.isEmpty else { return escape(column) + "=" + defaultPartition }
        return escape(column) + "=" + escape(value)
    }

    /// The column and the value of a directory name, or nil when it is not one of a partition.
    public static func parse(_ name: String) -> (column: String, value: String?)? {
        guard let equals = name.utf8.firstIndex(of: UInt8(ascii: "=")), equals > name.startIndex,
            let column = unescape(name[..<equals]),
            let value = unescape(name[name.utf8.index(after: equals)...])
        else { return nil }
        return (column, value == defaultPartition ? nil : value)
    }

    private static func isEscaped(_ byte: UInt8) -> Bool {
        byte < 0x20 || byte == 0x7f || specials.contains(byte)
    }

    private static let specials = Set("\"#%'*/:=?\\{[]^".utf8)

    private static func hexDigit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}

/// Partition values as text: as Spark casts them to strings.
enum PartitionValue {
    static func text(_ value: Value) -> String? {
        switch value {
        case .null: nil
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

    /// The value of a text; nil when the type has none of that form.
    static func parse(_ text: String, as type: DataType) -> Value? {
        switch type {
        case .boolean: text == "true" ? .boolean(true) : text == "false" ? .boolean(false) : nil
        case .int: Int32(text).map { .int($0) }
        case .long: Int64(text).map { .long($0) }
        case .double: parseDouble(text)
        case .decimal(let precision, let scale): parseDecimal(text, precision, scale)
        case .string: .string(text)
        case .date: parseDate(text).map { .date($0) }
        case .timestamp: parseTimestamp(text).map { .timestamp($0) }
        }
    }

    /// Java's Double.toString: plain from 0.001 to 10,000,000, else with an exponent `E`.
    static func doubleText(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value < 0 ? "-Infinity" : "Infinity" }
        if value == 0 || (1e-3..<1e7).contains(value.magnitude) { return plainText(value) }
        let (digits, exponent) = shortestDigits(value.magnitude)
        let fraction = digits.count > 1 ? String(digits.dropFirst()) : "0"
        return "\(value < 0 ? "-" : "")\(digits.prefix(1)).\(fraction)E\(exponent)"
    }

    private static func plainText(_ value: Double) -> String {
        if value == 0 { return value.sign == .minus ? "-0.0" : "0.0" }
        let (digits, exponent) = shortestDigits(value.magnitude)
        let sign = value < 0 ? "-" : ""
        guard exponent >= 0 else {
            return "\(sign)0.\(String(repeating: "0", count: -exponent - 1))\(digits)"
        }
        let padded = digits + String(repeating: "0", count: max(0, exponent + 2 - digits.count))
        return "\(sign)\(padded.prefix(exponent + 1)).\(padded.dropFirst(exponent + 1))"
    }

    /// The fewest digits that name the number, d.ddd × 10^exponent, without trailing zeros.
    private static func shortestDigits(_ value: Double) -> (digits: String, exponent: Int) {
        let parts = value.description.split(separator: "e" as Character)
        var exponent = parts.count > 1 ? Int(parts[1]) ?? 0 : 0
        let mantissa = parts[0].split(
            separator: "." as Character, omittingEmptySubsequences: false)
        exponent += mantissa[0].count - 1
        var digits = Substring(mantissa.joined())
        while digits.count > 1, digits.first == "0" {
            digits = digits.dropFirst()
            exponent -= 1
        }
        while digits.count > 1, digits.last == "0" { digits = digits.dropLast() }
        return (String(digits), exponent)
    }

    private static func parseDouble(_ text: String) -> Value? {
        switch text {
        case "NaN": .double(.nan)
        case "Infinity": .double(.infinity)
        case "-Infinity": .double(-.infinity)
        default: Double(text).map { .double($0) }
        }
    }

    private static func decimalText(_ unscaled: Int128, scale: Int) -> String {
        var digits = String(unscaled.magnitude)
        guard scale > 0 else { return (unscaled < 0 ? "-" : "") + digits }
        digits = String(repeating: "0", count: max(0, scale + 1 - digits.count)) + digits
        return "\(unscaled < 0 ? "-" : "")\(digits.dropLast(scale)).\(digits.suffix(scale))"
    }

    private static func parseDecimal(_ text: String, _ precision: Int, _ scale: Int) -> Value? {
        let parts = text.split(separator: "." as Character, omittingEmptySubsequences: false)
        guard parts.count <= 2, !text.isEmpty else { return nil }
        let fraction = parts.count == 2 ? parts[1] : ""
        guard fraction.count <= scale, fraction.allSatisfy({ ("0"..."9").contains($0) }) else {
            return nil
        }
        let digits = parts[0] + fraction + String(repeating: "0", count: scale - fraction.count)
        guard let unscaled = Int128(digits), String(unscaled.magnitude).count <= precision else {
            return nil
        }
        return .decimal(unscaled: unscaled, scale: scale)
    }

    private static func parseDate(_ text: some StringProtocol) -> Int32? {
        let isNegative = text.first == "-"
        let parts = text.drop { $0 == "-" || $0 == "+" }.split(separator: "-" as Character)
        guard parts.count == 3, let year = Int(parts[0]), let month = Int(parts[1]),
            let day = Int(parts[2]), year <= 9_999_999
        else { return nil }
        let date = CivilDate(year: isNegative ? -year : year, month: month, day: day)
        return date.isValid ? Int32(exactly: date.daysSinceEpoch) : nil
    }

    private static func parseTimestamp(_ text: String) -> Int64? {
        let parts = text.split(separator: " " as Character)
        guard parts.count == 2, let days = parseDate(parts[0]) else { return nil }
        let clock = parts[1].split(separator: "." as Character)
        let units = clock[0].split(separator: ":" as Character).map { Int64($0) }
        guard clock.count <= 2, units.count == 3, let hours = units[0], let minutes = units[1],
            let seconds = units[2], (0..<24).contains(hours), (0..<60).contains(minutes),
            (0..<60).contains(seconds)
        else { return nil }
        var micros: Int64 = 0
        if clock.count == 2 {
            guard clock[1].count <= 6, let fraction = Int64(clock[1]), fraction >= 0 else {
                return nil
            }
            micros = (0..<6 - clock[1].count).reduce(fraction) { value, _ in value * 10 }
        }
        let inDay = ((hours * 60 + minutes) * 60 + seconds) * 1_000_000 + micros
        let (start, overflow) = Int64(days).multipliedReportingOverflow(by: microsPerDay)
        let (total, overflowed) = start.addingReportingOverflow(inDay)
        return overflow || overflowed ? nil : total
    }
}
