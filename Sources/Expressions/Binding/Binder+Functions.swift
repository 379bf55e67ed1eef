import Columnar

extension Binder {
    /// Every name of a function, for suggestions.
    private static let functionNames: [String] =
        (ScalarSignature.names + AggregateSignature.names + FunctionNames.aliases.keys
        + ["window", "session_window", "window_time"]).sorted()

    /// Binds a call of a function of one row.
    mutating func bindCall(_ call: Syntax.Call, _ syntax: Syntax) -> Node? {
        let name = FunctionNames.canonical(call.name)
        if AggregateSignature.isAggregate(name) {
            return report(aggregateRefusal.0, aggregateRefusal.1, at: syntax.range)
        }
        if ["window", "session_window", "window_time"].contains(name) {
            return report(
                .invalidWindow,
                "\(name) belongs into 'groupBy'; 'select' then has window.start and window.end.",
                at: syntax.range)
        }
        guard let arity = ScalarSignature.arities[name] else { return unknownFunction(call) }
        guard !call.isDistinct, !call.isStar, call.filter == nil, call.ignoresNulls == nil else {
            return report(
                .parseSyntaxError,
                "\(call.name) is no aggregate: DISTINCT, '*', FILTER and IGNORE NULLS do not "
                    + "belong to it.",
                at: syntax.range)
        }
        guard arity.contains(call.arguments.count) else {
            let wanted =
                arity.lowerBound == arity.upperBound
                ? "\(arity.lowerBound)"
                : arity.upperBound >= 64
                    ? "at least \(arity.lowerBound)" : "\(arity.lowerBound) or \(arity.upperBound)"
            return report(
                .wrongNumArgs,
                "\(call.name) takes \(wanted) argument(s), not \(call.arguments.count).",
                at: syntax.range)
        }
        guard let arguments = bindAll(call.arguments) else { return nil }
        return bindNumeric(name, arguments, syntax) ?? bindChoice(name, arguments, syntax)
            ?? bindText(name, arguments, syntax) ?? bindTime(name, arguments, syntax)
            ?? bindCastFunction(name, arguments, syntax)
    }

    /// Spark's functions that need a window of rows.
    private static let functionsOverRows: Set<String> = [
        "lag", "lead", "row_number", "rank", "dense_rank", "percent_rank", "cume_dist", "ntile",
        "nth_value",
    ]

    private mutating func unknownFunction(_ call: Syntax.Call) -> Node? {
        if Self.functionsOverRows.contains(call.name.lowercased()) {
            return report(
                .unresolvedRoutine,
                "\(call.name) looks at other rows of an order (OVER), which no query of a stream "
                    + "does, as in Spark; first, last, min_by and max_by take a value of another row "
                    + "of the group.", at: call.nameRange)
        }
        let suggestion = nearest(to: call.name, among: Self.functionNames)
        let hint =
            suggestion.map { "Did you mean '\($0)'?" } ?? "docs/expressions.md lists the functions."
        return report(
            .unresolvedRoutine, "No function named '\(call.name)'. \(hint)",
            at: call.nameRange, suggestion: suggestion)
    }

    // MARK: Making calls

    /// A function of arguments cast to one type.
    private mutating func function(
        _ function: ScalarFunction, _ arguments: [Node], as types: [DataType], _ result: DataType,
        isNullable: Bool? = nil, _ syntax: Syntax
    ) -> Node? {
        var coerced: [Node] = []
        for (argument, type) in zip(arguments, types) {
            guard let node = implicit(argument, type) else { return nil }
            coerced.append(node)
        }
        return make(.function(function), coerced, result, isNullable: isNullable, syntax)
    }

    /// An argument as a function wants it: what Spark casts implicitly with ANSI on.
    private mutating func implicit(_ node: Node, _ type: DataType) -> Node? {
        let allowed: Bool
        switch (node.type, type) {
        case _ where node.isUntypedNull || node.type == type: allowed = true
        case (_, .string): allowed = true
        case (.string, _): allowed = true
        case (.date, .timestamp), (.timestamp, .date): allowed = true
        default: allowed = node.type.isNumeric && type.isNumeric
        }
        guard allowed else {
            return report(
                .datatypeMismatch,
                "'\(node.text)' is \(node.type.withArticle) where \(type.withArticle) is needed: cast it.",
                at: node.position)
        }
        return cast(node, to: type)
    }

    // MARK: Numbers

    private mutating func bindNumeric(
        _ name: String, _ arguments: [Node], _ syntax: Syntax
    ) -> Node? {
        switch name {
        case "sqrt": function(.sqrt, arguments, as: [.double], .double, syntax)
        case "cbrt": function(.cbrt, arguments, as: [.double], .double, syntax)
        case "exp": function(.exp, arguments, as: [.double], .double, syntax)
        case "ln": logarithm(.ln, arguments, syntax)
        case "log2": logarithm(.log2, arguments, syntax)
        case "log10": logarithm(.log10, arguments, syntax)
        case "log": logarithm(arguments.count == 1 ? .ln : .log, arguments, syntax)
        case "pow": function(.pow, arguments, as: [.double, .double], .double, syntax)
        case "sign": function(.sign, arguments, as: [.double], .double, syntax)
        case "isnan":
            function(.isNaN, arguments, as: [.double], .boolean, isNullable: false, syntax)
        case "nanvl":
            function(.isNaN, [arguments[0]], as: [.double], .boolean, isNullable: false, syntax)
                .flatMap { isNaN in
                    caseWhen(
                        [isNaN],
                        [arguments[1], arguments[0]].compactMap { cast($0, to: .double) }, syntax)
                }
        case "abs": absolute(arguments[0], syntax)
        case "negative", "positive": signed(name, arguments[0], syntax)
        case "floor", "ceil": floorOrCeil(name == "floor", arguments[0], syntax)
        case "round": round(arguments, syntax)
        case "mod": arithmetic(.remainder, arguments, isTry: false, syntax)
        case "pmod": arithmetic(.positiveRemainder, arguments, isTry: false, syntax)
        case "div": arithmetic(.integralDivide, arguments, isTry: false, syntax)
        case "try_add": tryArithmetic(.add, arguments, syntax)
        case "try_subtract": tryArithmetic(.subtract, arguments, syntax)
        case "try_multiply": tryArithmetic(.multiply, arguments, syntax)
        case "try_divide": tryArithmetic(.divide, arguments, syntax)
        case "try_mod": tryArithmetic(.remainder, arguments, syntax)
        default: nil
        }
    }

    private mutating func tryArithmetic(
        _ operation: Arithmetic, _ arguments: [Node], _ syntax: Syntax
    ) -> Node? {
        arithmetic(operation, arguments, isTry: true, syntax)
    }

    /// Null where the argument is not positive, as Spark.
    private mutating func logarithm(
        _ function: ScalarFunction, _ arguments: [Node], _ syntax: Syntax
    ) -> Node? {
        self.function(
            function, arguments, as: [.double, .double], .double, isNullable: true, syntax)
    }

    /// An argument as a number: strings and NULL as doubles.
    private mutating func number(_ node: Node, _ syntax: Syntax) -> Node? {
        if node.type.isNumeric, !node.isUntypedNull { return node }
        return implicit(node, .double)
    }

    private mutating func absolute(_ argument: Node, _ syntax: Syntax) -> Node? {
        guard let node = number(argument, syntax) else { return nil }
        let canFail = node.type.isIntegral
        return make(.function(.abs(isTry: !canFail)), [node], node.type, syntax)
    }

    private mutating func signed(_ name: String, _ argument: Node, _ syntax: Syntax) -> Node? {
        guard let node = number(argument, syntax), name == "negative" else {
            return number(argument, syntax)
        }
        return make(.negate(isTry: !node.type.isIntegral), [node], node.type, syntax)
    }

    private mutating func floorOrCeil(
        _ isFloor: Bool, _ argument: Node, _ syntax: Syntax
    ) -> Node? {
        guard let node = number(argument, syntax) else { return nil }
        let type: DataType
        switch node.type {
        case .decimal(let precision, let scale):
            if scale == 0 { return renamed(node, syntax) }
            type = .decimal(precision: min(38, precision - scale + 1), scale: 0)
        case .double: type = .long
        default: return cast(node, to: .long).map { renamed($0, syntax) }
        }
        return make(.function(isFloor ? .floor : .ceil), [node], type, syntax)
    }

    /// A node under the text of the call that it is the value of.
    private func renamed(_ node: Node, _ syntax: Syntax) -> Node {
        var node = node
        node.text = text(syntax)
        node.position = syntax.range
        return node
    }

    private mutating func round(_ arguments: [Node], _ syntax: Syntax) -> Node? {
        var digits = 0
        if arguments.count == 2 {
            guard let count = implicit(arguments[1], .int) else { return nil }
            guard case .int(let value)? = count.constant else {
                return report(
                    .datatypeMismatch, "The number of digits of round must be a constant.",
                    at: arguments[1].position)
            }
            digits = Int(value)
        }
        guard let node = number(arguments[0], syntax) else { return nil }
        guard case .decimal(let precision, let scale) = node.type else {
            return make(.function(.round(scale: digits)), [node], node.type, syntax)
        }
        let integral = precision - scale + 1
        let type: DataType =
            digits < 0
            ? .decimal(precision: min(38, max(integral, 1 - digits)), scale: 0)
            : .decimal(
                precision: min(38, integral + min(scale, digits)), scale: min(scale, digits))
        return make(.function(.round(scale: digits)), [node], type, syntax)
    }

    // MARK: Choice

    private mutating func bindChoice(
        _ name: String, _ arguments: [Node], _ syntax: Syntax
    ) -> Node? {
        switch name {
        case "coalesce": coalesce(arguments, syntax)
        case "if":
            condition(arguments[0]).flatMap {
                caseWhen([$0], Array(arguments.dropFirst()), syntax)
            }
        case "nvl2":
            caseWhen(
                [make(.not, [isNull(arguments[0], syntax)], .boolean, isNullable: false, syntax)],
                [arguments[1], arguments[2]], syntax)
        case "nullif": nullIf(arguments[0], arguments[1], syntax)
        case "nullifzero":
            nullIf(
                arguments[0], .literal(.int(0), .int, text: "0", at: syntax.range), syntax)
        case "zeroifnull":
            coalesce(
                [arguments[0], .literal(.int(0), .int, text: "0", at: syntax.range)], syntax)
        case "isnull": isNull(arguments[0], syntax)
        case "isnotnull":
            make(.not, [isNull(arguments[0], syntax)], .boolean, isNullable: false, syntax)
        case "greatest", "least":
            unmixed(arguments, name, syntax).map {
                make(
                    .function(name == "greatest" ? .greatest : .least), $0, $0[0].type,
                    isNullable: $0.allSatisfy(\.isNullable), syntax)
            }
        default: nil
        }
    }

    /// The arguments of `greatest` and `least` in one type; strings do not become numbers here.
    private mutating func unmixed(
        _ arguments: [Node], _ name: String, _ syntax: Syntax
    ) -> [Node]? {
        let typed = arguments.filter { !$0.isUntypedNull }
        let strings = typed.filter { $0.type == .string }
        guard strings.isEmpty || strings.count == typed.count else {
            _ = report(
                .datatypeMismatch,
                "\(name) takes arguments of one type, not strings beside others: cast them.",
                at: syntax.range)
            return nil
        }
        return unified(arguments, "The arguments of \(name)", syntax)
    }

    private func isNull(_ node: Node, _ syntax: Syntax) -> Node {
        make(.isNull, [typed(node, as: .boolean)], .boolean, isNullable: false, syntax)
    }

    private mutating func coalesce(_ arguments: [Node], _ syntax: Syntax) -> Node? {
        if arguments.allSatisfy(\.isUntypedNull) { return arguments[0] }
        return unified(arguments, "The arguments of coalesce", syntax).map {
            make(
                .coalesce, $0, $0[0].type, isNullable: $0.allSatisfy(\.isNullable), syntax)
        }
    }

    private mutating func nullIf(_ left: Node, _ right: Node, _ syntax: Syntax) -> Node? {
        guard let equal = compare(.equal, left, right, syntax) else { return nil }
        let null = Node.literal(.null, left.type, text: "NULL", at: syntax.range)
        return caseWhen([equal], [null, left], syntax)
    }

    // MARK: Strings

    private mutating func bindText(
        _ name: String, _ arguments: [Node], _ syntax: Syntax
    ) -> Node? {
        switch name {
        case "upper": function(.upper, arguments, as: [.string], .string, syntax)
        case "lower": function(.lower, arguments, as: [.string], .string, syntax)
        case "trim": function(.trim(.both), arguments, as: [.string], .string, syntax)
        case "ltrim": function(.trim(.leading), arguments, as: [.string], .string, syntax)
        case "rtrim": function(.trim(.trailing), arguments, as: [.string], .string, syntax)
        case "length":
            function(
                .length, arguments, as: [arguments[0].type == .binary ? .binary : .string], .int,
                syntax)
        case "substring" where arguments[0].type == .binary: bytesRefusal(name, syntax)
        case "substring":
            function(.substring, arguments, as: [.string, .int, .int], .string, syntax)
        case "concat": concatenation(of: arguments, syntax)
        default: nil
        }
    }

    /// Spark makes bytes of these.
    private mutating func bytesRefusal(_ name: String, _ syntax: Syntax) -> Node? {
        report(
            .datatypeMismatch, "\(name) of bytes is not supported: cast them to strings.",
            at: syntax.range)
    }

    mutating func concatenation(of nodes: [Node], _ syntax: Syntax) -> Node? {
        if nodes.contains(where: { $0.type == .binary }),
            nodes.allSatisfy({ $0.type == .binary || $0.isUntypedNull })
        {
            return bytesRefusal("concat", syntax)
        }
        if nodes.isEmpty {
            return .literal(.string(""), .string, text: text(syntax), at: syntax.range)
        }
        return function(
            .concat, nodes, as: nodes.map { _ in .string }, .string, syntax)
    }

    // MARK: Casts as functions

    private mutating func bindCastFunction(
        _ name: String, _ arguments: [Node], _ syntax: Syntax
    ) -> Node? {
        guard let type = DataType(parsing: name), arguments.count == 1 else { return nil }
        return cast(arguments[0], to: type).map { renamed($0, syntax) }
    }
}
