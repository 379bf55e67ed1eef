/// A day of the proleptic Gregorian calendar, as Spark's dates.
///
/// The conversions are Howard Hinnant's, "chrono-Compatible Low-Level Date Algorithms": a year
/// starts on 1 March, an era is 400 years (146,097 days).
public struct CivilDate: Hashable, Sendable {
    /// The year; 0 is 1 BC.
    public var year: Int
    /// The month, 1…12.
    public var month: Int
    /// The day of the month, 1…31.
    public var day: Int

    /// A day from its parts, which must exist.
    public init(year: Int, month: Int, day: Int) {
        self.year = year
        self.month = month
        self.day = day
    }

    /// A day from the days since 1970-01-01.
    public init(daysSinceEpoch days: Int) {
        let shifted = days + 719_468
        let era = floorDivide(shifted, 146_097)
        let dayOfEra = shifted - era * 146_097
        let yearOfEra =
            (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthFromMarch = (5 * dayOfYear + 2) / 153
        day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
        month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
        year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    }

    /// Days since 1970-01-01, negative before.
    public var daysSinceEpoch: Int {
        let shiftedYear = month <= 2 ? year - 1 : year
        let era = floorDivide(shiftedYear, 400)
        let yearOfEra = shiftedYear - era * 400
        let monthFromMarch = month > 2 ? month - 3 : month + 9
        let dayOfYear = (153 * monthFromMarch + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return era * 146_097 + dayOfEra - 719_468
    }

    /// Whether month and day exist in that year.
    public var isValid: Bool {
        (1...12).contains(month) && day >= 1 && day <= Self.days(inMonth: month, of: year)
    }

    /// The number of days of a month (1…12).
    public static func days(inMonth month: Int, of year: Int) -> Int {
        switch month {
        case 4, 6, 9, 11: return 30
        case 2:
            let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
            return isLeap ? 29 : 28
        default: return 31
        }
    }
}

extension CivilDate: CustomStringConvertible {
    /// `yyyy-mm-dd`; years outside 0…9999 with a sign, as Spark casts a date to a string.
    public var description: String {
        let digits = padded(abs(year), 4)
        let sign = year < 0 ? "-" : year > 9_999 ? "+" : ""
        return "\(sign)\(digits)-\(padded(month, 2))-\(padded(day, 2))"
    }
}

/// Microseconds in a day.
public let microsPerDay: Int64 = 86_400_000_000

/// Division rounding toward negative infinity; the divisor is positive.
@inlinable
public func floorDivide<T: FixedWidthInteger>(_ value: T, _ divisor: T) -> T {
    let (quotient, remainder) = value.quotientAndRemainder(dividingBy: divisor)
    return remainder < 0 ? quotient - 1 : quotient
}

/// A number in decimal digits with leading zeros up to `width`.
func padded(_ value: Int, _ width: Int) -> String {
    let digits = String(value)
    return String(repeating: "0", count: max(0, width - digits.utf8.count)) + digits
}

/// A timestamp as Spark casts it to a string in UTC: `yyyy-mm-dd hh:mm:ss[.ffffff]`, the fraction
/// without trailing zeros.
public func formatTimestamp(micros: Int64) -> String {
    let days = floorDivide(micros, microsPerDay)
    // Not `micros - days * microsPerDay`: for the first day of all that product overflows.
    let remainder = micros % microsPerDay
    let inDay = Int(remainder < 0 ? remainder + microsPerDay : remainder)
    let seconds = inDay / 1_000_000
    var text = "\(CivilDate(daysSinceEpoch: Int(days))) "
    text += "\(padded(seconds / 3_600, 2)):\(padded(seconds / 60 % 60, 2)):"
    text += padded(seconds % 60, 2)
    var fraction = padded(inDay % 1_000_000, 6)
    while fraction.hasSuffix("0") { fraction.removeLast() }
    return fraction.isEmpty ? text : "\(text).\(fraction)"
}
