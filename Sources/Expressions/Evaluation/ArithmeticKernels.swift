import Columnar

extension Frame {
    func arithmetic(
        _ operation: Arithmetic, _ node: Node, _ left: Operand, _ right: Operand, isTry: Bool
    ) throws(ExpressionError) -> Operand {
        let (values, failures): (Buffer, Bitmap?)
        switch node.arguments[0].type {
        case .int: (values, failures) = integers(operation, Lane<Int32>(left), Lane<Int32>(right))
        case .double:
            (values, failures) = doubles(operation, Lane<Double>(left), Lane<Double>(right))
        case .decimal:
            (values, failures) = decimals(operation, node, left, right)
        default: (values, failures) = integers(operation, Lane<Int64>(left), Lane<Int64>(right))
        }
        return try finish(
            node, values, failures, [left, right],
            validity: validity(left.validity, and: right.validity), isTry: isTry)
    }

    private func integers<T: LaneValue & FixedWidthInteger & SignedInteger>(
        _ operation: Arithmetic, _ left: Lane<T>, _ right: Lane<T>
    ) -> (Buffer, Bitmap?) {
        switch operation {
        case .add:
            // Overflow: both operands have the sign that the sum has not.
            return map(left, right, count) { a, b in
                let sum = a &+ b
                return (sum, (a ^ sum) & (b ^ sum) < 0)
            }
        case .subtract:
            return map(left, right, count) { a, b in
                let difference = a &- b
                return (difference, (a ^ b) & (a ^ difference) < 0)
            }
        case .multiply:
            return map(left, right, count) { a, b in
                let (product, overflow) = a.multipliedReportingOverflow(by: b)
                return (product, overflow)
            }
        case .divide, .integralDivide:
            return map(left, right, count) { a, b in
                let (quotient, overflow) = a.dividedReportingOverflow(by: b)
                return (quotient, overflow)
            }
        case .remainder:
            return map(left, right, count) { (a: T, b: T) -> (T, Bool) in
                // The remainder by -1 is 0, also of the least integer.
                b == 0 ? (0, true) : (b == -1 ? 0 : a % b, false)
            }
        case .positiveRemainder:
            return map(left, right, count) { (a: T, b: T) -> (T, Bool) in
                if b == 0 { return (0, true) }
                let remainder = b == -1 ? 0 : a % b
                // Spark: ((a % b) + b) % b for a negative remainder.
                return (remainder < 0 ? (remainder &+ b) % b : remainder, false)
            }
        }
    }

    /// Double arithmetic with one operand of longs, which are converted on the way: the left one,
    /// or the right one.
    func mixedArithmetic(
        _ operation: Arithmetic, _ node: Node, _ left: Operand, _ right: Operand, leftIsLong: Bool,
        isTry: Bool
    ) throws(ExpressionError) -> Operand {
        if left.isNullConstant || right.isNullConstant { return .constant(.null) }
        let (values, failures) =
            leftIsLong
            ? doubles(operation, Lane<Int64>(left), Lane<Double>(right))
            : doubles(operation, Lane<Double>(left), Lane<Int64>(right))
        return try finish(
            node, values, failures, [left, right],
            validity: validity(left.validity, and: right.validity), isTry: isTry)
    }

    private func doubles<A: DoubleLaneValue, B: DoubleLaneValue>(
        _ operation: Arithmetic, _ left: Lane<A>, _ right: Lane<B>
    ) -> (Buffer, Bitmap?) {
        switch operation {
        case .add: return map(left, right, count) { ($0.asDouble + $1.asDouble, false) }
        case .subtract: return map(left, right, count) { ($0.asDouble - $1.asDouble, false) }
        case .multiply: return map(left, right, count) { ($0.asDouble * $1.asDouble, false) }
        case .divide, .integralDivide:
            return map(left, right, count) { ($0.asDouble / $1.asDouble, $1.asDouble == 0) }
        case .remainder:
            return map(left, right, count) {
                let divisor = $1.asDouble
                return ($0.asDouble.truncatingRemainder(dividingBy: divisor), divisor == 0)
            }
        case .positiveRemainder:
            return map(left, right, count) {
                let divisor = $1.asDouble
                let remainder = $0.asDouble.truncatingRemainder(dividingBy: divisor)
                let positive =
                    remainder < 0
                    ? (remainder + divisor).truncatingRemainder(dividingBy: divisor) : remainder
                return (positive, divisor == 0)
            }
        }
    }

    func negate(
        _ node: Node, _ operand: Operand, isTry: Bool
    ) throws(ExpressionError) -> Operand {
        let (values, failures): (Buffer, Bitmap?)
        switch node.type.layout {
        case .int32: (values, failures) = negated(Lane<Int32>(operand))
        case .float64: (values, failures) = map(Lane<Double>(operand), count) { (-$0, false) }
        case .int128: (values, failures) = negated(Lane<Int128>(operand))
        default: (values, failures) = negated(Lane<Int64>(operand))
        }
        return try finish(
            node, values, failures, [operand], validity: operand.validity, isTry: isTry)
    }

    private func negated<T: LaneValue & FixedWidthInteger>(
        _ lane: Lane<T>
    ) -> (Buffer, Bitmap?) {
        map(lane, count) { (0 &- $0, $0 == T.min) }
    }
}
