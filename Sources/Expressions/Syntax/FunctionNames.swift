/// The names of functions: case does not matter, some have several.
enum FunctionNames {
    static let aliases: [String: String] = [
        "ceiling": "ceil", "power": "pow", "signum": "sign", "char_length": "length",
        "character_length": "length", "len": "length", "substr": "substring", "ucase": "upper",
        "lcase": "lower", "ifnull": "coalesce", "nvl": "coalesce", "dayofmonth": "day",
        "week": "weekofyear", "date_diff": "datediff", "dateadd": "date_add",
        "now": "current_timestamp",
        "curdate": "current_date", "mean": "avg", "first_value": "first", "last_value": "last",
        "stddev": "stddev_samp", "std": "stddev_samp", "variance": "var_samp",
        "every": "bool_and", "any": "bool_or", "some": "bool_or", "dow": "dayofweek",
        "doy": "dayofyear",
    ]

    /// The name under which a function is known here.
    static func canonical(_ name: String) -> String {
        let lower = name.lowercased()
        return aliases[lower] ?? lower
    }

    /// The names that Spark writes in upper case when it names a column after a call.
    private static let upperCase: Set<String> = [
        "cbrt", "ceil", "exp", "floor", "log", "log10", "log2", "power", "signum", "sqrt",
    ]

    /// The name as Spark writes it in a column's name.
    static func pretty(_ name: String) -> String {
        let lower = name.lowercased()
        return upperCase.contains(lower) ? lower.uppercased() : lower
    }

    /// Whether the function is a type's name, which casts to it.
    static func isCast(_ name: String) -> Bool {
        ["bigint", "boolean", "date", "double", "int", "string", "timestamp"]
            .contains(name.lowercased())
    }
}
