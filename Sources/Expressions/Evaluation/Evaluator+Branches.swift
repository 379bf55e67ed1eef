import Columnar

// Three-valued logic. AND, OR, CASE and COALESCE evaluate what could fail only on the rows that
// take it; what cannot fail is evaluated on all rows, which is faster than picking some.

extension Evaluator {
    /// AND, decided by a false operand, or OR, decided by a true one.
    func evaluateJunction(
        _ node: Node, decidedBy decisive: Bool
    ) throws(ExpressionError) -> Operand {
        let left = try evaluate(node.arguments[0])
        let right = node.arguments[1]
        let other: Operand
        if right.canFail {
            let decided = decisive ? left.trueRows(count: count) : left.falseRows(count: count)
            let open = (~decided).setBitIndices()
            if open.isEmpty { return left }
            other =
                open.count == count
                ? try evaluate(right)
                : .column(
                    frame.spread(
                        try Evaluator(frame.selecting(open, for: right)).evaluate(right)
                            .column(.boolean, count: open.count), open))
        } else {
            other = try evaluate(right)
        }
        return frame.junction(left, other, decidedBy: decisive)
    }

    func evaluateCase(_ node: Node) throws(ExpressionError) -> Operand {
        if !node.canFail, node.type.layout != .dictionary { return try blendedCase(node) }
        var branches: [(rows: [Int32], values: Column)] = []
        var open = Array(0..<Int32(count))
        let last = node.arguments.count - 1
        for index in stride(from: 0, to: last, by: 2) where !open.isEmpty {
            let isWhole = open.count == count
            let branch = isWhole ? self : Evaluator(frame.selecting(open, for: node))
            let chosen = try branch.evaluate(node.arguments[index]).trueRows(count: open.count)
            let taken = chosen.setBitIndices()
            if !taken.isEmpty {
                let rows = taken.map { open[Int($0)] }
                branches.append((rows, try values(of: node.arguments[index + 1], rows)))
            }
            open = (~chosen).setBitIndices().map { open[Int($0)] }
        }
        if !open.isEmpty { branches.append((open, try values(of: node.arguments[last], open))) }
        return .column(try frame.merged(branches, node))
    }

    func evaluateCoalesce(_ node: Node) throws(ExpressionError) -> Operand {
        if !node.canFail, node.type.layout != .dictionary {
            var result = try evaluate(node.arguments[node.arguments.count - 1])
            for argument in node.arguments.dropLast().reversed() {
                let value = try evaluate(argument)
                result = frame.blended(~value.nullRows(count: count), value, result, node.type)
            }
            return result
        }
        var branches: [(rows: [Int32], values: Column)] = []
        var open = Array(0..<Int32(count))
        for (index, argument) in node.arguments.enumerated() where !open.isEmpty {
            let values = try values(of: argument, open)
            guard let validity = values.validity, index + 1 < node.arguments.count else {
                branches.append((open, values))
                open = []
                break
            }
            let found = validity.setBitIndices()
            if !found.isEmpty {
                branches.append((found.map { open[Int($0)] }, values.gather(found)))
            }
            open = (~validity).setBitIndices().map { open[Int($0)] }
        }
        return .column(try frame.merged(branches, node))
    }

    /// CASE where nothing can fail: every branch on all rows, the last first.
    private func blendedCase(_ node: Node) throws(ExpressionError) -> Operand {
        let last = node.arguments.count - 1
        var result = try evaluate(node.arguments[last])
        for index in stride(from: last - 2, through: 0, by: -2) {
            let condition = try evaluate(node.arguments[index]).trueRows(count: count)
            let value = try evaluate(node.arguments[index + 1])
            result = frame.blended(condition, value, result, node.type)
        }
        return result
    }

    /// A node's values on some rows.
    func values(of node: Node, _ rows: [Int32]) throws(ExpressionError) -> Column {
        if rows.count == count { return try evaluate(node).column(node.type, count: count) }
        return try Evaluator(frame.selecting(rows, for: node)).evaluate(node).column(
            node.type, count: rows.count)
    }

    /// `a IN (…)`: true where equal to one, null where not equal and something is null.
    func evaluateIn(_ node: Node) throws(ExpressionError) -> Operand {
        let operand = try evaluate(node.arguments[0])
        if operand.isNullConstant { return .constant(.null) }
        let type = node.arguments[0].type
        var found = Operand.constant(.boolean(false))
        for candidate in node.arguments.dropFirst() {
            let open = operand.nullRows(count: count) | found.trueRows(count: count)
            let value = try evaluate(candidate, where: candidate.canFail ? ~open : nil)
            let equal: Operand =
                value.isNullConstant
                ? .constant(.null) : frame.compare(.equal, operand, value, type)
            found = frame.junction(found, equal, decidedBy: true)
        }
        return found
    }
}
