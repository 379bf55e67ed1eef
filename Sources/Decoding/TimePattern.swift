import Columnar

/// How timestamps or dates are written, in the letters of Spark's `timestampFormat`.
///
///     y M d D    year, month (MMM: Jan), day of the month, day of the year
///     H h a      hour of 24; hour of 12 with AM or PM
///     m s S      minute, second, fraction (of as many digits as there are letters, or fewer)
///     X x Z      distance from UTC
///     [ ] ' '    what may be missing; what stands as it is
///
/// Two letters and more are as many digits; one letter is as many digits as there are.
struct TimePattern: Hashable, Sendable {
    /// Why a text is no pattern.
    struct Fault: Error {
        let reason: String
    }

    enum Item: Hashable, Sendable {
        case number(Field, digits: ClosedRange<Int>)
        case fraction(digitsMax: Int)
        case monthName
        case halfDay
        case offset
        case literal(UInt8)
        /// What follows, up to before the item at the index, may be missing.
        case optional(end: Int)
    }

    enum Field: Int, Hashable, Sendable {
        case year, shortYear, month, day, dayOfYear, hour, halfHour, minute, second
    }

    private(set) var items: [Item] = []
    /// The pattern as it was written.
    let text: String

    /// The longest text that is read.
    static let textBytesMax = 128

    /// Reads a pattern.
    init(parsing text: String) throws(Fault) {
        self.text = text
        var rest = Array(text.utf8)[...]
        var open: Int?
        while let byte = rest.first {
            switch byte {
            case UInt8(ascii: "["):
                guard open == nil else { throw Fault(reason: "a [ inside of [ ] is not read") }
                open = items.count
                items.append(.optional(end: 0))
                rest = rest.dropFirst()
            case UInt8(ascii: "]"):
                guard let start = open else { throw Fault(reason: "a ] without a [") }
                items[start] = .optional(end: items.count)
                open = nil
                rest = rest.dropFirst()
            case UInt8(ascii: "'"): try takeQuoted(&rest)
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"):
                let count = rest.prefix { $0 == byte }.count
                items.append(try Self.item(Character(Unicode.Scalar(byte)), count))
                rest = rest.dropFirst(count)
            default:
                items.append(.literal(byte))
                rest = rest.dropFirst()
            }
        }
        guard open == nil else { throw Fault(reason: "a [ is not closed") }
        guard !items.isEmpty else { throw Fault(reason: "it is empty") }
    }

    private mutating func takeQuoted(_ rest: inout ArraySlice<UInt8>) throws(Fault) {
        let quote = UInt8(ascii: "'")
        rest = rest.dropFirst()
        if rest.first == quote {
            items.append(.literal(quote))
            rest = rest.dropFirst()
            return
        }
        while let byte = rest.popFirst() {
            if byte != quote {
                items.append(.literal(byte))
            } else if rest.first == quote {
                items.append(.literal(quote))
                rest = rest.dropFirst()
            } else {
                return
            }
        }
        throw Fault(reason: "a ' is not closed")
    }

    private static func item(_ letter: Character, _ count: Int) throws(Fault) -> Item {
        let two = count == 1 ? 1...2 : 2...2
        switch (letter, count) {
        case ("y", 2), ("u", 2): return .number(.shortYear, digits: 2...2)
        case ("y", 1), ("y", 4), ("u", 1), ("u", 4): return .number(.year, digits: 4...4)
        case ("M", 1...2), ("L", 1...2): return .number(.month, digits: two)
        case ("M", 3), ("L", 3): return .monthName
        case ("d", 1...2): return .number(.day, digits: two)
        case ("D", 1): return .number(.dayOfYear, digits: 1...3)
        case ("D", 3): return .number(.dayOfYear, digits: 3...3)
        case ("H", 1...2): return .number(.hour, digits: two)
        case ("h", 1...2): return .number(.halfHour, digits: two)
        case ("m", 1...2): return .number(.minute, digits: two)
        case ("s", 1...2): return .number(.second, digits: two)
        case ("S", 1...9): return .fraction(digitsMax: count)
        case ("a", 1): return .halfDay
        case ("X", 1...5), ("x", 1...5), ("Z", 1...5): return .offset
        case ("z", _), ("V", _), ("O", _):
            throw Fault(
                reason: "names of zones are not read; give the column's zone as \"timeZone\"")
        default:
            throw Fault(
                reason: "\"\(String(repeating: letter, count: count))\" means nothing here; the "
                    + "letters are y M d D H h a m s S X, and text stands between ' '")
        }
    }

    /// Whether it has a year with month and day, or the day of the year.
    var hasDate: Bool {
        let fields = items.compactMap { if case .number(let field, _) = $0 { field } else { nil } }
        let hasYear = fields.contains(.year) || fields.contains(.shortYear)
        let hasMonth = fields.contains(.month) || items.contains(.monthName)
        return hasYear && (fields.contains(.dayOfYear) || (hasMonth && fields.contains(.day)))
    }

    /// Whether it has something of a time of day.
    var hasTime: Bool {
        items.contains { item in
            switch item {
            case .number(let field, _): field.rawValue >= Field.hour.rawValue
            case .fraction, .halfDay, .offset: true
            default: false
            }
        }
    }
}

/// What a text of a pattern says.
private struct PatternValues {
    /// By field; negative for none.
    var numbers = InlineArray<9, Int>(repeating: -1)
    var fraction: Int64 = 0
    var isAfternoon: Bool?
    var offsetSeconds: Int?

    subscript(_ field: TimePattern.Field) -> Int? {
        numbers[field.rawValue] < 0 ? nil : numbers[field.rawValue]
    }

    var date: CivilDate? {
        guard let year = self[.year] ?? self[.shortYear].map({ 2_000 + $0 }), year >= 1 else {
            return nil
        }
        if let day = self[.dayOfYear] {
            let first = CivilDate(year: year, month: 1, day: 1)
            let date = CivilDate(daysSinceEpoch: first.daysSinceEpoch + day - 1)
            return day >= 1 && date.year == year ? date : nil
        }
        guard let month = self[.month], let day = self[.day] else { return nil }
        let date = CivilDate(year: year, month: month, day: day)
        return date.isValid ? date : nil
    }

    /// Microseconds since midnight.
    var inDay: Int64? {
        var hour = self[.hour] ?? 0
        if let half = self[.halfHour] {
            guard 1...12 ~= half else { return nil }
            hour = half % 12 + (isAfternoon ?? false ? 12 : 0)
        }
        let (minute, second) = (self[.minute] ?? 0, self[.second] ?? 0)
        guard hour < 24, minute < 60, second < 60 else { return nil }
        return Int64(hour * 3_600 + minute * 60 + second) * 1_000_000 + fraction
    }
}

extension TimePattern {
    /// The time that a text of this pattern tells, or `nil`.
    func scan(_ bytes: UnsafePointer<UInt8>, _ count: Int) -> ScannedTime? {
        guard count <= Self.textBytesMax else { return nil }
        var values = PatternValues()
        var cursor = unsafe TimeCursor(bytes: bytes, count: count)
        guard unsafe take(0..<items.count, &cursor, &values), unsafe cursor.isAtEnd,
            let date = values.date, let inDay = values.inDay
        else { return nil }
        return ScannedTime(
            micros: Int64(date.daysSinceEpoch) * microsPerDay + inDay,
            offsetSeconds: values.offsetSeconds)
    }

    /// Takes what items say from a text; an optional part that is not there is passed over.
    private func take(
        _ range: Range<Int>, _ cursor: inout TimeCursor, _ values: inout PatternValues
    ) -> Bool {
        var index = range.lowerBound
        while index < range.upperBound {
            defer { index += 1 }
            switch items[index] {
            case .optional(let end):
                let (before, known) = unsafe (cursor, values)
                if unsafe !take(index + 1..<end, &cursor, &values) {
                    unsafe cursor = before
                    values = known
                }
                index = end - 1
            case .literal(let byte): guard unsafe cursor.take(byte) else { return false }
            case .number(let field, let digits):
                guard let number = unsafe cursor.number(digits) else { return false }
                values.numbers[field.rawValue] = number
            case .fraction(let digitsMax):
                guard let micros = unsafe cursor.fraction(digitsMax) else { return false }
                values.fraction = micros
            case .monthName:
                guard let month = unsafe cursor.monthName() else { return false }
                values.numbers[Field.month.rawValue] = month
            case .halfDay:
                guard let isAfternoon = unsafe cursor.halfDay() else { return false }
                values.isAfternoon = isAfternoon
            case .offset:
                guard let offset = unsafe cursor.offset() else { return false }
                values.offsetSeconds = offset
            }
        }
        return true
    }
}

/// A pattern, or none, where a pointer is needed.
final class TimePatternBox {
    let pattern: TimePattern?

    init(_ pattern: TimePattern?) { self.pattern = pattern }
}
