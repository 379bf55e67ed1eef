import Columnar

// Spark's rules of implicit types with ANSI on.

extension DataType {
    /// The decimal that holds every value of an integer type, or the decimal itself.
    var asDecimal: (precision: Int, scale: Int)? {
        switch self {
        case .int: (10, 0)
        case .long: (20, 0)
        case .decimal(let precision, let scale): (precision, scale)
        case .boolean, .double, .string, .binary, .date, .timestamp: nil
        }
    }

    var isDecimal: Bool {
        if case .decimal = self { true } else { false }
    }

    var isIntegral: Bool { self == .int || self == .long }

    /// The decimal type of a result that would need `precision` digits, `scale` of them behind the
    /// point: beyond 38 digits the fraction gives way, down to 6 digits.
    static func adjustedDecimal(precision: Int, scale: Int) -> DataType {
        guard precision > decimalPrecisionMax else {
            return .decimal(precision: precision, scale: scale)
        }
        let integralDigits = precision - scale
        let kept = max(decimalPrecisionMax - integralDigits, min(scale, 6))
        return .decimal(precision: decimalPrecisionMax, scale: kept)
    }

    /// The decimal type that holds the values of both.
    static func widerDecimal(
        _ left: (precision: Int, scale: Int), _ right: (precision: Int, scale: Int)
    ) -> DataType {
        let scale = max(left.scale, right.scale)
        let integral = max(left.precision - left.scale, right.precision - right.scale)
        if integral + scale <= decimalPrecisionMax {
            return .decimal(precision: integral + scale, scale: scale)
        }
        return .decimal(
            precision: decimalPrecisionMax, scale: max(0, decimalPrecisionMax - integral))
    }

    /// The type that two operands of a comparison, or two branches, are brought to; `nil` when
    /// there is none.
    static func common(_ left: DataType, _ right: DataType) -> DataType? {
        if left == right { return left }
        switch (left, right) {
        case (.int, .long), (.long, .int): return .long
        case (.double, _) where right.isNumeric: return .double
        case (_, .double) where left.isNumeric: return .double
        case (.date, .timestamp), (.timestamp, .date): return .timestamp
        case (.string, let other), (let other, .string):
            if other.isIntegral { return .long }
            if other.isDecimal { return .double }
            return other
        default:
            guard let a = left.asDecimal, let b = right.asDecimal else { return nil }
            return widerDecimal(a, b)
        }
    }

    /// The type of `left op right` on decimals.
    static func decimalResult(
        _ arithmetic: Arithmetic, _ left: (precision: Int, scale: Int),
        _ right: (precision: Int, scale: Int)
    ) -> DataType {
        let scale = max(left.scale, right.scale)
        let integral = (left.precision - left.scale, right.precision - right.scale)
        switch arithmetic {
        case .add, .subtract:
            return adjustedDecimal(
                precision: max(integral.0, integral.1) + scale + 1, scale: scale)
        case .multiply:
            return adjustedDecimal(
                precision: left.precision + right.precision + 1, scale: left.scale + right.scale)
        case .divide:
            let fraction = max(6, left.scale + right.precision + 1)
            return adjustedDecimal(
                precision: integral.0 + right.scale + fraction, scale: fraction)
        case .remainder, .positiveRemainder:
            return adjustedDecimal(
                precision: min(integral.0, integral.1) + scale, scale: scale)
        case .integralDivide: return .long
        }
    }
}
