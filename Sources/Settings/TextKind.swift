import Columnar
import Expressions
import JSON

extension TextKind {
    /// The kind in words, as in "Expected …".
    var words: String {
        switch self {
        case .any, .secret: "a string"
        case .fileName: "a name of 1 to 64 letters, digits, \"_\", \".\" and \"-\""
        case .name: "a name"
        case .path: "a path"
        case .expression: "an expression as a string"
        case .duration, .fixedDuration: "a duration such as \"10 seconds\""
        case .byteSize: "a size with its unit such as \"100 GB\" or \"64 MiB\""
        case .timestamp: "a timestamp such as \"2026-01-05T14:30:00Z\""
        case .startTime: "a timestamp such as \"2026-01-05T14:30:00Z\", or \"now\""
        case .type: "a type: \(DataType.names.joined(separator: ", "))"
        case .character: "a string of one ASCII character"
        case .timeZone: "a time zone such as \"America/New_York\""
        }
    }

    /// What is wrong with a text of this kind, if anything.
    func fault(in text: String) -> (code: SettingFault.Code, message: String)? {
        switch self {
        case .any, .secret: nil
        case .duration: Self.durationFault(in: text)
        case .fixedDuration: Self.durationFault(in: text, mayHaveMonths: false)
        case .path where Self.isAddress(text):
            (
                .badValue,
                "\"\(JSONValue.escaped(text))\" is an address, and paths are of this machine's files; "
                    + "copy the files here, or mount what has them and give the path."
            )
        default:
            isFine(text)
                ? nil
                : (
                    .badValue,
                    "Expected \(words), found \"\(JSONValue.escaped(text))\"." + hint(text)
                )
        }
    }

    /// Whether a text is an address such as `s3://bucket/key`.
    private static func isAddress(_ text: String) -> Bool {
        let scheme = text.utf8.prefix { $0.isNameByte || $0 == UInt8(ascii: "+") }
        return !scheme.isEmpty && text.utf8.dropFirst(scheme.count).starts(with: "://".utf8)
    }

    private func isFine(_ text: String) -> Bool {
        switch self {
        case .any, .secret, .duration, .fixedDuration: true
        case .fileName:
            (1...64).contains(text.utf8.count) && text != "." && text != ".."
                && text.utf8.allSatisfy(\.isNameByte)
        case .name, .expression: text.utf8.contains { $0 > 0x20 } && !text.utf8.contains(0)
        case .path: (1...4_096).contains(text.utf8.count) && !text.utf8.contains(0)
        case .byteSize: Settings.byteSize(text) != nil
        case .timestamp: timestampMicros(text) != nil
        case .startTime: text == "now" || timestampMicros(text) != nil
        case .type: DataType(parsing: text) != nil
        case .character:
            text.utf8.count == 1
                && text.utf8.allSatisfy { $0 < 0x80 && ![0x00, 0x0A, 0x0D].contains($0) }
        case .timeZone:
            !text.isEmpty && !text.hasPrefix("/") && !text.contains("..")
                && text.utf8.allSatisfy { $0.isNameByte || $0 == 0x2F || $0 == 0x2B }
        }
    }

    private func hint(_ text: String) -> String {
        guard self == .type else { return "" }
        if text.lowercased().hasPrefix("decimal(") {
            return " Of decimal(p,s), p is from 1 to 38 and s from 0 to p."
        }
        return didYouMean(nearest(to: text, among: DataType.names))
    }

    private static func durationFault(
        in text: String, mayHaveMonths: Bool = true
    ) -> (code: SettingFault.Code, message: String)? {
        let interval: CalendarInterval
        do { interval = try parseInterval(text) } catch { return (.badDuration, error.message) }
        guard let micros = interval.delayMicros else {
            return (.badDuration, "The duration \"\(text)\" is too long.")
        }
        guard mayHaveMonths || interval.months == 0 else {
            return (
                .badDuration,
                "The duration \"\(text)\" has months or years, which have no fixed length; "
                    + "use days."
            )
        }
        guard micros >= 0 else {
            return (
                .badDuration,
                "The duration \"\(text)\" is negative; write how long, such as \"10 seconds\"."
            )
        }
        return nil
    }
}

/// The microseconds of a duration that was checked; a month is 31 days.
func durationMicros(_ text: String) -> Int64 {
    guard let micros = (try? parseInterval(text))?.delayMicros else {
        preconditionFailure("a duration is used before it was checked")
    }
    return micros
}

/// The bytes of a size with its unit (`100 GB`, `1.5 MiB`, `512 B`), or `nil`.
///
/// kB, MB, GB and TB are powers of 1,000; KiB, MiB, GiB and TiB of 1,024.
public func byteSize(_ text: String) -> Int64? {
    let units: [(String, Double)] = [
        ("KiB", 0x1p10), ("MiB", 0x1p20), ("GiB", 0x1p30), ("TiB", 0x1p40), ("kB", 1e3),
        ("KB", 1e3), ("MB", 1e6), ("GB", 1e9), ("TB", 1e12), ("B", 1),
    ]
    let spaces = { (byte: Unicode.Scalar) in byte == " " }
    let scalars = text.unicodeScalars.drop(while: spaces)
    let end = scalars.lastIndex { $0 != " " }.map { scalars.index(after: $0) }
    let trimmed = String(scalars[..<(end ?? scalars.startIndex)])
    guard let (unit, factor) = units.first(where: { trimmed.hasSuffix($0.0) }) else { return nil }
    let number = trimmed.dropLast(unit.utf8.count).prefix { $0 != " " }
    let between = trimmed.dropLast(unit.utf8.count).dropFirst(number.count)
    guard !number.isEmpty, between.allSatisfy({ $0 == " " }),
        number.utf8.allSatisfy({ (0x30...0x39).contains($0) || $0 == 0x2E }),
        number.first != ".", number.last != ".", let value = Double(number)
    else { return nil }
    return Int64(exactly: (value * factor).rounded())
}

/// The microseconds since the epoch of an ISO 8601 date or timestamp, or `nil`.
///
/// It is read as the SQL literal, so that settings and expressions know the same timestamps.
func timestampMicros(_ text: String) -> Int64? {
    let isPlain = text.utf8.allSatisfy { byte in
        byte.isNameByte || [0x20, 0x2B, 0x3A, 0x2F].contains(byte)
    }
    guard isPlain, !text.isEmpty,
        let literal = try? BoundExpression(
            parsing: "TIMESTAMP '\(text)'", input: Schema([])),
        case .timestamp(let micros) = literal.constant
    else { return nil }
    return micros
}

extension UInt8 {
    /// Whether the byte is a letter, a digit, `_`, `.` or `-`.
    var isNameByte: Bool {
        (0x30...0x39).contains(self) || (0x61...0x7A).contains(self | 0x20)
            || self == 0x5F || self == 0x2E || self == 0x2D
    }
}
