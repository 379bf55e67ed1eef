import Columnar

/// Reads dates and timestamps in the forms that Spark's casts accept, in UTC.
private struct DateTimeReader {
    private let bytes: [UInt8]
    private var position = 0

    init(_ text: some StringProtocol) {
        let bytes = Array(text.utf8)
        let first = bytes.firstIndex { $0 > 0x20 } ?? bytes.count
        let last = bytes.lastIndex { $0 > 0x20 } ?? first
        self.bytes = first < bytes.count ? Array(bytes[first...last]) : []
    }

    private var current: UInt8? { position < bytes.count ? bytes[position] : nil }

    private var isAtEnd: Bool { position == bytes.count }

    private mutating func take(_ character: Character) -> Bool {
        guard let current, current == character.asciiValue else { return false }
        position += 1
        return true
    }

    /// A number of `count` digits.
    private mutating func number(_ count: ClosedRange<Int>) -> Int? {
        let start = position
        var value = 0
        while let byte = current, byte >= 0x30, byte <= 0x39, position - start <= count.upperBound {
            value = value * 10 + Int(byte - 0x30)
            position += 1
        }
        return count.contains(position - start) ? value : nil
    }

    /// A number of at most `count` digits, more of which may follow.
    private mutating func number(upTo count: Int) -> Int? {
        let digits = bytes[position...].prefix(count).prefix { $0 >= 0x30 && $0 <= 0x39 }
        position += digits.count
        return digits.isEmpty ? nil : digits.reduce(0) { $0 * 10 + Int($1 - 0x30) }
    }

    /// `[+-]yyyy[yyy][-[m]m[-[d]d]]` as days since the epoch, and whether the day was given.
    private mutating func day() -> (days: Int, isComplete: Bool)? {
        let isNegative = take("-")
        if !isNegative { _ = take("+") }
        guard let year = number(4...7) else { return nil }
        var date = CivilDate(year: isNegative ? -year : year, month: 1, day: 1)
        guard take("-") else { return (date.daysSinceEpoch, false) }
        guard let month = number(1...2) else { return nil }
        date.month = month
        guard take("-") else { return date.isValid ? (date.daysSinceEpoch, false) : nil }
        guard let day = number(1...2) else { return nil }
        date.day = day
        return date.isValid ? (date.daysSinceEpoch, true) : nil
    }

    mutating func date() -> Int32? {
        guard let (days, isComplete) = day() else { return nil }
        // After a whole date anything may follow a blank or a T.
        guard isAtEnd || (isComplete && (take(" ") || take("T"))) else { return nil }
        return Int32(exactly: days)
    }

    mutating func timestamp() -> Int64? {
        guard let (days, isComplete) = day() else { return nil }
        var micros: Int64 = 0
        if !isAtEnd {
            guard isComplete, take(" ") || take("T"), let time = timeOfDay(),
                let offset = zoneOffset()
            else { return nil }
            micros = time - offset
        }
        let (product, overflow) = Int64(days).multipliedReportingOverflow(by: microsPerDay)
        let (sum, carry) = product.addingReportingOverflow(micros)
        return overflow || carry ? nil : sum
    }

    /// `[h]h:[m]m[:[s]s[.f…]]` in microseconds; of the fraction six digits count.
    private mutating func timeOfDay() -> Int64? {
        guard let hour = number(1...2), hour < 24 else { return nil }
        guard take(":") else { return Int64(hour) * 3_600_000_000 }
        guard let minute = number(1...2), minute < 60 else { return nil }
        var micros = Int64(hour * 60 + minute) * 60_000_000
        guard take(":") else { return micros }
        guard let second = number(1...2), second < 60 else { return nil }
        micros += Int64(second) * 1_000_000
        guard take(".") else { return micros }
        var unit: Int64 = 100_000
        while let byte = current, byte >= 0x30, byte <= 0x39 {
            micros += Int64(byte - 0x30) * unit
            unit /= 10
            position += 1
        }
        return micros
    }

    /// Nothing, `Z`, `UTC`, `GMT`, `±h[h][:[m]m[:ss]]`, also behind `UTC` or `GMT`, as
    /// microseconds east.
    private mutating func zoneOffset() -> Int64? {
        while take(" ") {}
        if isAtEnd { return 0 }
        let rest = String(decoding: bytes[position...], as: UTF8.self)
        if rest == "Z" || rest == "UTC" || rest == "GMT" || rest == "UT" { return 0 }
        for prefix in ["UTC", "GMT", "UT"] where rest.hasPrefix(prefix) {
            position += prefix.utf8.count
            break
        }
        let isWest = take("-")
        guard isWest || take("+"), let hour = number(upTo: 2), hour <= 18 else { return nil }
        var minutes = 0
        var seconds = 0
        if take(":") {
            guard let value = number(1...2), value < 60 else { return nil }
            minutes = value
            if take(":") {
                guard let value = number(2...2), value < 60 else { return nil }
                seconds = value
            }
        } else if !isAtEnd {
            guard let value = number(2...2), value < 60 else { return nil }
            minutes = value
        }
        let offset = hour * 3_600 + minutes * 60 + seconds
        guard isAtEnd, offset <= 18 * 3_600 else { return nil }
        return Int64(isWest ? -offset : offset) * 1_000_000
    }
}

/// The days since 1970-01-01 of a date as Spark casts it from a string; `nil` when it is none.
func parseDate(_ text: some StringProtocol) -> Int32? {
    var reader = DateTimeReader(text)
    return reader.date()
}

/// The microseconds since the epoch of a timestamp as Spark casts it from a string in UTC; `nil`
/// when it is none.
func parseTimestamp(_ text: some StringProtocol) -> Int64? {
    var reader = DateTimeReader(text)
    return reader.timestamp()
}
