import Columnar

// Three-valued logic on operands, and the choice between values row by row.

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

    func isNull(_ operand: Operand) -> Operand {
        .column(Column(bits: operand.nullRows(count: count)))
    }

    /// AND or OR of two operands on all rows: decided by a false one, or by a true one.
    func junction(
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

    /// The first operand's value where a bit is set, else the second's; not for strings and bytes.
    func blended(
        _ choice: Bitmap, _ yes: Operand, _ no: Operand, _ type: DataType
    ) -> Operand {
        var valid: Bitmap?
        if nullable(yes) || nullable(no) {
            valid = (choice & ~yes.nullRows(count: count)) | (~choice & ~no.nullRows(count: count))
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

    /// Columns for disjoint rows that together are all rows, put in the rows' order.
    func merged(
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
            let takesOther = better | (left.nullRows(count: count) & ~right.nullRows(count: count))
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
