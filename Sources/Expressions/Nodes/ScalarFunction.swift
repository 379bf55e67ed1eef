import Columnar

/// The functions of one row that are kernels of their own; others are made of operators.
enum ScalarFunction: Hashable, Sendable {
    // Numbers
    case abs(isTry: Bool)
    case sign
    /// To that many digits behind the point, half away from zero; negative: before the point.
    case round(scale: Int)
    case floor
    case ceil
    case sqrt
    case cbrt
    case exp
    case ln
    case log2
    case log10
    /// log(base, x)
    case log
    case pow
    case isNaN
    case greatest
    case least
    // Strings
    case upper
    case lower
    case trim(Trim)
    case length
    case substring
    case concat
    // Dates and timestamps
    case dateField(DateField)
    case timeField(TimeField)
    case truncateDate(DateUnit)
    case truncateTimestamp(TimeUnit)
    /// date + days, or date - days when negated
    case addDays(isNegated: Bool)
    case dateDifference
    case addInterval(CalendarInterval)
    /// The µs of an interval's text, for gaps of sessions.
    case intervalMicros
    /// A timestamp's µs divided, rounding down.
    case unixTime(microsPerUnit: Int64)
    /// A number of units as a timestamp.
    case timestampOf(microsPerUnit: Int64)

    enum Trim: Sendable { case both, leading, trailing }

    enum DateField: String, CaseIterable, Sendable {
        case year, quarter, month, weekofyear, day, dayofweek, weekday, dayofyear
    }

    enum TimeField: String, CaseIterable, Sendable { case hour, minute, second }

    enum DateUnit: String, CaseIterable, Sendable { case year, quarter, month, week }

    enum TimeUnit: Hashable, Sendable {
        case date(DateUnit)
        /// A length that days are whole multiples of.
        case micros(Int64)
    }

    /// Whether some argument can make it fail.
    var canFail: Bool {
        switch self {
        case .abs(let isTry): !isTry
        case .round, .floor, .ceil, .addDays, .addInterval, .intervalMicros, .timestampOf: true
        default: false
        }
    }
}
