import Columnar

extension Frame {
    func applyTime(
        _ function: ScalarFunction, _ node: Node, _ operands: [Operand]
    ) throws(ExpressionError) -> Operand {
        let (values, failures) = timeValues(function, node, operands)
        var valid = operands[0].validity
        if operands.count == 2 { valid = validity(valid, and: operands[1].validity) }
        return try finish(node, values, failures, operands, validity: valid, isTry: false)
    }

    private func timeValues(
        _ function: ScalarFunction, _ node: Node, _ operands: [Operand]
    ) -> (Buffer, Bitmap?) {
        switch function {
        case .dateField(let field):
            return map(Lane<Int32>(operands[0]), count) { (Self.field(field, of: $0), false) }
        case .timeField(let field):
            let (unit, modulus): (Int64, Int64) =
                switch field {
                case .hour: (3_600_000_000, 24)
                case .minute: (60_000_000, 60)
                case .second: (1_000_000, 60)
                }
            return map(Lane<Int64>(operands[0]), count) {
                let inDay = microsInDay($0)
                return (Int32(truncatingIfNeeded: inDay / unit % modulus), false)
            }
        case .truncateDate(let unit):
            return map(Lane<Int32>(operands[0]), count) {
                let days = Self.truncated(Int($0), to: unit)
                return (Int32(truncatingIfNeeded: days), Int32(exactly: days) == nil)
            }
        case .truncateTimestamp(let unit): return truncated(operands[0], unit)
        case .addDays(let isNegated):
            return map(Lane<Int32>(operands[0]), Lane<Int32>(operands[1]), count) { date, days in
                let (sum, overflow) =
                    isNegated
                    ? date.subtractingReportingOverflow(days) : date.addingReportingOverflow(days)
                return (sum, overflow)
            }
        case .dateDifference:
            return map(Lane<Int32>(operands[0]), Lane<Int32>(operands[1]), count) {
                let (difference, overflow) = $0.subtractingReportingOverflow($1)
                return (difference, overflow)
            }
        case .addInterval(let interval): return shifted(node, operands[0], interval)
        case .intervalMicros:
            let lookup = StringLookup(operands[0], count: count) { text -> Int64? in
                (try? parseInterval(text))?.fixedMicros
            }
            return fill(count) { row in
                let micros = lookup.value(at: row)
                return (micros ?? 0, micros == nil)
            }
        case .unixTime(let unit):
            if unit == 0 { return map(Lane<Int32>(operands[0]), count) { ($0, false) } }
            return map(Lane<Int64>(operands[0]), count) { (floorDivide($0, unit), false) }
        case .timestampOf(let unit):
            if unit == 0 { return map(Lane<Int32>(operands[0]), count) { ($0, false) } }
            return map(Lane<Int64>(operands[0]), count) {
                let (micros, overflow) = $0.multipliedReportingOverflow(by: unit)
                return (micros, overflow)
            }
        default: preconditionFailure("not a function of time")
        }
    }

    private static func field(_ field: ScalarFunction.DateField, of days: Int32) -> Int32 {
        let days = Int(days)
        switch field {
        // 1970-01-01 was a Thursday.
        case .dayofweek: return Int32(modulo(days + 4, 7) + 1)
        case .weekday: return Int32(modulo(days + 3, 7))
        default: break
        }
        let date = CivilDate(daysSinceEpoch: days)
        switch field {
        case .year: return Int32(date.year)
        case .quarter: return Int32((date.month - 1) / 3 + 1)
        case .month: return Int32(date.month)
        case .day: return Int32(date.day)
        case .weekofyear:
            // ISO 8601: the week belongs to the year of its Thursday.
            let thursday = days - modulo(days + 3, 7) + 3
            let year = CivilDate(daysSinceEpoch: thursday).year
            let first = CivilDate(year: year, month: 1, day: 1).daysSinceEpoch
            return Int32((thursday - first) / 7 + 1)
        default:
            let first = CivilDate(year: date.year, month: 1, day: 1).daysSinceEpoch
            return Int32(days - first + 1)
        }
    }

    private static func modulo(_ value: Int, _ divisor: Int) -> Int {
        value - floorDivide(value, divisor) * divisor
    }

    private static func truncated(_ days: Int, to unit: ScalarFunction.DateUnit) -> Int {
        if unit == .week { return days - modulo(days + 3, 7) }
        var date = CivilDate(daysSinceEpoch: days)
        date.day = 1
        switch unit {
        case .year: date.month = 1
        case .quarter: date.month = (date.month - 1) / 3 * 3 + 1
        case .month, .week: break
        }
        return date.daysSinceEpoch
    }

    private func truncated(
        _ operand: Operand, _ unit: ScalarFunction.TimeUnit
    ) -> (Buffer, Bitmap?) {
        switch unit {
        case .micros(let length):
            return map(Lane<Int64>(operand), count) {
                let (micros, overflow) = floorDivide($0, length)
                    .multipliedReportingOverflow(by: length)
                return (micros, overflow)
            }
        case .date(let date):
            return map(Lane<Int64>(operand), count) {
                let days = Self.truncated(Int(floorDivide($0, microsPerDay)), to: date)
                let (micros, overflow) = Int64(days).multipliedReportingOverflow(by: microsPerDay)
                return (micros, overflow)
            }
        }
    }

    private func shifted(
        _ node: Node, _ operand: Operand, _ interval: CalendarInterval
    ) -> (Buffer, Bitmap?) {
        if node.type == .date {
            return map(Lane<Int32>(operand), count) { date in
                let days = Int(date).shifted(months: interval.months) + Int(interval.days)
                return (Int32(truncatingIfNeeded: days), Int32(exactly: days) == nil)
            }
        }
        if interval.months == 0, let length = interval.fixedMicros {
            return map(Lane<Int64>(operand), count) {
                let (sum, overflow) = $0.addingReportingOverflow(length)
                return (sum, overflow)
            }
        }
        return map(Lane<Int64>(operand), count) { micros in
            let day = floorDivide(micros, microsPerDay)
            let days = Int(day).shifted(months: interval.months) + Int(interval.days)
            let (whole, first) = Int64(days).multipliedReportingOverflow(by: microsPerDay)
            let (moved, second) = whole.addingReportingOverflow(microsInDay(micros))
            let (sum, third) = moved.addingReportingOverflow(interval.micros)
            return (sum, first || second || third)
        }
    }
}

/// The time of day of a timestamp in µs.
///
/// The midnight before the least timestamp is none itself: it must not be computed on the way.
@inline(__always)
private func microsInDay(_ micros: Int64) -> Int64 {
    let remainder = micros % microsPerDay
    return remainder < 0 ? remainder + microsPerDay : remainder
}

extension Int {
    /// Days since the epoch moved by months; a day that the month has not becomes its last.
    fileprivate func shifted(months: Int32) -> Int {
        if months == 0 { return self }
        let date = CivilDate(daysSinceEpoch: self)
        let total = date.year * 12 + date.month - 1 + Int(months)
        let year = floorDivide(total, 12)
        let month = total - year * 12 + 1
        let day = Swift.min(date.day, CivilDate.days(inMonth: month, of: year))
        return CivilDate(year: year, month: month, day: day).daysSinceEpoch
    }
}
