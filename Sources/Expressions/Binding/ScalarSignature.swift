/// The functions of one row by name and the numbers of arguments that they take.
enum ScalarSignature {
    static let arities: [String: ClosedRange<Int>] = [
        // Numbers
        "abs": 1...1, "sign": 1...1, "negative": 1...1, "positive": 1...1, "round": 1...2,
        "floor": 1...1, "ceil": 1...1, "sqrt": 1...1, "cbrt": 1...1, "exp": 1...1, "ln": 1...1,
        "log": 1...2, "log2": 1...1, "log10": 1...1, "pow": 2...2, "mod": 2...2, "pmod": 2...2,
        "try_add": 2...2, "try_subtract": 2...2, "try_multiply": 2...2, "try_divide": 2...2,
        "try_mod": 2...2, "div": 2...2, "isnan": 1...1, "nanvl": 2...2,
        // Choice
        "greatest": 2...64, "least": 2...64, "coalesce": 1...64, "nullif": 2...2, "if": 3...3,
        "nvl2": 3...3, "isnull": 1...1, "isnotnull": 1...1, "nullifzero": 1...1,
        "zeroifnull": 1...1,
        // Strings
        "upper": 1...1, "lower": 1...1, "trim": 1...1, "ltrim": 1...1, "rtrim": 1...1,
        "length": 1...1, "substring": 2...3, "concat": 0...64,
        // Dates and timestamps
        "to_date": 1...1, "to_timestamp": 1...1, "date": 1...1, "timestamp": 1...1,
        "date_trunc": 2...2, "trunc": 2...2, "year": 1...1, "quarter": 1...1, "month": 1...1,
        "weekofyear": 1...1, "day": 1...1, "dayofweek": 1...1, "weekday": 1...1, "dayofyear": 1...1,
        "hour": 1...1, "minute": 1...1, "second": 1...1, "date_add": 2...2, "date_sub": 2...2,
        "datediff": 2...2, "unix_micros": 1...1, "unix_millis": 1...1, "unix_seconds": 1...1,
        "unix_date": 1...1, "date_from_unix_date": 1...1, "timestamp_micros": 1...1,
        "timestamp_millis": 1...1, "timestamp_seconds": 1...1, "current_timestamp": 0...0,
        "current_date": 0...0,
        // Casts as functions
        "bigint": 1...1, "boolean": 1...1, "double": 1...1, "int": 1...1, "string": 1...1,
    ]

    static let names = arities.keys.sorted()
}
