import Columnar

extension Binder {
    mutating func bindUnary(_ unary: Syntax.Unary, _ operand: Syntax, _ syntax: Syntax) -> Node? {
        if unary == .not { return bindLogical(operand).map { negation(of: $0, syntax) } }
        guard var node = bind(operand) else { return nil }
        if node.isUntypedNull { node = typed(node, as: .double) }
        if node.type == .string {
            guard let number = cast(node, to: .double) else { return nil }
            node = number
        }
        guard node.type.isNumeric else {
            return report(
                .datatypeMismatch,
                "'\(unary.rawValue)' takes a number, '\(node.text)' is \(node.type.withArticle).",
                at: syntax.range)
        }
        guard unary == .minus else { return node }
        let canFail = node.type.isIntegral
        return make(.negate(isTry: !canFail), [node], node.type, syntax)
    }

    /// An operand of AND, OR, NOT: strings are cast, which conditions elsewhere are not.
    private mutating func bindLogical(_ syntax: Syntax) -> Node? {
        guard let node = bind(syntax) else { return nil }
        if node.type == .string { return cast(node, to: .boolean) }
        return condition(node)
    }

    mutating func bindBinary(
        _ binary: Syntax.Binary, _ left: Syntax, _ right: Syntax, _ syntax: Syntax
    ) -> Node? {
        switch binary {
        case .and, .or:
            let leftNode = bindLogical(left)
            let rightNode = bindLogical(right)
            guard let leftNode, let rightNode else { return nil }
            return make(
                binary == .and ? .and : .or, [leftNode, rightNode], .boolean, syntax)
        case .equal: return bindComparison(.equal, left, right, syntax)
        case .notEqual: return bindComparison(.notEqual, left, right, syntax)
        case .less: return bindComparison(.less, left, right, syntax)
        case .lessOrEqual: return bindComparison(.lessOrEqual, left, right, syntax)
        case .greater: return bindComparison(.greater, left, right, syntax)
        case .greaterOrEqual: return bindComparison(.greaterOrEqual, left, right, syntax)
        case .equalNullSafe:
            guard let nodes = bindAll([left, right]), let pair = comparable(nodes, syntax) else {
                return nil
            }
            return make(.equalNullSafe, pair, .boolean, isNullable: false, syntax)
        case .concatenate:
            guard let nodes = bindAll([left, right]) else { return nil }
            return concatenation(of: nodes, syntax)
        case .add, .subtract:
            if let shifted = bindShift(binary, left, right, syntax) { return shifted.node }
            guard let nodes = bindAll([left, right]) else { return nil }
            if let moved = bindDateArithmetic(binary, nodes, syntax) { return moved.node }
            return arithmetic(binary == .add ? .add : .subtract, nodes, isTry: false, syntax)
        case .multiply, .divide, .integralDivide, .remainder:
            guard let nodes = bindAll([left, right]) else { return nil }
            let operation: Arithmetic =
                switch binary {
                case .multiply: .multiply
                case .divide: .divide
                case .integralDivide: .integralDivide
                default: .remainder
                }
            return arithmetic(operation, nodes, isTry: false, syntax)
        }
    }

    // MARK: Comparison

    private mutating func bindComparison(
        _ comparison: Comparison, _ left: Syntax, _ right: Syntax, _ syntax: Syntax
    ) -> Node? {
        guard let nodes = bindAll([left, right]) else { return nil }
        return compare(comparison, nodes[0], nodes[1], syntax)
    }

    mutating func compare(
        _ comparison: Comparison, _ left: Node, _ right: Node, _ syntax: Syntax
    ) -> Node? {
        guard let pair = comparable([left, right], syntax) else { return nil }
        return make(.compare(comparison), pair, .boolean, syntax)
    }

    /// Two operands brought to the type in which they are compared.
    private mutating func comparable(_ nodes: [Node], _ syntax: Syntax) -> [Node]? {
        var pair = nodes
        narrowLiterals(&pair)
        return unified(pair, "The two sides of a comparison", syntax)
    }

    /// An integer constant beside a decimal counts with the digits that it has.
    private func narrowLiterals(_ pair: inout [Node]) {
        for (index, other) in [(0, 1), (1, 0)]
        where pair[other].type.isDecimal && pair[index].type.isIntegral {
            let value: Int128
            switch pair[index].constant {
            case .int(let number)?: value = Int128(number)
            case .long(let number)?: value = Int128(number)
            default: continue
            }
            let precision = decimalDigits(value)
            pair[index] = .literal(
                .decimal(unscaled: value, scale: 0), .decimal(precision: precision, scale: 0),
                text: pair[index].text, at: pair[index].position)
        }
    }

    mutating func bindBetween(
        _ operand: Syntax, _ low: Syntax, _ high: Syntax, _ isNegated: Bool, _ syntax: Syntax
    ) -> Node? {
        guard let nodes = bindAll([operand, low, high]),
            let above = compare(.greaterOrEqual, nodes[0], nodes[1], syntax),
            let below = compare(.lessOrEqual, nodes[0], nodes[2], syntax)
        else { return nil }
        let inside = make(.and, [above, below], .boolean, syntax)
        return isNegated ? negation(of: inside, syntax) : inside
    }

    mutating func bindIn(
        _ operand: Syntax, _ list: [Syntax], _ isNegated: Bool, _ syntax: Syntax
    ) -> Node? {
        guard let nodes = bindAll([operand] + list),
            let same = unified(nodes, "The values of IN", syntax)
        else { return nil }
        let found = make(.isIn, same, .boolean, syntax)
        return isNegated ? negation(of: found, syntax) : found
    }

    mutating func bindLike(
        _ operand: Syntax, _ pattern: Syntax, _ escape: Character, _ isNegated: Bool,
        _ syntax: Syntax
    ) -> Node? {
        guard let nodes = bindAll([operand, pattern]), let text = cast(nodes[0], to: .string)
        else { return nil }
        if nodes[1].isUntypedNull || nodes[1].constant?.isNull == true {
            return .literal(.null, .boolean, text: self.text(syntax), at: syntax.range)
        }
        guard case .string(let value)? = nodes[1].constant else {
            guard let patterns = cast(nodes[1], to: .string) else { return nil }
            let found = make(.likeColumn(escape), [text, patterns], .boolean, syntax)
            return isNegated ? negation(of: found, syntax) : found
        }
        guard let compiled = LikePattern(value, escape: escape) else {
            return report(
                .invalidFormat,
                "In the pattern '\(value)' the escape character '\(escape)' must be followed by "
                    + "'_', '%' or itself.",
                at: pattern.range)
        }
        let found = make(.like(compiled), [text], .boolean, syntax)
        return isNegated ? negation(of: found, syntax) : found
    }

    mutating func bindTruth(
        _ operand: Syntax, _ truth: Syntax.Truth, _ isNegated: Bool, _ syntax: Syntax
    ) -> Node? {
        if truth == .null {
            guard let node = bind(operand) else { return nil }
            let isNull = make(
                .isNull, [typed(node, as: .boolean)], .boolean, isNullable: false, syntax)
            return isNegated ? negation(of: isNull, syntax) : isNull
        }
        guard let node = bindCondition(operand) else { return nil }
        if truth == .unknown {
            let isNull = make(.isNull, [node], .boolean, isNullable: false, syntax)
            return isNegated ? negation(of: isNull, syntax) : isNull
        }
        let constant = Node.literal(
            .boolean(truth == .true), .boolean, text: truth.rawValue, at: syntax.range)
        let found = make(.equalNullSafe, [node, constant], .boolean, isNullable: false, syntax)
        return isNegated ? negation(of: found, syntax) : found
    }

    // MARK: CASE

    mutating func bindCase(
        _ operand: Syntax?, _ branches: [Syntax.Branch], _ otherwise: Syntax?, _ syntax: Syntax
    ) -> Node? {
        let operandNode = operand.map { bind($0) }
        var conditions: [Node?] = []
        var results: [Node?] = []
        for branch in branches {
            if let operandNode {
                let right = bind(branch.condition)
                if let left = operandNode, let right {
                    conditions.append(compare(.equal, left, right, branch.condition))
                } else {
                    conditions.append(nil)
                }
            } else {
                conditions.append(bindCondition(branch.condition))
            }
            results.append(bind(branch.result))
        }
        if let otherwise { results.append(bind(otherwise)) }
        let boundConditions = conditions.compactMap { $0 }
        let boundResults = results.compactMap { $0 }
        guard boundConditions.count == conditions.count, boundResults.count == results.count
        else { return nil }
        return caseWhen(boundConditions, boundResults, syntax)
    }

    /// A CASE of conditions and results; one result more than conditions is the ELSE.
    mutating func caseWhen(
        _ conditions: [Node], _ results: [Node], _ syntax: Syntax
    ) -> Node? {
        guard var same = unified(results, "The results of CASE", syntax) else { return nil }
        let type = same[0].type
        if results.allSatisfy(\.isUntypedNull) { return results[0] }
        if same.count == conditions.count {
            same.append(.literal(.null, type, text: "NULL", at: syntax.range))
        }
        var arguments: [Node] = []
        for (condition, result) in zip(conditions, same) { arguments += [condition, result] }
        arguments.append(same[same.count - 1])
        return make(
            .caseWhen, arguments, type, isNullable: same.contains(where: \.isNullable), syntax)
    }
}
