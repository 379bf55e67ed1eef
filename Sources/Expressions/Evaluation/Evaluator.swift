import Columnar

/// Evaluates a node on a frame: walks its tree, gives each kernel its operands, and looks only at
/// the rows that take a branch where the branch could fail.
struct Evaluator {
    let frame: Frame

    init(_ frame: Frame) { self.frame = frame }

    /// The number of rows.
    var count: Int { frame.count }

    /// The node's values on the rows of the frame.
    func evaluate(_ node: Node) throws(ExpressionError) -> Operand {
        switch node.operation {
        case .column(let index):
            guard let column = frame.columns[index] else {
                preconditionFailure("a frame holds every column that its node reads")
            }
            return .column(column)
        case .literal(let value): return .constant(value)
        case .untypedNull: return .constant(.null)
        case .batchTimestamp: return .constant(.timestamp(frame.context.batchTimestampMicros))
        case .and: return try evaluateJunction(node, decidedBy: false)
        case .or: return try evaluateJunction(node, decidedBy: true)
        case .caseWhen: return try evaluateCase(node)
        case .coalesce: return try evaluateCoalesce(node)
        case .isIn: return try evaluateIn(node)
        case .arithmetic(let operation, let isTry)
        where !node.arguments.contains(where: \.canFail):
            if let mixed = try mixedArithmetic(operation, node, isTry: isTry) { return mixed }
        default: break
        }
        if node.operation.isStrict, node.arguments.count > 1 {
            return try apply(node, strictOperands(node))
        }
        var operands: [Operand] = []
        operands.reserveCapacity(node.arguments.count)
        for argument in node.arguments { operands.append(try evaluate(argument)) }
        return try apply(node, operands)
    }

    /// Applies an operation whose arguments are all evaluated on every row.
    private func apply(
        _ node: Node, _ operands: [Operand]
    ) throws(ExpressionError) -> Operand {
        switch node.operation {
        case .not: return frame.negated(operands[0])
        case .isNull: return frame.isNull(operands[0])
        case .equalNullSafe:
            return frame.equalNullSafe(operands[0], operands[1], node.arguments[0].type)
        case .function(.greatest): return try frame.extremum(node, operands, isGreatest: true)
        case .function(.least): return try frame.extremum(node, operands, isGreatest: false)
        case .function(.isNaN) where operands[0].isNullConstant:
            return .constant(.boolean(false))
        default: break
        }
        // All others give null where an argument is null.
        if operands.contains(where: \.isNullConstant) { return .constant(.null) }
        switch node.operation {
        case .arithmetic(let operation, let isTry):
            return try frame.arithmetic(operation, node, operands[0], operands[1], isTry: isTry)
        case .negate(let isTry): return try frame.negate(node, operands[0], isTry: isTry)
        case .compare(let comparison):
            return frame.compare(comparison, operands[0], operands[1], node.arguments[0].type)
        case .like(let pattern): return frame.like(pattern, operands[0])
        case .likeColumn(let escape):
            return try frame.like(node, operands[0], operands[1], escape: escape)
        case .cast(let isTry): return try frame.cast(node, operands[0], isTry: isTry)
        case .function(let function): return try frame.apply(function, node, operands)
        default: preconditionFailure("every operation has its kernel")
        }
    }

    /// Double arithmetic with one operand that is a long cast to double; `nil` for others.
    ///
    /// The long is converted on the way, so that no column of doubles is made of it.
    private func mixedArithmetic(
        _ operation: Arithmetic, _ node: Node, isTry: Bool
    ) throws(ExpressionError) -> Operand? {
        guard node.type == .double else { return nil }
        func long(_ argument: Node) -> Node? {
            guard case .cast = argument.operation, argument.arguments[0].type == .long else {
                return nil
            }
            return argument.arguments[0]
        }
        let (leftLong, rightLong) = (long(node.arguments[0]), long(node.arguments[1]))
        guard (leftLong == nil) != (rightLong == nil) else { return nil }
        let left = try evaluate(leftLong ?? node.arguments[0])
        let right = try evaluate(rightLong ?? node.arguments[1])
        return try frame.mixedArithmetic(
            operation, node, left, right, leftIsLong: leftLong != nil, isTry: isTry)
    }
}
