import Columnar

// Three-valued logic. AND, OR, CASE and COALESCE evaluate what could fail only on the rows that
// take it; what cannot fail is evaluated on all rows, which is faster than picking some.

extension Frame {
    func negated(_ operand: Operand) -> Operand {
        switch operand {
        case .constant(.boolean(let value)): return .constant(.boolean(!value))
        case .constant: return .constant(.null)
        case .column(let column):
            guard let bits = column.bits else { preconditionFailure("NOT is of a boolean") }
            return .column(Column(bits: ~bits, validity: column.validity))
        }
    }

    func isNull(_ operand: Operand) -> Operand { .column(Column(bits: nullRows(operand))) }

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
                    spread(
                        try selecting(open, for: right).evaluate(right)
                            .column(.boolean, count: open.count), open))
        } else {
            other = try evaluate(right)
        }
        return junction(left, other, decidedBy: decisive)
    }

    private func junction(
        _ left: Operand, _ right: Operand, decidedBy decisive: Bool
    ) -> Operand {
        let (leftTrue, rightTrue) = (left.trueRows(count: count), right.trueRows(count: count))
        guard nullable(left) || nullable(right) else {
            return .column(Column(bits: decisive ? leftTrue | rightTrue : leftTrue & rightTrue))
        }
        let (leftFalse, rightFalse) = (left.falseRows(count: count), right.falseRows(count: count))
        let isTrue = decisive ? leftTrue | rightTrue : leftTrue & rightTrue
        let isFalse = decisive ? leftFalse & rightFalse : leftFalse | rightFalse
        return .column(Column(bits: isTrue, validity: isTrue | isFalse))
    }

    private func nullable(_ operand: Operand) -> Bool {
        operand.validity != nil || operand.isNullConstant
    }

    /// The values of some rows put where they belong among all rows; the others are null.
    func spread(_ column: Column, _ rows: [Int32]) -> Column {
        var source = [Int32](repeating: 0, count: count)
        var taken = [Bool](repeating: false, count: count)
        for (index, row) in rows.enumerated() {
            source[Int(row)] = Int32(index)
            taken[Int(row)] = true
        }
        let all = column.gather(source)
        return all.withValidity(validity(all.validity, and: Bitmap(taken)))
    }

    func evaluateCase(_ node: Node) throws(ExpressionError) -> Operand {
        if !node.canFail, node.type.layout != .dictionary { return try blendedCase(node) }
        var branches: [(rows: [Int32], values: Column)] = []
        var open = Array(0..<Int32(count))
        let last = node.arguments.count - 1
        for index in stride(from: 0, to: last, by: 2) where !open.isEmpty {
            let isWhole = open.count == count
            let frame = isWhole ? self : selecting(open, for: node)
            let chosen = try frame.evaluate(node.arguments[index]).trueRows(count: open.count)
            let taken = chosen.setBitIndices()
            if !taken.isEmpty {
                let rows = taken.map { open[Int($0)] }
                branches.append((rows, try values(of: node.arguments[index + 1], rows)))
            }
            open = (~chosen).setBitIndices().map { open[Int($0)] }
        }
        if !open.isEmpty { branches.append((open, try values(of: node.arguments[last], open))) }
        return .column(try merged(branches, node))
    }

    func evaluateCoalesce(_ node: Node) throws(ExpressionError) -> Operand {
        if !node.canFail, node.type.layout != .dictionary {
            var result = try evaluate(node.arguments[node.arguments.count - 1])
            for argument in node.arguments.dropLast().reversed() {
                let value = try evaluate(argument)
                result = blended(~nullRows(value), value, result, node.type)
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
        return .column(try merged(branches, node))
    }

    /// CASE where nothing can fail: every branch on all rows, the last first.
    private func blendedCase(_ node: Node) throws(ExpressionError) -> Operand {
        let last = node.arguments.count - 1
        var result = try evaluate(node.arguments[last])
        for index in stride(from: last - 2, through: 0, by: -2) {
            let condition = try evaluate(node.arguments[index]).trueRows(count: count)
            let value = try evaluate(node.arguments[index + 1])
            result = blended(condition, value, result, node.type)
        }
        return result
    }

    /// The first operand's value where a bit is set, else the second's; not for strings and bytes.
    private func blended(
        _ choice: Bitmap, _ yes: Operand, _ no: Operand, _ type: DataType
    ) -> Operand {
        var valid: Bitmap?
        if nullable(yes) || nullable(no) {
            valid = (choice & ~nullRows(yes)) | (~choice & ~nullRows(no))
        }
        // The value of a null row is unspecified: any will do.
        let a = yes.isNullConstant ? .constant(type.placeholder) : yes
        let b = no.isNullConstant ? .constant(type.placeholder) : no
        let values: Buffer
        switch type.layout {
        case .bits:
            let (x, y) = (a.trueRows(count: count), b.trueRows(count: count))
            return .column(Column(bits: (choice & x) | (~choice & y), validity: valid))
        case .int32: values = blend(choice, Lane<Int32>(a), Lane<Int32>(b), count)
        case .int64: values = blend(choice, Lane<Int64>(a), Lane<Int64>(b), count)
        case .int128: values = blend(choice, Lane<Int128>(a), Lane<Int128>(b), count)
        case .float64: values = blend(choice, Lane<Double>(a), Lane<Double>(b), count)
        case .dictionary: preconditionFailure("strings are merged, not blended")
        }
        return .column(Column(type, values: values, count: count, validity: valid))
    }

    /// A node's values on some rows.
    func values(of node: Node, _ rows: [Int32]) throws(ExpressionError) -> Column {
        if rows.count == count { return try evaluate(node).column(node.type, count: count) }
        return try selecting(rows, for: node).evaluate(node).column(node.type, count: rows.count)
    }

    /// Columns for disjoint rows that together are all rows, put in the rows' order.
    private func merged(
        _ branches: [(rows: [Int32], values: Column)], _ node: Node
    ) throws(ExpressionError) -> Column {
        if branches.count == 1 { return branches[0].values }
        if branches.isEmpty { return Column(node.type, []) }
        let all: Column
        do throws(StringsTooLarge) {
            all = try Column.concatenate(branches.map(\.values), type: node.type)
        } catch {
            throw fault(node, error)
        }
        var source = [Int32](repeating: 0, count: count)
        var position: Int32 = 0
        for (rows, _) in branches {
            for row in rows {
                source[Int(row)] = position
                position += 1
            }
        }
        return all.gather(source)
    }

    /// `a IN (…)`: true where equal to one, null where not equal and something is null.
    func evaluateIn(_ node: Node) throws(ExpressionError) -> Operand {
        let operand = try evaluate(node.arguments[0])
        if operand.isNullConstant { return .constant(.null) }
        let type = node.arguments[0].type
        var found = Operand.constant(.boolean(false))
        for candidate in node.arguments.dropFirst() {
            let open = nullRows(operand) | found.trueRows(count: count)
            let value = try evaluate(candidate, where: candidate.canFail ? ~open : nil)
            let equal: Operand =
                value.isNullConstant ? .constant(.null) : compare(.equal, operand, value, type)
            found = junction(found, equal, decidedBy: true)
        }
        return found
    }

    /// `greatest` and `least`: nulls are passed over.
    func extremum(
        _ node: Node, _ operands: [Operand], isGreatest: Bool
    ) throws(ExpressionError) -> Operand {
        var best = operands[0].column(node.type, count: count)
        for operand in operands.dropFirst() {
            let other = operand.column(node.type, count: count)
            let (left, right) = (Operand.column(best), Operand.column(other))
            let comparison: Comparison = isGreatest ? .greater : .less
            let better = compare(comparison, right, left, node.type).trueRows(count: count)
            let takesOther = better | (nullRows(left) & ~nullRows(right))
            if takesOther.firstSetBit == nil { continue }
            if node.type.layout != .dictionary,
                case .column(let column) = blended(takesOther, right, left, node.type)
            {
                best = column
                continue
            }
            let mine = (~takesOther).setBitIndices()
            let theirs = takesOther.setBitIndices()
            best = try merged(
                [(mine, best.gather(mine)), (theirs, other.gather(theirs))], node)
        }
        return .column(best)
    }
}

extension DataType {
    /// Some value of the type, for rows whose value does not matter.
    fileprivate var placeholder: Value {
        switch self {
        case .boolean: .boolean(false)
        case .int: .int(0)
        case .long: .long(0)
        case .double: .double(0)
        case .decimal(_, let scale): .decimal(unscaled: 0, scale: scale)
        case .string: .string("")
        case .binary: .binary([])
        case .date: .date(0)
        case .timestamp: .timestamp(0)
        }
    }
}
