import Columnar

/// A magnitude of 256 bits, for what decimals need in between.
struct WideMagnitude {
    var high: UInt128
    var low: UInt128

    init(_ left: UInt128, times right: UInt128) {
        (high, low) = left.multipliedFullWidth(by: right)
    }

    /// Multiplies by a power of ten; `false` when 256 bits do not hold it.
    mutating func multiply(byPowerOfTen exponent: Int) -> Bool {
        var left = exponent
        while left > 0 {
            let step = min(left, 38)
            let factor = powerOfTen(step).magnitude
            let (carry, lowProduct) = low.multipliedFullWidth(by: factor)
            let (highProduct, overflow) = high.multipliedReportingOverflow(by: factor)
            let (sum, carryOut) = highProduct.addingReportingOverflow(carry)
            if overflow || carryOut { return false }
            (high, low) = (sum, lowProduct)
            left -= step
        }
        return true
    }

    /// The quotient rounded half up; `nil` when it needs more than 128 bits.
    func divided(by divisor: UInt128) -> UInt128? {
        guard high < divisor else { return nil }
        if high == 0 {
            let (quotient, remainder) = low.quotientAndRemainder(dividingBy: divisor)
            return remainder >= divisor - remainder ? quotient + 1 : quotient
        }
        let (quotient, remainder) = divisor.dividingFullWidth((high, low))
        guard remainder >= divisor - remainder else { return quotient }
        return quotient == .max ? nil : quotient + 1
    }
}

/// An unscaled value brought from one scale to another, rounded half up away from zero; `nil` when
/// it has then more digits than `precision`.
@inline(__always)
func rescaled(_ value: Int128, by shift: Int, precision: Int) -> Int128? {
    var result = value
    if shift > 0 {
        let (product, overflow) = value.multipliedReportingOverflow(by: powerOfTen(min(shift, 38)))
        if overflow || shift > 38 { return value == 0 ? 0 : nil }
        result = product
    } else if shift < 0 {
        if -shift > 38 { return 0 }
        let divisor = powerOfTen(-shift)
        let (quotient, remainder) = value.quotientAndRemainder(dividingBy: divisor)
        let roundsUp = remainder.magnitude * 2 >= divisor.magnitude
        result = roundsUp ? quotient + (value < 0 ? -1 : 1) : quotient
    }
    return result.magnitude < powerOfTen(precision).magnitude ? result : nil
}

extension Frame {
    /// A decimal operand's unscaled values in 128 bits.
    func wide(_ operand: Operand) -> Lane<Int128> {
        guard case .column(let column) = operand, column.type.layout == .int64 else {
            return Lane(operand)
        }
        return Lane(buffer: map(Lane<Int64>(operand), count) { (Int128($0), false) }.values)
    }

    /// A buffer of decimals of a type from a function to 128-bit unscaled values, `nil` where
    /// there is no result.
    @inline(__always)
    func decimalBuffer(
        _ type: DataType, _ body: (Int) -> Int128?
    ) -> (Buffer, Bitmap?) {
        if type.layout == .int64 {
            return fill(count) { row in
                let value = body(row)
                return (Int64(truncatingIfNeeded: value ?? 0), value == nil)
            }
        }
        return fill(count) { row in
            let value = body(row)
            return (value ?? 0, value == nil)
        }
    }

    func decimals(
        _ operation: Arithmetic, _ node: Node, _ left: Operand, _ right: Operand
    ) -> (Buffer, Bitmap?) {
        guard let leftType = node.arguments[0].type.asDecimal,
            let rightType = node.arguments[1].type.asDecimal
        else { preconditionFailure("decimal arithmetic is on decimals") }
        let rule = DecimalRule(operation, leftType.scale, rightType.scale, node.type)
        return withRows(wide(left)) { a in
            withRows(wide(right)) { b in
                switch operation {
                case .add: decimalBuffer(node.type) { rule.sum(a($0), b($0)) }
                case .subtract: decimalBuffer(node.type) { rule.sum(a($0), 0 &- b($0)) }
                case .multiply: decimalBuffer(node.type) { rule.product(a($0), b($0)) }
                case .divide: decimalBuffer(node.type) { rule.quotient(a($0), b($0)) }
                case .remainder:
                    decimalBuffer(node.type) { rule.remainder(a($0), b($0), isPositive: false) }
                case .positiveRemainder:
                    decimalBuffer(node.type) { rule.remainder(a($0), b($0), isPositive: true) }
                case .integralDivide:
                    fill(count) { row in
                        let value = rule.integralQuotient(a(row), b(row))
                        return (value ?? 0, value == nil)
                    }
                }
            }
        }
    }
}

/// How two decimals of given scales combine to one of a given type.
///
/// `nil` is a result that the type cannot hold, or division by zero.
private struct DecimalRule {
    /// The digits behind the point of the exact result before it is rounded to the type's.
    let leftUp: Int
    let rightUp: Int
    let shift: Int
    let precision: Int
    let scale: Int
    let leftScale: Int
    let rightScale: Int

    init(_ operation: Arithmetic, _ leftScale: Int, _ rightScale: Int, _ type: DataType) {
        (precision, scale) = type.asDecimal ?? (20, 0)
        self.leftScale = leftScale
        self.rightScale = rightScale
        let common = max(leftScale, rightScale)
        leftUp = common - leftScale
        rightUp = common - rightScale
        shift = operation == .multiply ? scale - leftScale - rightScale : scale - common
    }

    @inline(__always)
    func sum(_ left: Int128, _ right: Int128) -> Int128? {
        // Both have at most 38 digits; their scales are at most 38 apart.
        guard let a = rescaled(left, by: leftUp, precision: 38),
            let b = rescaled(right, by: rightUp, precision: 38)
        else { return wideSum(left, right) }
        let (sum, overflow) = a.addingReportingOverflow(b)
        if overflow { return wideSum(left, right) }
        return rescaled(sum, by: shift, precision: precision)
    }

    /// A sum whose operands do not fit in 38 digits at their common scale.
    private func wideSum(_ left: Int128, _ right: Int128) -> Int128? {
        var a = WideMagnitude(left.magnitude, times: 1)
        var b = WideMagnitude(right.magnitude, times: 1)
        guard a.multiply(byPowerOfTen: leftUp), b.multiply(byPowerOfTen: rightUp) else {
            return nil
        }
        let isNegative: Bool
        if (left < 0) == (right < 0) {
            let (low, carry) = a.low.addingReportingOverflow(b.low)
            a.high += b.high + (carry ? 1 : 0)
            a.low = low
            isNegative = left < 0
        } else {
            let leftIsLess = (a.high, a.low) < (b.high, b.low)
            if leftIsLess { swap(&a, &b) }
            isNegative = leftIsLess ? right < 0 : left < 0
            let (low, borrow) = a.low.subtractingReportingOverflow(b.low)
            a.high -= b.high + (borrow ? 1 : 0)
            a.low = low
        }
        return bounded(a, isNegative)
    }

    @inline(__always)
    func product(_ left: Int128, _ right: Int128) -> Int128? {
        let (product, overflow) = left.multipliedReportingOverflow(by: right)
        if !overflow { return rescaled(product, by: shift, precision: precision) }
        return bounded(
            WideMagnitude(left.magnitude, times: right.magnitude), (left < 0) != (right < 0))
    }

    /// A magnitude rounded to the result's scale.
    private func bounded(_ value: WideMagnitude, _ isNegative: Bool) -> Int128? {
        var value = value
        let divisor = shift < 0 ? powerOfTen(-shift).magnitude : 1
        if shift > 0, !value.multiply(byPowerOfTen: shift) { return nil }
        guard let quotient = value.divided(by: divisor),
            quotient < powerOfTen(precision).magnitude
        else { return nil }
        return isNegative ? -Int128(quotient) : Int128(quotient)
    }

    func quotient(_ left: Int128, _ right: Int128) -> Int128? {
        if right == 0 { return nil }
        let exponent = scale - leftScale + rightScale
        var numerator = WideMagnitude(left.magnitude, times: 1)
        var divisor = right.magnitude
        if exponent >= 0 {
            guard numerator.multiply(byPowerOfTen: exponent) else { return nil }
        } else {
            let (product, overflow) = divisor.multipliedReportingOverflow(
                by: powerOfTen(-exponent).magnitude)
            if overflow { return 0 }
            divisor = product
        }
        guard let quotient = numerator.divided(by: divisor),
            quotient < powerOfTen(precision).magnitude
        else { return nil }
        return (left < 0) != (right < 0) ? -Int128(quotient) : Int128(quotient)
    }

    func integralQuotient(_ left: Int128, _ right: Int128) -> Int64? {
        if right == 0 { return nil }
        var numerator = WideMagnitude(left.magnitude, times: 1)
        var divisor = WideMagnitude(right.magnitude, times: 1)
        guard numerator.multiply(byPowerOfTen: leftUp), divisor.multiply(byPowerOfTen: rightUp)
        else { return nil }
        if divisor.high > 0 { return divides(numerator, divisor) ? nil : 0 }
        guard numerator.high < divisor.low else { return nil }
        let quotient = divisor.low.dividingFullWidth((numerator.high, numerator.low)).quotient
        guard quotient <= UInt128(Int64.max) + 1 else { return nil }
        let signed = Int128(quotient)
        return Int64(exactly: (left < 0) != (right < 0) ? -signed : signed)
    }

    private func divides(_ numerator: WideMagnitude, _ divisor: WideMagnitude) -> Bool {
        (numerator.high, numerator.low) >= (divisor.high, divisor.low)
    }

    func remainder(_ left: Int128, _ right: Int128, isPositive: Bool) -> Int128? {
        guard right != 0, let a = rescaled(left, by: leftUp, precision: 38),
            let b = rescaled(right, by: rightUp, precision: 38)
        else { return nil }
        var remainder = a % b
        // Spark: ((a % b) + b) % b for a negative remainder, which a negative b leaves as it is.
        if isPositive, remainder < 0, b > 0 { remainder += b }
        return rescaled(remainder, by: shift, precision: precision)
    }
}
