import Expressions
import Testing

@Suite struct IntervalTests {
    /// Spark's delay strings; a month counts 31 days.
    static let valid: [(String, Int64)] = [
        ("3 days", 259_200_000), ("Interval 3 day", 259_200_000), ("inTerval '3' day", 259_200_000),
        (" 5 hours", 18_000_000), ("\t8 minutes", 480_000), ("10 seconds", 10_000),
        ("1 years", 32_140_800_000), ("1 months", 2_678_400_000),
        ("1 day 2 hours 3 minutes 4 seconds", 93_784_000),
        ("interval '1 2:3:4' day to second", 93_784_000), ("1 year 2 months", 37_497_600_000),
        ("\tinterval '1-2' year to month", 37_497_600_000),
        // Short forms
        ("10s", 10_000), ("5m", 300_000), ("1h", 3_600_000), ("100ms", 100), ("1d", 86_400_000),
        ("1h30m", 5_400_000), ("2w", 1_209_600_000), ("0s", 0), ("1.5 seconds", 1_500),
        ("-10 seconds", -10_000), ("1 year -13 months", -2_678_400_000),
        ("interval '1' hour '30' minutes", 5_400_000), ("INTERVAL '1 day 2 hours'", 93_600_000),
        ("interval '-1 2:3:4' day to second", -93_784_000),
    ]

    @Test(arguments: valid) func isRead(text: String, ms: Int64) throws {
        #expect(try parseInterval(text).delayMicros == ms * 1_000)
    }

    @Test(arguments: [
        "1 foo", "interva 2 day", "intrval '3' day", "interval 4 foo", "interval '5' foo",
        "interval '1 2:3:4' day to hour", "interval '1 2' year to month", "", "interval", "5",
        "seconds", "1.5 hours", "5 s econds", "10 seconds ago", "1..5 seconds",
        "99999999999999999999 seconds", "9223372036854775807 hours",
        "interval '1-13' year to month",
        "interval '1 25:0:0' day to second", "'", "interval '1", "5,seconds",
    ]) func isRefused(text: String) {
        #expect(throws: ExpressionError.self) { try parseInterval(text) }
    }

    @Test func partsAreApart() throws {
        let interval = try parseInterval("1 year 2 months 3 weeks 4 days 5 hours 6.000007 seconds")
        #expect(
            interval == CalendarInterval(months: 14, days: 25, micros: 18_006_000_007))
        #expect(interval.fixedMicros == nil)
        #expect(try parseInterval("2 days 1 microsecond").fixedMicros == 172_800_000_001)
        #expect(CalendarInterval(days: .max, micros: .max).delayMicros == nil)
    }
}
