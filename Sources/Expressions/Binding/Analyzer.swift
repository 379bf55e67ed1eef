public import Columnar

/// Finds out what a query means over rows of a schema.
///
/// - Parameters:
///   - query: The expressions as written.
///   - input: The columns of the rows that come in.
///   - eventTime: The column with the rows' event time, if the input has one.
/// - Returns: The plan, whose expressions are bound to `input` or to the groups it makes.
/// - Throws: every fault of every text of the query, in one go.
public func analyze(
    _ query: QueryText, input: Schema, eventTime: String?
) throws(ExpressionErrors) -> QueryPlan {
    var analyzer = Analyzer(query, input: input, eventTime: eventTime)
    let plan = analyzer.plan()
    guard analyzer.errors.isEmpty, let plan else {
        throw ExpressionErrors(analyzer.errors)
    }
    return plan
}

extension BoundExpression {
    /// Parses and types an expression without aggregates over the columns of a schema.
    ///
    /// - Throws: every fault of the text.
    public init(parsing text: String, input: Schema) throws(ExpressionErrors) {
        let syntax: Syntax
        do { syntax = try Parser.expression(text) } catch { throw ExpressionErrors([error]) }
        var binder = Binder(InputScope(input))
        guard let node = binder.bindOutput(syntax), binder.errors.isEmpty else {
            throw ExpressionErrors(binder.errors)
        }
        self.init(node)
    }
}

/// The state of one analysis; errors are collected, a part that cannot be understood is left out.
struct Analyzer {
    let query: QueryText
    let input: Schema
    let scope: InputScope
    let eventTimeIndex: Int?
    var errors: [ExpressionError] = []

    init(_ query: QueryText, input: Schema, eventTime: String?) {
        self.query = query
        self.input = input
        scope = InputScope(input)
        let found = eventTime.map { InputScope(input).indices(of: [$0]) } ?? []
        eventTimeIndex = found.count == 1 ? found[0] : nil
    }

    mutating func plan() -> QueryPlan? {
        let filter = bindFilter()
        let groupBy = query.groupBy.indices.map { parsed(query.groupBy[$0], .groupBy($0)) }
        let groupByErrors = errors.count
        let select = query.select.indices.map { parsed(query.select[$0], .select($0)) }
        var having: Syntax?
        if let text = query.having {
            do { having = try Parser.expression(text) } catch { report(error, .having) }
        }
        // Errors read in the order of the query's parts.
        let selectErrors = Array(errors[groupByErrors...])
        errors.removeSubrange(groupByErrors...)
        guard !query.select.isEmpty else {
            report(
                ExpressionError(
                    .parseSyntaxError, "'select' names no column: name at least one.", at: 0..<0),
                .select(0))
            return nil
        }
        if let having, query.groupBy.isEmpty, !having.containsAggregate,
            !select.contains(where: { $0?.expression.containsAggregate ?? true })
        {
            report(
                ExpressionError(
                    .missingAggregation,
                    "'having' is a condition on groups, and this query has none: use 'where'.",
                    at: having.range),
                .having)
            return nil
        }
        let aggregates =
            !query.groupBy.isEmpty || query.having != nil
            || select.contains { $0?.expression.containsAggregate ?? false }
        let plan: QueryPlan? =
            aggregates
            ? aggregation(filter, groupBy, select, having).map { .aggregation($0) }
            : projection(filter, select).map { .projection($0) }
        errors += selectErrors
        return plan
    }

    // MARK: Parts

    mutating func report(_ error: ExpressionError, _ part: QueryPart) {
        var error = error
        error.part = part
        errors.append(error)
    }

    private mutating func parsed(_ text: String, _ part: QueryPart) -> NamedSyntax? {
        do {
            return try Parser.namedExpression(text)
        } catch {
            report(error, part)
            return nil
        }
    }

    private mutating func bindFilter() -> BoundExpression? {
        guard let text = query.where else { return nil }
        do {
            let syntax = try Parser.expression(text)
            var binder = Binder(scope)
            binder.aggregateRefusal = (
                .misplacedAggregate,
                "An aggregate cannot stand in 'where', which sees rows before they are grouped: "
                    + "use 'having', or FILTER (WHERE …) behind the aggregate."
            )
            let node = binder.bindCondition(syntax)
            errors += binder.takeErrors(of: .filter)
            return node.map(BoundExpression.init)
        } catch {
            report(error, .filter)
            return nil
        }
    }

    /// Adds an output column; two of one name are an error.
    mutating func add(
        _ name: String, _ node: Node, _ index: Int, _ range: Range<Int>,
        to output: inout [NamedExpression]
    ) {
        if let other = output.first(where: { $0.name.lowercased() == name.lowercased() }) {
            let same = other.name == name ? "" : " (names are compared without case)"
            report(
                ExpressionError(
                    .columnAlreadyExists,
                    "Two output columns are named '\(name)'\(same): name one of them with AS.",
                    at: range),
                .select(index))
            return
        }
        output.append(NamedExpression(name: name, expression: BoundExpression(node)))
    }

    // MARK: Projection

    private mutating func projection(
        _ filter: BoundExpression?, _ select: [NamedSyntax?]
    ) -> ProjectionPlan? {
        var output: [NamedExpression] = []
        for (index, item) in select.enumerated() {
            guard let item else { continue }
            let range = item.expression.range
            if case .star = item.expression.kind {
                for (column, field) in input.fields.enumerated() {
                    let node = Node(
                        .column(column), [], field.type, isNullable: field.isNullable,
                        text: quotedIfNeeded(field.name), at: range)
                    add(field.name, node, index, range, to: &output)
                }
                continue
            }
            var binder = Binder(scope)
            let node = binder.bindOutput(item.expression)
            errors += binder.takeErrors(of: .select(index))
            if let node { add(outputName(item), node, index, range, to: &output) }
        }
        guard errors.isEmpty, !select.contains(where: { $0 == nil }) else { return nil }
        return ProjectionPlan(
            input: input, filter: filter, output: output,
            outputSchema: Schema(output.map(\.field)))
    }

    func outputName(_ item: NamedSyntax) -> String {
        item.alias ?? SyntaxWriter.generatedName(item.expression)
    }
}
