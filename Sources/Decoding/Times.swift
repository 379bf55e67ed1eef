import Columnar
import Glibc

// Dates and times from text, as Spark casts strings, in the proleptic Gregorian calendar.

/// 9999-12-31T23:59:59.999999Z, the last time there is.
public let timestampMicrosMax: Int64 = 253_402_300_799_999_999
/// 0001-01-01T00:00:00Z, the first.
let timestampMicrosMin: Int64 = -62_135_596_800_000_000

/// A wall-clock time and, where the text has one, its distance from UTC.
struct ScannedTime {
    /// Microseconds since 1970-01-01T00:00:00 on that clock.
    var micros: Int64 = 0
    var offsetSeconds: Int?
}

/// Reads digits and separators of a date or time, left to right.
@unsafe
struct TimeCursor {
    let bytes: UnsafePointer<UInt8>
    let count: Int
    var index = 0

    var isAtEnd: Bool { unsafe index == count }

    /// The next byte, or 0 at the end.
    var peek: UInt8 { unsafe index < count ? bytes[index] : 0 }

    mutating func take(_ byte: UInt8) -> Bool {
        guard unsafe peek == byte else { return false }
        unsafe index += 1
        return true
    }

    /// A number of `digits` digits, as many as there are.
    mutating func number(_ digits: ClosedRange<Int>) -> Int? {
        var value = 0
        var taken = 0
        while unsafe index < count, taken < digits.upperBound {
            let digit = unsafe bytes[index] &- UInt8(ascii: "0")
            guard digit < 10 else { break }
            value = value * 10 + Int(digit)
            unsafe index += 1
            taken += 1
        }
        return taken >= digits.lowerBound ? value : nil
    }

    /// Whether a digit comes next.
    private var isAtDigit: Bool { unsafe peek &- UInt8(ascii: "0") < 10 }

    /// `yyyy[-m[m][-d[d]]]`, or, as ISO 8601's basic form, `yyyymmdd`.
    mutating func date() -> CivilDate? {
        guard let year = unsafe number(4...4) else { return nil }
        var date = CivilDate(year: year, month: 1, day: 1)
        guard unsafe take(UInt8(ascii: "-")) else {
            if unsafe isAtDigit { return unsafe basicDate(year) }
            return year >= 1 ? date : nil
        }
        guard let month = unsafe number(1...2) else { return nil }
        date.month = month
        if unsafe take(UInt8(ascii: "-")) {
            guard let day = unsafe number(1...2) else { return nil }
            date.day = day
        }
        return date.isValid && year >= 1 ? date : nil
    }

    /// `mmdd`.
    @inline(never)
    private mutating func basicDate(_ year: Int) -> CivilDate? {
        guard let month = unsafe number(2...2), let day = unsafe number(2...2), unsafe !isAtDigit
        else { return nil }
        let date = CivilDate(year: year, month: month, day: day)
        return date.isValid && year >= 1 ? date : nil
    }

    /// `h[h]:m[m][:s[s][.digits]]`, or `hhmm[ss[.digits]]`, in microseconds; digits below a
    /// microsecond are cut off, and a comma may stand before them.
    mutating func timeOfDay() -> Int64? {
        guard let hour = unsafe number(1...2), hour < 24 else { return nil }
        guard unsafe take(UInt8(ascii: ":")) else {
            return unsafe isAtDigit ? basicTime(hour) : nil
        }
        guard let minute = unsafe number(1...2), minute < 60 else { return nil }
        let micros = Int64(hour * 3_600 + minute * 60) * 1_000_000
        guard unsafe take(UInt8(ascii: ":")) else { return micros }
        guard let second = unsafe number(1...2), second < 60 else { return nil }
        return unsafe fractionBehind(micros + Int64(second) * 1_000_000)
    }

    /// `mm[ss[.digits]]`.
    @inline(never)
    private mutating func basicTime(_ hour: Int) -> Int64? {
        guard let minute = unsafe number(2...2), minute < 60 else { return nil }
        let micros = Int64(hour * 3_600 + minute * 60) * 1_000_000
        guard unsafe isAtDigit else { return micros }
        guard let second = unsafe number(2...2), second < 60 else { return nil }
        return unsafe fractionBehind(micros + Int64(second) * 1_000_000)
    }

    /// A time in microseconds with the fraction that may follow.
    @inline(__always)
    private mutating func fractionBehind(_ micros: Int64) -> Int64? {
        guard unsafe take(UInt8(ascii: ".")) || take(UInt8(ascii: ",")) else { return micros }
        let start = unsafe index
        guard let fraction = unsafe number(0...6) else { return nil }
        var scaled = Int64(fraction)
        for _ in (unsafe index - start)..<6 { scaled *= 10 }
        _ = unsafe number(0...30)
        return micros + scaled
    }

    /// The digits of a fraction of a second in microseconds; those below one are cut off.
    mutating func fraction(_ digitsMax: Int) -> Int64? {
        let start = unsafe index
        guard let first = unsafe number(1...min(6, digitsMax)) else { return nil }
        var scaled = Int64(first)
        for _ in (unsafe index - start)..<6 { scaled *= 10 }
        if digitsMax > 6 { _ = unsafe number(0...(digitsMax - 6)) }
        return scaled
    }

    /// `Jan`, in any case, as the number of the month.
    mutating func monthName() -> Int? {
        guard unsafe count - index >= 3 else { return nil }
        let name = (0..<3).map { unsafe bytes[index + $0] | 0x20 }
        let names = Array("janfebmaraprmayjunjulaugsepoctnovdec".utf8)
        for month in 0..<12 where names[(3 * month)..<(3 * month + 3)].elementsEqual(name) {
            unsafe index += 3
            return month + 1
        }
        return nil
    }

    /// `AM` or `PM`, in any case: whether it is the second.
    mutating func halfDay() -> Bool? {
        guard unsafe count - index >= 2, unsafe bytes[index + 1] | 0x20 == UInt8(ascii: "m") else {
            return nil
        }
        let isAfternoon: Bool
        switch unsafe bytes[index] | 0x20 {
        case UInt8(ascii: "a"): isAfternoon = false
        case UInt8(ascii: "p"): isAfternoon = true
        default: return nil
        }
        unsafe index += 2
        return isAfternoon
    }

    /// `Z`, `UTC`, `GMT`, `[UTC|GMT]±h[h][:mm[:ss]]` or `±hhmm`, in seconds east of UTC.
    mutating func offset() -> Int? {
        if unsafe take(UInt8(ascii: "Z")) || take(UInt8(ascii: "z")) { return 0 }
        let isNamed = unsafe takeName("UTC") || takeName("GMT") || takeName("UT")
        if isNamed, unsafe isAtEnd { return 0 }
        let sign = unsafe take(UInt8(ascii: "+")) ? 1 : (take(UInt8(ascii: "-")) ? -1 : 0)
        guard sign != 0, var hours = unsafe number(1...4) else { return nil }
        var minutes = 0
        var seconds = 0
        if hours >= 100 {
            (hours, minutes) = (hours / 100, hours % 100)
        } else if unsafe take(UInt8(ascii: ":")) {
            guard let value = unsafe number(2...2) else { return nil }
            minutes = value
            if unsafe take(UInt8(ascii: ":")) {
                guard let value = unsafe number(2...2) else { return nil }
                seconds = value
            }
        }
        guard minutes < 60, seconds < 60, case let total = hours * 3_600 + minutes * 60 + seconds,
            total <= 18 * 3_600
        else { return nil }
        return sign * total
    }

    private mutating func takeName(_ name: StaticString) -> Bool {
        let length = name.utf8CodeUnitCount
        guard unsafe count - index >= length,
            unsafe memcmp(bytes + index, name.utf8Start, length) == 0
        else { return false }
        unsafe index += length
        return true
    }
}

/// A timestamp in one of Spark's forms, in ISO 8601's basic form or kdb's with a `D`, or `nil`.
func scanISOTimestamp(_ bytes: UnsafePointer<UInt8>, _ count: Int) -> ScannedTime? {
    var cursor = unsafe TimeCursor(bytes: bytes, count: count)
    guard let date = unsafe cursor.date() else { return nil }
    var time = ScannedTime(micros: Int64(date.daysSinceEpoch) * microsPerDay)
    if unsafe cursor.isAtEnd { return time }
    guard
        unsafe cursor.take(UInt8(ascii: "T")) || cursor.take(UInt8(ascii: " "))
            || cursor.take(UInt8(ascii: "t")) || cursor.take(UInt8(ascii: "D"))
    else { return nil }
    guard let inDay = unsafe cursor.timeOfDay() else { return nil }
    time.micros += inDay
    if unsafe cursor.isAtEnd { return time }
    _ = unsafe cursor.take(UInt8(ascii: " "))
    guard let offset = unsafe cursor.offset(), unsafe cursor.isAtEnd else { return nil }
    time.offsetSeconds = offset
    return time
}

/// A date `yyyy[-m[m][-d[d]]]` in days since the epoch, or `nil`.
func scanISODate(_ bytes: UnsafePointer<UInt8>, _ count: Int) -> Int32? {
    var cursor = unsafe TimeCursor(bytes: bytes, count: count)
    guard let date = unsafe cursor.date(), unsafe cursor.isAtEnd else { return nil }
    return Int32(date.daysSinceEpoch)
}

/// A date `yyyymmdd` in days since the epoch, or `nil`.
func scanBasicDate(_ bytes: UnsafePointer<UInt8>, _ count: Int) -> Int32? {
    guard count == 8 else { return nil }
    var cursor = unsafe TimeCursor(bytes: bytes, count: count)
    guard let number = unsafe cursor.number(8...8) else { return nil }
    let date = CivilDate(year: number / 10_000, month: number / 100 % 100, day: number % 100)
    return date.isValid && date.year >= 1 ? Int32(date.daysSinceEpoch) : nil
}

/// A distance from UTC such as `+05:30` or `UTC`, in seconds, or `nil` for anything else.
func scanOffset(_ text: String) -> Int? {
    var copy = text
    return copy.withUTF8 { bytes in
        guard let base = bytes.baseAddress else { return nil }
        var cursor = unsafe TimeCursor(bytes: base, count: bytes.count)
        guard let offset = unsafe cursor.offset(), unsafe cursor.isAtEnd else { return nil }
        return offset
    }
}

/// The first date in a file's name, `yyyymmdd`, `yyyy-mm-dd` or `yyyy_mm_dd` between characters
/// that are no digits, in days since the epoch.
func dateInFileName(_ name: String) -> Int32? {
    let bytes = Array(name.utf8)
    func isDigit(_ index: Int) -> Bool {
        bytes.indices.contains(index) && bytes[index] >= 0x30 && bytes[index] <= 0x39
    }
    for start in bytes.indices where isDigit(start) && !isDigit(start - 1) {
        for (length, separators) in [(8, [Int]()), (10, [4, 7])] {
            guard start + length <= bytes.count, !isDigit(start + length) else { continue }
            let part = bytes[start..<(start + length)]
            let digits = part.enumerated().filter { !separators.contains($0.offset) }
            let between = separators.map { part[start + $0] }
            guard between.allSatisfy({ $0 == 0x2d || $0 == 0x5f }) else { continue }
            let text = digits.map(\.element)
            let days = unsafe text.withUnsafeBufferPointer { buffer in
                unsafe buffer.baseAddress.flatMap { unsafe scanBasicDate($0, text.count) }
            }
            if let days { return days }
        }
    }
    return nil
}
