import Columnar

extension Evaluator {
    /// The arguments of an operation that is null where one of them is.
    ///
    /// As in Spark, an argument is not evaluated on rows where one before it is null, so that it
    /// cannot fail there; a divisor comes before what it divides.
    func strictOperands(_ node: Node) throws(ExpressionError) -> [Operand] {
        var operands = [Operand](repeating: .constant(.null), count: node.arguments.count)
        var valid: Bitmap?
        let indices = node.arguments.indices
        for index in node.operation.isDivision ? Array(indices.reversed()) : Array(indices) {
            let argument = node.arguments[index]
            operands[index] = try evaluate(argument, where: argument.canFail ? valid : nil)
            if operands[index].isNullConstant { break }
            valid = validity(valid, and: operands[index].validity)
            if case .arithmetic(_, isTry: true) = node.operation, node.operation.isDivision,
                index == 1
            {
                valid = validity(valid, and: ~zeroRows(operands[1], argument.type))
            }
        }
        return operands
    }

    /// The rows of a divisor that are zero, for which `try_divide` and `try_mod` do not look at what
    /// is divided.
    private func zeroRows(_ operand: Operand, _ type: DataType) -> Bitmap {
        let zero: Value =
            switch type {
            case .int: .int(0)
            case .long: .long(0)
            case .decimal(_, let scale): .decimal(unscaled: 0, scale: scale)
            default: .double(0)
            }
        return frame.compare(.equal, operand, .constant(zero), type).trueRows(count: count)
    }

    /// A node on the rows where a bit is set, null elsewhere; on all rows without bits.
    func evaluate(_ node: Node, where bits: Bitmap?) throws(ExpressionError) -> Operand {
        guard let rows = bits?.setBitIndices(), rows.count < count else {
            return try evaluate(node)
        }
        if rows.isEmpty { return .constant(.null) }
        return .column(frame.spread(try values(of: node, rows), rows))
    }
}

extension Operation {
    /// Whether the operation divides: its second argument is then evaluated first.
    fileprivate var isDivision: Bool {
        switch self {
        case .arithmetic(.divide, _), .arithmetic(.integralDivide, _), .arithmetic(.remainder, _),
            .arithmetic(.positiveRemainder, _):
            true
        default: false
        }
    }

    /// Whether the operation gives null where an argument is null.
    var isStrict: Bool {
        switch self {
        case .arithmetic, .negate, .compare, .like, .likeColumn, .cast: true
        case .function(.greatest), .function(.least), .function(.concat): false
        case .function: true
        default: false
        }
    }
}
