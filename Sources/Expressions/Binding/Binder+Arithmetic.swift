import Columnar

extension Binder {
    /// `left op right` on numbers, with Spark's types of operands and result.
    mutating func arithmetic(
        _ operation: Arithmetic, _ nodes: [Node], isTry: Bool, _ syntax: Syntax
    ) -> Node? {
        var pair = nodes
        guard adopt(&pair, operation), promoteStrings(&pair) else { return nil }
        guard pair.allSatisfy(\.type.isNumeric) else {
            let types = pair.map { String(describing: $0.type) }.joined(separator: " and ")
            return report(
                .datatypeMismatch,
                "'\(operation.rawValue)' takes two numbers, not \(types).\(remedy(operation, pair))",
                at: syntax.range)
        }
        if pair.contains(where: { $0.type == .double }) {
            guard operation != .integralDivide else {
                return report(
                    .datatypeMismatch,
                    "'div' takes integers or decimals: use floor(a / b) for doubles.",
                    at: syntax.range)
            }
            return arithmetic(operation, pair, in: .double, isTry, syntax)
        }
        if pair.contains(where: \.type.isDecimal) {
            return decimalArithmetic(operation, pair, isTry, syntax)
        }
        switch operation {
        case .divide: return arithmetic(operation, pair, in: .double, isTry, syntax)
        case .integralDivide: return arithmetic(operation, pair, in: .long, isTry, syntax)
        case .add, .subtract, .multiply, .remainder, .positiveRemainder:
            let type: DataType = pair.contains { $0.type == .long } ? .long : .int
            return arithmetic(operation, pair, in: type, isTry, syntax)
        }
    }

    /// NULL takes the other operand's type.
    private func adopt(_ pair: inout [Node], _ operation: Arithmetic) -> Bool {
        let fallback: DataType = operation == .integralDivide ? .long : .double
        let type = pair.first { !$0.isUntypedNull }?.type ?? fallback
        pair = pair.map { typed($0, as: type) }
        return true
    }

    /// A string beside an integer becomes a long, beside another number a double.
    private mutating func promoteStrings(_ pair: inout [Node]) -> Bool {
        let types = pair.map(\.type)
        guard types.contains(.string) else { return true }
        let other = types[0] == .string ? types[1] : types[0]
        guard other.isNumeric || other == .string else { return true }
        let target: DataType = other.isIntegral ? .long : .double
        guard let left = cast(pair[0], to: target), let right = cast(pair[1], to: target) else {
            return false
        }
        pair = [left, right]
        return true
    }

    private func remedy(_ operation: Arithmetic, _ pair: [Node]) -> String {
        let types = pair.map(\.type)
        if operation == .subtract, types == [.timestamp, .timestamp] {
            return " The distance of two timestamps in µs is unix_micros(a) - unix_micros(b)."
        }
        if operation == .subtract, types.contains(.date) {
            return " The distance of two dates in days is datediff(a, b)."
        }
        return ""
    }

    private mutating func arithmetic(
        _ operation: Arithmetic, _ pair: [Node], in type: DataType, _ isTry: Bool,
        _ syntax: Syntax
    ) -> Node? {
        guard let left = cast(pair[0], to: type), let right = cast(pair[1], to: type) else {
            return nil
        }
        // Doubles overflow to infinity; only division can fail, and not by a constant but zero.
        var fails = true
        if type == .double {
            switch operation {
            case .add, .subtract, .multiply: fails = false
            case .divide, .integralDivide, .remainder, .positiveRemainder:
                if case .double(let divisor)? = right.constant, divisor != 0 { fails = false }
            }
        }
        let nullable = left.isNullable || right.isNullable || (isTry && fails)
        return make(
            .arithmetic(operation, isTry: isTry || !fails), [left, right], type,
            isNullable: nullable, syntax)
    }

    private mutating func decimalArithmetic(
        _ operation: Arithmetic, _ pair: [Node], _ isTry: Bool, _ syntax: Syntax
    ) -> Node? {
        var operands: [Node] = []
        for (index, node) in pair.enumerated() {
            guard node.type.isIntegral else {
                operands.append(node)
                continue
            }
            var (precision, scale) = node.type.asDecimal ?? (20, 0)
            // An integer constant beside a decimal counts with the digits that it has.
            if pair[1 - index].type.isDecimal, let constant = node.constant {
                switch constant {
                case .int(let value): precision = decimalDigits(Int128(value))
                case .long(let value): precision = decimalDigits(Int128(value))
                default: break
                }
                scale = 0
            }
            guard let cast = cast(node, to: .decimal(precision: precision, scale: scale)) else {
                return nil
            }
            operands.append(cast)
        }
        guard let left = operands[0].type.asDecimal, let right = operands[1].type.asDecimal else {
            preconditionFailure("operands of decimal arithmetic are decimals")
        }
        let type = DataType.decimalResult(operation, left, right)
        let nullable = operands.contains(where: \.isNullable) || isTry
        return make(
            .arithmetic(operation, isTry: isTry), operands, type, isNullable: nullable, syntax)
    }
}
