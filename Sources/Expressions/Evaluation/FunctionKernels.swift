import Columnar
import Glibc

extension Frame {
    /// Applies a function none of whose arguments is a null constant.
    func apply(
        _ function: ScalarFunction, _ node: Node, _ operands: [Operand]
    ) throws(ExpressionError) -> Operand {
        switch function {
        case .abs, .sign, .round, .floor, .ceil, .sqrt, .cbrt, .exp, .ln, .log2, .log10, .log,
            .pow:
            return try applyNumeric(function, node, operands)
        case .isNaN:
            let bits = test(Lane<Double>(operands[0]), count) { $0.isNaN }
            return .column(
                Column(bits: operands[0].validity.map { bits & $0 } ?? bits))
        case .greatest, .least: preconditionFailure("these take nulls and are applied before")
        case .upper, .lower, .trim, .length, .substring, .concat:
            return try applyText(function, node, operands)
        case .dateField, .timeField, .truncateDate, .truncateTimestamp, .addDays,
            .dateDifference, .addInterval, .intervalMicros, .unixTime, .timestampOf:
            return try applyTime(function, node, operands)
        }
    }

    /// Builds the result of a kernel over doubles that cannot fail.
    private func doubles(
        _ node: Node, _ operands: [Operand], _ body: (Double) -> Double
    ) throws(ExpressionError) -> Operand {
        let (values, failures) = map(Lane<Double>(operands[0]), count) { (body($0), false) }
        return try finish(
            node, values, failures, operands, validity: operands[0].validity, isTry: true)
    }

    /// Doubles that are null where the argument is not greater than zero.
    private func logarithm(
        _ node: Node, _ operands: [Operand], _ body: (Double) -> Double
    ) throws(ExpressionError) -> Operand {
        let (values, failures) = map(Lane<Double>(operands[0]), count) { (body($0), $0 <= 0) }
        return try finish(
            node, values, failures, operands, validity: operands[0].validity, isTry: true)
    }

    private func applyNumeric(
        _ function: ScalarFunction, _ node: Node, _ operands: [Operand]
    ) throws(ExpressionError) -> Operand {
        switch function {
        case .sqrt: return try doubles(node, operands) { $0.squareRoot() }
        case .cbrt: return try doubles(node, operands) { cubeRoot($0) }
        case .exp: return try doubles(node, operands) { Glibc.exp($0) }
        case .ln: return try logarithm(node, operands) { Glibc.log($0) }
        case .log2: return try logarithm(node, operands) { Glibc.log2($0) }
        case .log10: return try logarithm(node, operands) { Glibc.log10($0) }
        case .sign:
            return try doubles(node, operands) { $0 > 0 ? 1 : $0 < 0 ? -1 : $0 }
        case .log, .pow: return try applyBinary(function, node, operands)
        case .abs(let isTry): return try absolute(node, operands[0], isTry: isTry)
        case .floor, .ceil: return try wholeNumber(node, operands[0], isFloor: function == .floor)
        case .round(let scale): return try round(node, operands[0], scale: scale)
        default: preconditionFailure("not a numeric function")
        }
    }

    private func applyBinary(
        _ function: ScalarFunction, _ node: Node, _ operands: [Operand]
    ) throws(ExpressionError) -> Operand {
        let (left, right) = (Lane<Double>(operands[0]), Lane<Double>(operands[1]))
        let valid = validity(operands[0].validity, and: operands[1].validity)
        let (values, failures): (Buffer, Bitmap?)
        switch function {
        case .log:
            (values, failures) = map(left, right, count) { base, value in
                (Glibc.log(value) / Glibc.log(base), base <= 0 || value <= 0)
            }
        default:
            (values, failures) = map(left, right, count) { base, exponent in
                // Java differs from C: a power of NaN is NaN, and ±1 to ±infinity is NaN.
                let isUndefined =
                    exponent != 0
                    && (exponent.isNaN || (base.magnitude == 1 && exponent.isInfinite))
                return (isUndefined ? .nan : Glibc.pow(base, exponent), false)
            }
        }
        return try finish(node, values, failures, operands, validity: valid, isTry: true)
    }

    private func absolute(
        _ node: Node, _ operand: Operand, isTry: Bool
    ) throws(ExpressionError) -> Operand {
        let (values, failures): (Buffer, Bitmap?)
        switch node.type.layout {
        case .int32: (values, failures) = magnitudes(Lane<Int32>(operand))
        case .float64:
            (values, failures) = map(Lane<Double>(operand), count) { ($0.magnitude, false) }
        case .int128: (values, failures) = magnitudes(Lane<Int128>(operand))
        default: (values, failures) = magnitudes(Lane<Int64>(operand))
        }
        return try finish(
            node, values, failures, [operand], validity: operand.validity, isTry: isTry)
    }

    private func magnitudes<T: LaneValue & FixedWidthInteger & SignedInteger>(
        _ lane: Lane<T>
    ) -> (Buffer, Bitmap?) {
        map(lane, count) { ($0 < 0 ? 0 &- $0 : $0, $0 == T.min) }
    }

    private func wholeNumber(
        _ node: Node, _ operand: Operand, isFloor: Bool
    ) throws(ExpressionError) -> Operand {
        let (values, failures): (Buffer, Bitmap?)
        if case .decimal(_, let scale) = node.arguments[0].type {
            let unit = powerOfTen(scale)
            (values, failures) = withRows(wide(operand)) { value in
                decimalBuffer(node.type) { row in
                    let (quotient, remainder) = value(row).quotientAndRemainder(dividingBy: unit)
                    if isFloor { return remainder < 0 ? quotient - 1 : quotient }
                    return remainder > 0 ? quotient + 1 : quotient
                }
            }
        } else {
            (values, failures) = map(Lane<Double>(operand), count) {
                let whole = isFloor ? $0.rounded(.down) : $0.rounded(.up)
                // NaN becomes 0, as Java converts.
                let fits = whole.isNaN || (whole >= -0x1p63 && whole < 0x1p63)
                return (fits && !whole.isNaN ? Int64(whole) : 0, !fits)
            }
        }
        return try finish(
            node, values, failures, [operand], validity: operand.validity, isTry: false)
    }

    private func round(
        _ node: Node, _ operand: Operand, scale: Int
    ) throws(ExpressionError) -> Operand {
        let (values, failures): (Buffer, Bitmap?)
        switch node.arguments[0].type {
        case .int:
            (values, failures) = map(Lane<Int32>(operand), count) {
                let value = roundedInteger(Int64($0), scale).flatMap(Int32.init(exactly:))
                return (value ?? 0, value == nil)
            }
        case .long:
            (values, failures) = map(Lane<Int64>(operand), count) {
                let value = roundedInteger($0, scale)
                return (value ?? 0, value == nil)
            }
        case .decimal(_, let own):
            let (precision, newScale) = node.type.asDecimal ?? (38, 0)
            (values, failures) = withRows(wide(operand)) { value in
                decimalBuffer(node.type) { row in
                    guard scale < 0 else {
                        return rescaled(value(row), by: newScale - own, precision: precision)
                    }
                    // To tens or more, then back to units.
                    guard let tens = rescaled(value(row), by: scale - own, precision: 38) else {
                        return nil
                    }
                    return rescaled(tens, by: -scale, precision: precision)
                }
            }
        default:
            (values, failures) = map(Lane<Double>(operand), count) {
                (roundedDouble($0, scale), false)
            }
        }
        return try finish(
            node, values, failures, [operand], validity: operand.validity, isTry: false)
    }
}

/// The cube root; of a cube the exact one, which the C library can miss by a bit.
func cubeRoot(_ value: Double) -> Double {
    let root = Glibc.cbrt(value)
    let whole = root.rounded()
    return whole * whole * whole == value ? whole : root
}

/// An integer rounded half away from zero to a power of ten; `nil` when it overflows.
func roundedInteger(_ value: Int64, _ scale: Int) -> Int64? {
    guard scale < 0 else { return value }
    guard scale > -19 else { return 0 }
    return rescaled(Int128(value), by: scale, precision: 38)
        .flatMap { Int64(exactly: $0 * powerOfTen(-scale)) }
}

/// A double rounded half away from zero in decimal digits: of the digits it is written with, not
/// of its binary value.
func roundedDouble(_ value: Double, _ scale: Int) -> Double {
    // Decimals have no negative zero.
    guard value.isFinite, value != 0 else { return value == 0 ? 0 : value }
    if scale >= 0, scale <= 15 {
        let factor = exactPowersOfTen[scale]
        let scaled = value.magnitude * factor
        let whole = scaled.rounded(.down)
        let fraction = scaled - whole
        // Far enough from a tie that the error of the product cannot matter; the quotient of two
        // exact numbers is rounded correctly.
        if scaled < 1e12, abs(fraction - 0.5) > 1e-3 {
            let magnitude = (fraction > 0.5 ? whole + 1 : whole) / factor
            return value < 0 && magnitude != 0 ? -magnitude : magnitude
        }
    }
    let (digits, exponent) = shortestDigits(value.magnitude)
    let kept = exponent + scale
    if kept >= digits.count { return value }
    if kept < 0 { return 0 }
    var number = Int128(0)
    for digit in digits.prefix(kept) { number = number * 10 + Int128(digit - 0x30) }
    if digits[kept] >= 0x35 { number += 1 }
    let magnitude = Double("\(number)e\(-scale)") ?? .nan
    return value < 0 && magnitude != 0 ? -magnitude : magnitude
}
