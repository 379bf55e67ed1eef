/// A length of calendar time as Spark writes it: months, days and microseconds apart, because a
/// month or a day has no fixed length.
public struct CalendarInterval: Hashable, Sendable {
    /// Whole months; a year is 12.
    public let months: Int32
    /// Whole days; a week is 7.
    public let days: Int32
    /// The time below a day, and hours above it.
    public let micros: Int64

    /// An interval of these parts.
    public init(months: Int32 = 0, days: Int32 = 0, micros: Int64 = 0) {
        self.months = months
        self.days = days
        self.micros = micros
    }

    /// The length with days of 24 hours; `nil` when months are involved or it overflows.
    public var fixedMicros: Int64? { months == 0 ? micros(daysAMonth: 0) : nil }

    /// The length with days of 24 hours and months of 31 days, as Spark counts a watermark's
    /// delay; `nil` when it overflows.
    public var delayMicros: Int64? { micros(daysAMonth: 31) }

    private func micros(daysAMonth: Int64) -> Int64? {
        let days = Int64(self.days) + Int64(months) * daysAMonth
        let (product, overflow) = days.multipliedReportingOverflow(by: microsADay)
        let (sum, carry) = product.addingReportingOverflow(micros)
        return overflow || carry ? nil : sum
    }
}

private let microsADay: Int64 = 86_400_000_000

/// Reads an interval as Spark writes it, `10 seconds`, `INTERVAL '3' DAY`,
/// `interval '1 2:3:4' day to second`, or short, `10s`, `1h30m`, `100ms`.
///
/// - Throws: `INVALID_INTERVAL_FORMAT` naming the faulty word.
public func parseInterval(_ text: String) throws(ExpressionError) -> CalendarInterval {
    try CalendarInterval(parsing: text)
}

extension CalendarInterval {
    /// Reads an interval; see `parseInterval`.
    public init(parsing text: String) throws(ExpressionError) {
        guard text.utf8.count <= 1_024 else {
            throw ExpressionError(
                .invalidInterval, "An interval has at most 1024 bytes.", at: 0..<text.utf8.count)
        }
        var reader = IntervalReader(text)
        self = try reader.interval()
    }

    /// Whether a word is a unit in Spark's spelling, in singular or plural.
    static func isUnit(_ word: String) -> Bool { IntervalUnit(spelling: word) != nil }
}

private enum IntervalUnit: String, CaseIterable {
    case year, month, week, day, hour, minute, second, millisecond, microsecond

    init?(spelling: String) {
        let word = spelling.lowercased()
        guard
            let unit = IntervalUnit(rawValue: word)
                ?? (word.hasSuffix("s")
                    ? IntervalUnit(rawValue: String(word.dropLast())) : nil)
        else { return nil }
        self = unit
    }

    init?(short: String) {
        switch short.lowercased() {
        case "w": self = .week
        case "d": self = .day
        case "h": self = .hour
        case "m", "min", "mins": self = .minute
        case "s", "sec", "secs": self = .second
        case "ms": self = .millisecond
        case "us", "\u{b5}s", "\u{3bc}s": self = .microsecond
        default: return nil
        }
    }

    /// Microseconds in one, for the units below a day.
    var micros: Int64? {
        switch self {
        case .hour: 3_600_000_000
        case .minute: 60_000_000
        case .second: 1_000_000
        case .millisecond: 1_000
        case .microsecond: 1
        case .year, .month, .week, .day: nil
        }
    }
}

private struct IntervalReader {
    private enum Word: Equatable {
        case quoted(String)
        case number(String)
        case name(String)
        case other(String)
    }

    private let text: String
    private var words: [Word] = []
    private var index = 0
    private var months: Int64 = 0
    private var days: Int64 = 0
    private var micros: Int64 = 0

    init(_ text: String) {
        self.text = text
        words = Self.words(of: Array(text.utf8))
    }

    private static func words(of bytes: [UInt8]) -> [Word] {
        var words: [Word] = []
        var position = 0
        func isDigit(_ byte: UInt8) -> Bool { byte >= 0x30 && byte <= 0x39 }
        func isLetter(_ byte: UInt8) -> Bool { (0x61...0x7A).contains(byte | 0x20) || byte >= 0x80 }
        while position < bytes.count {
            let start = position
            let byte = bytes[position]
            position += 1
            if byte == 0x20 || (0x09...0x0D).contains(byte) { continue }
            if byte == UInt8(ascii: "'") {
                while position < bytes.count, bytes[position] != byte { position += 1 }
                words.append(
                    position < bytes.count
                        ? .quoted(String(decoding: bytes[start + 1..<position], as: UTF8.self))
                        : .other("'"))
                position += 1
            } else if isLetter(byte) {
                while position < bytes.count, isLetter(bytes[position]) { position += 1 }
                words.append(.name(String(decoding: bytes[start..<position], as: UTF8.self)))
            } else if isDigit(byte) || [0x2B, 0x2D, 0x2E].contains(byte) {
                // A sign may stand apart from its number.
                while position < bytes.count, byte == 0x2B || byte == 0x2D,
                    bytes[position] == 0x20
                { position += 1 }
                while position < bytes.count, isDigit(bytes[position]) || bytes[position] == 0x2E {
                    position += 1
                }
                words.append(
                    .number(
                        String(decoding: bytes[start..<position], as: UTF8.self)
                            .filter { $0 != " " }))
            } else {
                words.append(.other(String(decoding: [byte], as: UTF8.self)))
            }
        }
        return words
    }

    private func fault(_ reason: String) -> ExpressionError {
        ExpressionError(
            .invalidInterval,
            "'\(text)' is not an interval: \(reason). Write a number and a unit, such as "
                + "'10 seconds', '1 minute 30 seconds', '500 milliseconds' or '10s'; the units "
                + "are \(IntervalUnit.allCases.map(\.rawValue).joined(separator: ", ")).",
            at: 0..<text.utf8.count)
    }

    mutating func interval() throws(ExpressionError) -> CalendarInterval {
        if case .name(let word)? = words.first, word.lowercased() == "interval" { index = 1 }
        guard index < words.count else { throw fault("it is empty") }
        if index == 1, case .quoted(let inner) = words[index], index + 1 == words.count {
            // INTERVAL '1 day 2 hours'
            var reader = IntervalReader(inner)
            return try reader.interval()
        }
        while index < words.count { try term() }
        guard let months = Int32(exactly: months), let days = Int32(exactly: days) else {
            throw fault("it is too long")
        }
        return CalendarInterval(months: months, days: days, micros: micros)
    }

    private mutating func term() throws(ExpressionError) {
        let value: String
        var isQuoted = false
        switch words[index] {
        case .number(let digits): value = digits
        case .quoted(let inner):
            value = String(inner.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
            isQuoted = true
        case .name(let word), .other(let word): throw fault("'\(word)' is not a number")
        }
        index += 1
        guard index < words.count, case .name(let name) = words[index] else {
            throw fault("'\(value)' has no unit")
        }
        index += 1
        let spelled = IntervalUnit(spelling: name)
        guard let unit = spelled ?? (isQuoted ? nil : IntervalUnit(short: name)) else {
            throw fault("'\(name)' is not a unit")
        }
        if isQuoted, index < words.count, case .name(let to) = words[index],
            to.lowercased() == "to"
        {
            index += 1
            guard index < words.count, case .name(let last) = words[index],
                let end = IntervalUnit(spelling: last)
            else { throw fault("TO needs a unit after it") }
            index += 1
            return try compound(value, from: unit, to: end)
        }
        try add(value, unit)
    }

    private mutating func add(_ value: String, _ unit: IntervalUnit) throws(ExpressionError) {
        guard let number = DecimalText(value), let unscaled = number.unscaled() else {
            throw fault("'\(value)' is not a number")
        }
        if number.scale > 0 {
            guard unit == .second, number.scale <= 9 else {
                throw fault("only seconds may have a fraction, of at most 9 digits")
            }
            // Digits below a microsecond are cut off, as Spark does.
            let (nanos, overflow) = unscaled.multipliedReportingOverflow(
                by: powerOfTen(9 - number.scale))
            return try add(micros: overflow ? nil : Int64(exactly: nanos / 1_000), 1)
        }
        let count = Int64(exactly: unscaled)
        switch unit {
        case .year: try add(count, 12, to: \.months)
        case .month: try add(count, 1, to: \.months)
        case .week: try add(count, 7, to: \.days)
        case .day: try add(count, 1, to: \.days)
        case .hour, .minute, .second, .millisecond, .microsecond:
            try add(micros: count, unit.micros ?? 1)
        }
    }

    private mutating func add(micros count: Int64?, _ factor: Int64) throws(ExpressionError) {
        try add(count, factor, to: \.micros)
    }

    private mutating func add(
        _ count: Int64?, _ factor: Int64, to part: WritableKeyPath<IntervalReader, Int64>
    ) throws(ExpressionError) {
        guard let count else { throw fault("it is too long") }
        let (product, overflow) = count.multipliedReportingOverflow(by: factor)
        let (sum, carry) = self[keyPath: part].addingReportingOverflow(product)
        guard !overflow, !carry else { throw fault("it is too long") }
        self[keyPath: part] = sum
    }

    /// `'1-2' YEAR TO MONTH`, `'1 2:3:4.5' DAY TO SECOND` and what lies between.
    private mutating func compound(
        _ value: String, from first: IntervalUnit, to last: IntervalUnit
    ) throws(ExpressionError) {
        let isNegative = value.hasPrefix("-")
        let body = value.drop { $0 == "-" || $0 == "+" }
        let units: [IntervalUnit]
        let separators: [Character]
        switch (first, last) {
        case (.year, .month): (units, separators) = ([.year, .month], ["-"])
        case (.day, .hour): (units, separators) = ([.day, .hour], [" "])
        case (.day, .minute): (units, separators) = ([.day, .hour, .minute], [" ", ":"])
        case (.day, .second):
            (units, separators) = ([.day, .hour, .minute, .second], [" ", ":", ":"])
        case (.hour, .minute): (units, separators) = ([.hour, .minute], [":"])
        case (.hour, .second): (units, separators) = ([.hour, .minute, .second], [":", ":"])
        case (.minute, .second): (units, separators) = ([.minute, .second], [":"])
        default: throw fault("\(first.rawValue) TO \(last.rawValue) is not a range of units")
        }
        var rest = Substring(body)
        for (place, unit) in units.enumerated() {
            var part = rest
            if place < separators.count {
                guard let end = rest.firstIndex(of: separators[place]) else {
                    throw fault("'\(value)' does not fit \(first.rawValue) TO \(last.rawValue)")
                }
                part = rest[..<end]
                rest = rest[rest.index(after: end)...]
            }
            let limit = Self.limit(of: unit)
            guard let leading = part.first, leading.isNumber,
                place == 0 || (Int(part.prefix { $0 != "." }) ?? .max) <= limit
            else { throw fault("'\(value)' does not fit \(first.rawValue) TO \(last.rawValue)") }
            try add((isNegative ? "-" : "") + part, unit)
        }
    }

    /// The largest value a unit may have behind a larger one.
    private static func limit(of unit: IntervalUnit) -> Int {
        switch unit {
        case .month: 11
        case .hour: 23
        default: 59
        }
    }
}
