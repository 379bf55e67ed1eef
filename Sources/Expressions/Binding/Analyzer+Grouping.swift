import Columnar

/// The grouping expressions of a query, understood.
struct Grouping {
    var keys: [NamedExpression] = []
    var window: WindowPlan?
    var scope = GroupScope()
}

extension Analyzer {
    mutating func aggregation(
        _ filter: BoundExpression?, _ groupBy: [NamedSyntax?], _ select: [NamedSyntax?],
        _ having: Syntax?
    ) -> AggregationPlan? {
        let grouping = bindGrouping(groupBy, select)
        var binder = Binder(scope)
        binder.groups = grouping.scope
        var output: [NamedExpression] = []
        for (index, item) in select.enumerated() {
            guard let item else { continue }
            binder.groups?.part = .select(index)
            if case .star = item.expression.kind {
                report(
                    ExpressionError(
                        .missingAggregation,
                        "'*' cannot be selected from groups: name the grouping columns and "
                            + "aggregates that you want.", at: item.expression.range),
                    .select(index))
                continue
            }
            let node = binder.bindOutput(item.expression)
            errors += binder.takeErrors(of: .select(index))
            if let node {
                add(outputName(item), node, index, item.expression.range, to: &output)
            }
        }
        let condition = having.flatMap { bindHaving($0, select, &binder) }
        let failed =
            !errors.isEmpty || (groupBy + select).contains { $0 == nil }
            || (query.having != nil && condition == nil)
        guard !failed, let aggregates = binder.groups?.aggregates else { return nil }
        return AggregationPlan(
            input: input, filter: filter, keys: grouping.keys, window: grouping.window,
            aggregates: aggregates, groupSchema: groupSchema(grouping, aggregates),
            having: condition, output: output, outputSchema: Schema(output.map(\.field)))
    }

    /// Binds the filter over groups, which may also use the names of output columns.
    private mutating func bindHaving(
        _ having: Syntax, _ select: [NamedSyntax?], _ binder: inout Binder
    ) -> BoundExpression? {
        binder.groups?.part = .having
        for item in select {
            guard let item, let alias = item.alias else { continue }
            binder.groups?.aliases[alias.lowercased()] = item.expression
        }
        let node = binder.bindCondition(having)
        errors += binder.takeErrors(of: .having)
        return node.map(BoundExpression.init)
    }

    private func groupSchema(_ grouping: Grouping, _ aggregates: [AggregateCall]) -> Schema {
        var fields = grouping.keys.map(\.field)
        // A user's column may have any name, also one of those made here.
        func free(_ name: String) -> String {
            var name = name
            while fields.contains(where: { $0.name == name }) { name += "_" }
            return name
        }
        if grouping.window != nil {
            fields.append(Field(free("window.start"), .timestamp, isNullable: false))
            fields.append(Field(free("window.end"), .timestamp, isNullable: false))
        }
        for (index, call) in aggregates.enumerated() {
            fields.append(Field(free("agg\(index)"), call.type, isNullable: call.isNullable))
        }
        return Schema(fields)
    }

    // MARK: Grouping expressions

    mutating func bindGrouping(
        _ groupBy: [NamedSyntax?], _ select: [NamedSyntax?]
    ) -> Grouping {
        var grouping = Grouping()
        for (index, item) in groupBy.enumerated() {
            guard let item = item.map({ substituted($0, select) }) else {
                grouping.scope.isIncomplete = true
                continue
            }
            if case .call(let call) = item.expression.kind,
                ["window", "session_window"].contains(FunctionNames.canonical(call.name))
            {
                addWindow(call, item, index, to: &grouping)
            } else {
                addKey(item, index, to: &grouping)
            }
        }
        // What a faulty grouping expression would have been named is not known.
        grouping.scope.isIncomplete =
            grouping.scope.isIncomplete || grouping.scope.keys.contains { $0.node == nil }
        let windowColumns = grouping.window == nil ? 0 : 2
        grouping.scope.firstAggregateIndex = grouping.keys.count + windowColumns
        if let window = grouping.scope.window {
            grouping.scope.window = .init(
                text: window.text, name: window.name, startIndex: grouping.keys.count)
        }
        return grouping
    }

    /// A grouping expression that is the name or the number (from 1) of an output column stands
    /// for that column's expression.
    private func substituted(_ item: NamedSyntax, _ select: [NamedSyntax?]) -> NamedSyntax {
        switch item.expression.kind {
        case .name(let parts) where parts.count == 1 && scope.indices(of: parts).isEmpty:
            for case let output? in select
            where output.alias?.lowercased() == parts[0].lowercased() {
                return NamedSyntax(
                    expression: output.expression, alias: item.alias ?? output.alias)
            }
        case .literal(.int(let ordinal), _)
        where select.indices.contains(Int(ordinal) - 1):
            if let output = select[Int(ordinal) - 1] { return output }
        default: break
        }
        return item
    }

    private mutating func addKey(_ item: NamedSyntax, _ index: Int, to grouping: inout Grouping) {
        var binder = Binder(scope)
        binder.aggregateRefusal = (
            .misplacedAggregate,
            "An aggregate cannot be grouped by: group by columns, aggregate in 'select'."
        )
        let text = binder.text(item.expression)
        let name = outputName(item)
        guard !grouping.scope.keys.contains(where: { $0.text == text }) else { return }
        let node = binder.bindOutput(item.expression)
        errors += binder.takeErrors(of: .groupBy(index))
        guard let node else {
            grouping.scope.keys.append(.init(text: text, name: name, node: nil))
            return
        }
        guard
            !grouping.keys.contains(where: { $0.name.lowercased() == name.lowercased() })
        else {
            report(
                ExpressionError(
                    .columnAlreadyExists,
                    "Two grouping columns are named '\(name)': name one of them with AS.",
                    at: item.expression.range),
                .groupBy(index))
            return
        }
        let column = Node(
            .column(grouping.keys.count), [], node.type, isNullable: node.isNullable,
            text: text, at: node.position)
        grouping.keys.append(NamedExpression(name: name, expression: BoundExpression(node)))
        grouping.scope.keys.append(.init(text: text, name: name, node: column))
    }

    private mutating func addWindow(
        _ call: Syntax.Call, _ item: NamedSyntax, _ index: Int, to grouping: inout Grouping
    ) {
        var binder = Binder(scope)
        let text = binder.text(item.expression)
        if let other = grouping.scope.window {
            if other.text == text { return }
            report(
                ExpressionError(
                    .invalidWindow,
                    "A query groups by at most one window: put the second into a query of its own.",
                    at: item.expression.range),
                .groupBy(index))
            return
        }
        let name = item.alias ?? FunctionNames.canonical(call.name)
        grouping.window = binder.bindWindow(
            call, eventTimeIndex: eventTimeIndex, item.expression)
        errors += binder.takeErrors(of: .groupBy(index))
        grouping.scope.window = .init(text: text, name: name, startIndex: 0)
    }
}
