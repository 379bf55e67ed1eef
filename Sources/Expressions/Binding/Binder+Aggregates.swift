import Columnar

extension Binder {
    /// Binds an aggregate's arguments over the input and gives the group's column that holds it.
    mutating func bindAggregate(_ call: Syntax.Call, _ syntax: Syntax) -> Node? {
        guard let aggregate = aggregateCall(call, syntax) else { return nil }
        guard let index = groups?.index(of: aggregate) else {
            preconditionFailure("aggregates are bound after grouping only")
        }
        return Node(
            .column(index), [], aggregate.type, isNullable: aggregate.isNullable,
            text: aggregate.text, at: syntax.range)
    }

    private mutating func aggregateCall(
        _ call: Syntax.Call, _ syntax: Syntax
    ) -> AggregateCall? {
        let name = FunctionNames.canonical(call.name)
        if call.isDistinct, call.isStar || !AggregateSignature.takesDistinct.contains(name) {
            _ = report(
                .distinctAggregate,
                "DISTINCT goes with columns, in "
                    + AggregateSignature.takesDistinct.joined(separator: ", ") + ".",
                at: syntax.range)
            return nil
        }
        var inner = Binder(input)
        inner.aggregateRefusal = (
            .nestedAggregate,
            "An aggregate cannot stand inside an aggregate: compute the inner one in a query of "
                + "its own and read it with 'from'."
        )
        let arguments = inner.bindAll(call.arguments)
        let filter = call.filter.map { inner.bindCondition($0) }
        report(inner.errors)
        guard var arguments, filter == nil || filter??.type == .boolean else { return nil }
        guard checkArity(call, name, syntax) else { return nil }
        var condition = filter ?? nil
        guard let shape = aggregateShape(name, call, &arguments, &condition, syntax) else {
            return nil
        }
        return AggregateCall(
            function: shape.function, arguments: arguments.map(BoundExpression.init),
            isDistinct: call.isDistinct && shape.function.countsRepeats,
            filter: condition.map(BoundExpression.init), type: shape.type,
            isNullable: shape.function != .count && shape.function != .countAll,
            text: text(syntax), part: groups?.part ?? .having, position: syntax.range)
    }

    private mutating func checkArity(
        _ call: Syntax.Call, _ name: String, _ syntax: Syntax
    ) -> Bool {
        let arity = AggregateSignature.arity(of: name)
        if call.isStar {
            if name == "count" { return true }
        } else if arity.contains(call.arguments.count) {
            return true
        }
        let wanted =
            arity.lowerBound == arity.upperBound
            ? "\(arity.lowerBound)" : "\(arity.lowerBound) to \(arity.upperBound)"
        _ = report(
            .wrongNumArgs,
            "\(call.name) takes \(wanted) argument(s)"
                + (call.isStar ? ", not '*'." : ", not \(call.arguments.count)."),
            at: syntax.range)
        return false
    }

    /// Function, result type and coerced arguments of an aggregate.
    private mutating func aggregateShape(
        _ name: String, _ call: Syntax.Call, _ arguments: inout [Node], _ filter: inout Node?,
        _ syntax: Syntax
    ) -> (function: AggregateFunction, type: DataType)? {
        switch name {
        case "count":
            let isNeverNull = arguments.allSatisfy { $0.constant.map { !$0.isNull } ?? false }
            if call.isStar || (isNeverNull && !call.isDistinct) {
                arguments = []
                return (.countAll, .long)
            }
            arguments = arguments.map { typed($0, as: .boolean) }
            return (.count, .long)
        case "count_if":
            guard let condition = condition(arguments[0]) else { return nil }
            arguments = []
            filter = filter.map { make(.and, [$0, condition], .boolean, syntax) } ?? condition
            return (.countAll, .long)
        case "first", "last", "any_value":
            guard let ignoresNulls = ignoresNulls(call, &arguments, syntax) else { return nil }
            let function: AggregateFunction =
                name == "last"
                ? .last(ignoreNulls: ignoresNulls) : .first(ignoreNulls: ignoresNulls)
            return typedArguments(&arguments, syntax).map { (function, $0) }
        case "min": return typedArguments(&arguments, syntax).map { (.min, $0) }
        case "max": return typedArguments(&arguments, syntax).map { (.max, $0) }
        case "min_by": return typedArguments(&arguments, syntax).map { (.minBy, $0) }
        case "max_by": return typedArguments(&arguments, syntax).map { (.maxBy, $0) }
        case "bool_and", "bool_or":
            guard let condition = condition(arguments[0]) else { return nil }
            arguments = [condition]
            return (name == "bool_and" ? .min : .max, .boolean)
        default: return numericShape(name, call, &arguments)
        }
    }

    private mutating func numericShape(
        _ name: String, _ call: Syntax.Call, _ arguments: inout [Node]
    ) -> (function: AggregateFunction, type: DataType)? {
        let argument = typed(arguments[0], as: .double)
        guard argument.type.isNumeric || argument.type == .string else {
            _ = report(
                .datatypeMismatch,
                "\(call.name) takes a number, '\(argument.text)' is \(argument.type.withArticle).",
                at: argument.position)
            return nil
        }
        let function: AggregateFunction
        var type = DataType.double
        var argumentType = DataType.double
        switch (name, argument.type) {
        case ("sum", .int), ("sum", .long): (type, argumentType) = (.long, .long)
        case ("sum", .decimal(let precision, let scale)):
            type = .decimal(precision: min(38, precision + 10), scale: scale)
            argumentType = type
        case ("avg", .decimal(let precision, let scale)):
            type = .decimal(precision: min(38, precision + 4), scale: min(38, scale + 4))
            argumentType = argument.type
        case (_, .int), (_, .long):
            // Two longs are the same value only as longs.
            if call.isDistinct { argumentType = .long }
        default: break
        }
        switch name {
        case "sum": function = .sum
        case "avg": function = .avg
        case "stddev_samp": function = .stddevSamp
        case "stddev_pop": function = .stddevPop
        case "var_samp": function = .varSamp
        default: function = .varPop
        }
        guard let coerced = cast(argument, to: argumentType) else { return nil }
        arguments = [coerced]
        return (function, type)
    }

    /// The type of the first argument; none may be an untyped NULL.
    private mutating func typedArguments(
        _ arguments: inout [Node], _ syntax: Syntax
    ) -> DataType? {
        for argument in arguments where argument.isUntypedNull {
            _ = report(
                .datatypeMismatch, "NULL alone has no type: write CAST(NULL AS type).",
                at: argument.position)
            return nil
        }
        return arguments[0].type
    }

    /// The second argument of `first` and `last`, a constant boolean, or `IGNORE NULLS`.
    private mutating func ignoresNulls(
        _ call: Syntax.Call, _ arguments: inout [Node], _ syntax: Syntax
    ) -> Bool? {
        guard arguments.count == 2 else { return call.ignoresNulls ?? false }
        let flag = arguments.removeLast()
        guard case .boolean(let value)? = flag.constant else {
            _ = report(
                .datatypeMismatch,
                "The second argument of \(call.name) is TRUE (ignore nulls) or FALSE.",
                at: flag.position)
            return nil
        }
        return value
    }
}
