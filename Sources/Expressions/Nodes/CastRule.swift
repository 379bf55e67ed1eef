import Columnar

/// Which casts there are, and which of them can fail.
struct CastRule {
    /// Whether some value of the one type is none of the other.
    let canFail: Bool

    /// `nil` when there is no cast between the types.
    init?(from source: DataType, to target: DataType) {
        switch (source, target) {
        case _ where source == target: canFail = false
        case (_, .string), (.string, .binary): canFail = false
        case (.string, _): canFail = true
        case (.timestamp, .decimal): canFail = true
        case (.boolean, .decimal(let precision, let scale)): canFail = precision == scale
        case (.boolean, _) where target.isNumeric: canFail = false
        case (_, .boolean) where source.isNumeric: canFail = false
        case (.int, .long), (.int, .double), (.long, .double), (.decimal, .double):
            canFail = false
        case (.long, .int): canFail = true
        case (.double, _) where target.isNumeric: canFail = true
        case (.decimal, .int), (.decimal, .long): canFail = true
        case (_, .decimal(let precision, let scale)):
            guard let digits = source.asDecimal else { return nil }
            canFail =
                digits.precision - digits.scale > precision - scale
                || (digits.precision - digits.scale == precision - scale && digits.scale > scale)
        case (.date, .timestamp): canFail = true
        case (.timestamp, .date): canFail = false
        case (.timestamp, .long), (.timestamp, .double): canFail = false
        case (.timestamp, .int): canFail = true
        case (.int, .timestamp), (.long, .timestamp): canFail = false
        case (.double, .timestamp), (.decimal, .timestamp): canFail = true
        default: return nil
        }
    }

    /// What to write instead of a cast that does not exist.
    static func remedy(from source: DataType, to target: DataType) -> String {
        switch (source, target) {
        case (.date, _) where target.isNumeric: " Use unix_date(…)."
        case (_, .date) where source.isNumeric: " Use date_from_unix_date(…)."
        default: ""
        }
    }
}
