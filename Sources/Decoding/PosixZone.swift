import Columnar

/// The rule for all years to come that ends a TZif file: POSIX's TZ, with the extensions of
/// RFC 8536 (quoted names, times of day from -167 to 167 hours).
struct PosixZone: Sendable {
    /// A day of each year.
    enum Day: Sendable {
        /// Day `1…365`, never counting 29 February.
        case julian(Int)
        /// Day `0…365`, counting 29 February.
        case ordinal(Int)
        /// Weekday `0…6` (0 is Sunday) of week `1…5` (5 is the last) of a month.
        case weekday(month: Int, week: Int, day: Int)

        /// Days since the epoch in a year.
        func days(in year: Int) -> Int {
            let january = CivilDate(year: year, month: 1, day: 1).daysSinceEpoch
            switch self {
            case .julian(let day):
                let isLeap = CivilDate.days(inMonth: 2, of: year) == 29
                return january + day - 1 + (isLeap && day >= 60 ? 1 : 0)
            case .ordinal(let day): return january + day
            case .weekday(let month, let week, let day):
                let first = CivilDate(year: year, month: month, day: 1).daysSinceEpoch
                // 1970-01-01 was a Thursday, day 4.
                let weekday = floorModulo(first + 4, 7)
                var date = first + floorModulo(day - weekday, 7) + (week - 1) * 7
                if date >= first + CivilDate.days(inMonth: month, of: year) { date -= 7 }
                return date
            }
        }
    }

    /// When daylight saving time starts or ends: a day, and seconds of the wall clock after its
    /// midnight.
    struct Moment: Sendable {
        var day: Day
        var seconds: Int64
    }

    struct Daylight: Sendable {
        var offset: Int64
        var start: Moment
        var end: Moment
    }

    let standardOffset: Int64
    let daylight: Daylight?

    /// The stretch of time around a moment (seconds UTC) that has one offset.
    func period(containing time: Int64) -> TimeZoneRules.Period {
        guard let daylight else {
            return TimeZoneRules.Period(start: .min, end: .max, offset: standardOffset)
        }
        let clamped = min(max(time, -(1 << 50)), 1 << 50)
        let year = CivilDate(daysSinceEpoch: Int(floorDivide(clamped, 86_400))).year
        var changes: [(time: Int64, offset: Int64)] = []
        for year in (year - 1)...(year + 1) {
            let start = Int64(daylight.start.day.days(in: year)) * 86_400 + daylight.start.seconds
            let end = Int64(daylight.end.day.days(in: year)) * 86_400 + daylight.end.seconds
            changes.append((start - standardOffset, daylight.offset))
            changes.append((end - daylight.offset, standardOffset))
        }
        changes.sort { $0.time < $1.time }
        // Three years around the moment: there is a change before it and one after.
        var period = TimeZoneRules.Period(
            start: .min, end: changes[0].time,
            offset: changes[0].offset == standardOffset
                ? daylight.offset : standardOffset)
        for (index, change) in changes.enumerated() where change.time <= clamped {
            let end = index + 1 < changes.count ? changes[index + 1].time : change.time + 86_400
            period = TimeZoneRules.Period(start: change.time, end: end, offset: change.offset)
        }
        return period
    }
}

private func floorModulo(_ value: Int, _ divisor: Int) -> Int {
    value - floorDivide(value, divisor) * divisor
}

extension PosixZone {
    /// Reads a TZ string such as `EST5EDT,M3.2.0,M11.1.0`, or gives `nil`.
    init?(parsing text: [UInt8]) {
        var reader = Reader(bytes: text)
        guard reader.name(), let standard = reader.time(hoursMax: 24) else { return nil }
        standardOffset = -standard
        if reader.isAtEnd {
            daylight = nil
            return
        }
        guard reader.name() else { return nil }
        var offset = standardOffset + 3_600
        if reader.peek != UInt8(ascii: ",") {
            guard let written = reader.time(hoursMax: 24) else { return nil }
            offset = -written
        }
        guard reader.take(","), let start = reader.moment(), reader.take(","),
            let end = reader.moment(), reader.isAtEnd
        else { return nil }
        daylight = Daylight(offset: offset, start: start, end: end)
    }

    private struct Reader {
        let bytes: [UInt8]
        var index = 0

        init(bytes: [UInt8]) { self.bytes = bytes }

        var isAtEnd: Bool { index == bytes.count }
        var peek: UInt8 { isAtEnd ? 0 : bytes[index] }

        mutating func take(_ character: Character) -> Bool {
            guard let ascii = character.asciiValue, peek == ascii else { return false }
            index += 1
            return true
        }

        /// A zone's abbreviation: letters, or anything between angle brackets.
        mutating func name() -> Bool {
            if take("<") {
                while !isAtEnd { if take(">") { return true } else { index += 1 } }
                return false
            }
            let start = index
            while (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(peek | 0x20) { index += 1 }
            return index - start >= 3
        }

        mutating func number(max: Int) -> Int? {
            var value = 0
            let start = index
            while peek >= UInt8(ascii: "0"), peek <= UInt8(ascii: "9"), index - start < 4 {
                value = value * 10 + Int(peek - UInt8(ascii: "0"))
                index += 1
            }
            return index > start && value <= max ? value : nil
        }

        /// `[+-]h[h[h]][:mm[:ss]]` in seconds.
        mutating func time(hoursMax: Int) -> Int64? {
            let isNegative = take("-")
            if !isNegative { _ = take("+") }
            guard let hours = number(max: hoursMax) else { return nil }
            var seconds = hours * 3_600
            if take(":") {
                guard let minutes = number(max: 59) else { return nil }
                seconds += minutes * 60
                if take(":") {
                    guard let rest = number(max: 59) else { return nil }
                    seconds += rest
                }
            }
            return Int64(isNegative ? -seconds : seconds)
        }

        mutating func moment() -> Moment? {
            guard let day = day() else { return nil }
            guard take("/") else { return Moment(day: day, seconds: 7_200) }
            guard let seconds = time(hoursMax: 167) else { return nil }
            return Moment(day: day, seconds: seconds)
        }

        private mutating func day() -> Day? {
            if take("J") {
                guard let day = number(max: 365), day >= 1 else { return nil }
                return .julian(day)
            }
            guard take("M") else { return number(max: 365).map { .ordinal($0) } }
            guard let month = number(max: 12), month >= 1, take("."),
                let week = number(max: 5), week >= 1, take("."), let day = number(max: 6)
            else { return nil }
            return .weekday(month: month, week: week, day: day)
        }
    }
}
