import Columnar
import Storage

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
        return String(utf8: plain)
    }

    /// `column=value`, escaped; nil stands for null.
    public static func directoryName(column: String, value: String?) -> String {
        guard let value, !value.isEmpty else { return escape(column) + "=" + defaultPartition }
        return escape(column) + "=" + escape(value)
    }

    /// The directory of a value in a table whose log says the values.
    ///
    /// It is that of other tables, since some readers (Polars) take the value from there, but for a
    /// value that is too long for a name: that has a hash.
    static func deltaDirectoryName(column: String, value: String?) -> String {
        let name = directoryName(column: column, value: value)
        guard name.utf8.count > nameBytesMax else { return name }
        return hashedPrefix + Checksum.hex(Checksum.xxh3(Array(name.utf8)))
    }

    /// How the names of directories begin that do not say their value.
    static let hashedPrefix = "~"

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

/// Partition values, read back from their text: what `Value.text` wrote.
enum PartitionValue {
    /// The value of a text; nil when the type has none of that form.
    static func parse(_ text: String, as type: DataType) -> Value? {
        switch type {
        case .boolean: text == "true" ? .boolean(true) : text == "false" ? .boolean(false) : nil
        case .int: Int32(text).map { .int($0) }
        case .long: Int64(text).map { .long($0) }
        case .double: parseDouble(text)
        case .decimal(let precision, let scale): parseDecimal(text, precision, scale)
        case .string: .string(text)
        // No table has directories of these.
        case .binary: nil
        case .date: parseDate(text).map { .date($0) }
        case .timestamp: parseTimestamp(text).map { .timestamp($0) }
        }
    }

    private static func parseDouble(_ text: String) -> Value? {
        switch text {
        case "NaN": .double(.nan)
        case "Infinity": .double(.infinity)
        case "-Infinity": .double(-.infinity)
        default: Double(text).map { .double($0) }
        }
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
