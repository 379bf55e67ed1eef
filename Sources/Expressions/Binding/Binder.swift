import Columnar

/// Gives syntax its meaning: resolves names and functions, types every node, inserts the implicit
/// casts, folds constants.
///
/// Collects every error instead of stopping at the first; a node that
/// cannot be bound is `nil` and its parent stays silent.
struct Binder {
    let input: InputScope
    /// Set while binding what comes after grouping: `select` and `having` of an aggregation.
    var groups: GroupScope?
    /// Why an aggregate may not stand here; used when `groups` is `nil`.
    var aggregateRefusal: (ExpressionError.Code, String) = (
        .misplacedAggregate, "An aggregate needs a query that groups: put it in 'select'."
    )
    private(set) var errors: [ExpressionError] = []

    init(_ input: InputScope) { self.input = input }

    // MARK: Reporting

    mutating func report(
        _ code: ExpressionError.Code, _ message: String, at position: Range<Int>,
        suggestion: String? = nil
    ) -> Node? {
        errors.append(ExpressionError(code, message, at: position, suggestion: suggestion))
        return nil
    }

    mutating func report(_ more: [ExpressionError]) { errors += more }

    /// Takes the errors collected so far, as those of one text of a query.
    mutating func takeErrors(of part: QueryPart) -> [ExpressionError] {
        defer { errors = [] }
        return errors.map {
            var error = $0
            error.part = error.part ?? part
            return error
        }
    }

    /// Text of a syntax in one spelling.
    func text(_ syntax: Syntax) -> String { input.writer.text(syntax) }

    // MARK: Entry points

    /// Binds an expression whose value is an output column: it must have a type.
    mutating func bindOutput(_ syntax: Syntax) -> Node? {
        guard let node = bind(syntax) else { return nil }
        guard !node.isUntypedNull else {
            return report(
                .datatypeMismatch, "NULL alone has no type: write CAST(NULL AS type).",
                at: syntax.range)
        }
        return node
    }

    /// Binds a condition.
    mutating func bindCondition(_ syntax: Syntax) -> Node? {
        guard let node = bind(syntax) else { return nil }
        return condition(node)
    }

    /// A node as a condition: a boolean, or NULL.
    mutating func condition(_ node: Node) -> Node? {
        if node.isUntypedNull { return typed(node, as: .boolean) }
        guard node.type == .boolean else {
            return report(
                .datatypeMismatch,
                "'\(node.text)' is \(node.type.withArticle), a condition must be a boolean: compare it with "
                    + "something.",
                at: node.position)
        }
        return node
    }

    /// Binds each, so that the errors of all are found.
    mutating func bindAll(_ list: [Syntax]) -> [Node]? {
        var nodes: [Node] = []
        for syntax in list {
            if let node = bind(syntax) { nodes.append(node) }
        }
        return nodes.count == list.count ? nodes : nil
    }

    mutating func bind(_ syntax: Syntax) -> Node? {
        if groups != nil, let node = bindGrouped(syntax) { return node.node }
        switch syntax.kind {
        case .name(let parts): return bindName(parts, syntax)
        case .star:
            return report(
                .parseSyntaxError, "'*' may stand alone in 'select' or inside count(*).",
                at: syntax.range)
        case .literal(let value, let type): return bindLiteral(value, type, syntax)
        case .interval(_, let text):
            return report(
                .datatypeMismatch,
                "\(text) can only be added to or subtracted from a timestamp or a date.",
                at: syntax.range)
        case .unary(let unary, let operand): return bindUnary(unary, operand, syntax)
        case .binary(let binary, let left, let right):
            return bindBinary(binary, left, right, syntax)
        case .isTruth(let operand, let truth, let isNegated):
            return bindTruth(operand, truth, isNegated, syntax)
        case .isDistinctFrom(let left, let right, let isNegated):
            return bindBinary(.equalNullSafe, left, right, syntax).map {
                isNegated ? $0 : negation(of: $0, syntax)
            }
        case .inList(let operand, let list, let isNegated):
            return bindIn(operand, list, isNegated, syntax)
        case .between(let operand, let low, let high, let isNegated):
            return bindBetween(operand, low, high, isNegated, syntax)
        case .like(let operand, let pattern, let escape, let isNegated):
            return bindLike(operand, pattern, escape, isNegated, syntax)
        case .caseWhen(let operand, let branches, let otherwise):
            return bindCase(operand, branches, otherwise, syntax)
        case .cast(let operand, let type, let isTry):
            return bindCast(operand, type, isTry, syntax)
        case .call(let call): return bindCall(call, syntax)
        case .field(let operand, let field): return bindField(operand, field, syntax)
        }
    }

    // MARK: Names and literals

    private mutating func bindName(_ parts: [String], _ syntax: Syntax) -> Node? {
        let found = input.indices(of: parts)
        guard found.count <= 1 else {
            let names = found.map { "'\(input.schema[$0].name)'" }.joined(separator: ", ")
            return report(
                .ambiguousReference,
                "'\(parts.joined(separator: "."))' can mean \(names): names are compared without "
                    + "case. Rename one of them in the query or feed that makes it.",
                at: syntax.range)
        }
        guard let index = found.first else {
            return unresolved(parts, among: input.schema.names, syntax)
        }
        let field = input.schema[index]
        return Node(
            .column(index), [], field.type, isNullable: field.isNullable,
            text: quotedIfNeeded(field.name), at: syntax.range)
    }

    mutating func unresolved(
        _ parts: [String], among names: [String], _ syntax: Syntax
    ) -> Node? {
        let name = parts.joined(separator: ".")
        let suggestion = nearest(to: name, among: names)
        let hint = suggestion.map { " Did you mean '\($0)'?" } ?? ""
        let isWindow = ["window", "session_window"].contains(parts[0].lowercased())
        let remedy =
            isWindow
            ? " A window's bounds exist where groupBy has window(time, '1 minute')." : ""
        return report(
            .unresolvedColumn,
            "No column named '\(name)'.\(hint)\(remedy) Valid columns are \(listed(names)).",
            at: syntax.range, suggestion: suggestion)
    }

    private func bindLiteral(_ value: Value, _ type: DataType?, _ syntax: Syntax) -> Node {
        guard let type else {
            return Node(
                .untypedNull, [], .boolean, isNullable: true, text: "NULL", at: syntax.range)
        }
        return .literal(value, type, text: text(syntax), at: syntax.range)
    }

    private mutating func bindField(_ operand: Syntax, _ field: String, _ syntax: Syntax) -> Node? {
        report(
            .unresolvedColumn,
            "'\(text(operand))' has no field '\(field)'. Fields exist on the window that groupBy "
                + "names: window.start and window.end.",
            at: syntax.range)
    }

    // MARK: Making nodes

    /// A node of the syntax's place and text, folded when its arguments are constants.
    func make(
        _ operation: Operation, _ arguments: [Node], _ type: DataType, isNullable: Bool? = nil,
        _ syntax: Syntax
    ) -> Node {
        folded(
            Node(
                operation, arguments, type,
                isNullable: isNullable ?? arguments.contains(where: \.isNullable),
                text: text(syntax), at: syntax.range))
    }

    /// The constant that a node of constants is.
    ///
    /// A node that fails stays as it is: only a row
    /// that takes it may fail.
    func folded(_ node: Node) -> Node {
        guard !node.arguments.isEmpty, node.arguments.allSatisfy({ $0.constant != nil }) else {
            return node
        }
        let frame = Frame(RecordBatch(Schema([]), [], count: 1), .init(batchTimestampMicros: 0))
        guard let result = try? Evaluator(frame).evaluate(node).column(node.type, count: 1) else {
            return node
        }
        return .literal(
            result.value(at: 0), node.type, text: node.text, at: node.position)
    }

    /// NULL as a constant of a type; any other node unchanged.
    func typed(_ node: Node, as type: DataType) -> Node {
        guard node.isUntypedNull else { return node }
        return .literal(.null, type, text: node.text, at: node.position)
    }

    func negation(of node: Node, _ syntax: Syntax) -> Node {
        make(.not, [node], .boolean, syntax)
    }

    // MARK: Casts

    /// A node brought to a type by an implicit cast, which keeps the node's text.
    mutating func cast(_ node: Node, to type: DataType, isTry: Bool = false) -> Node? {
        if node.isUntypedNull { return typed(node, as: type) }
        if node.type == type { return node }
        guard CastRule(from: node.type, to: type) != nil else {
            return report(
                .datatypeMismatch,
                "'\(node.text)' is \(node.type.withArticle) and cannot become \(type.withArticle).",
                at: node.position)
        }
        return castUnchecked(node, to: type, isTry: isTry, text: node.text, at: node.position)
    }

    func castUnchecked(
        _ node: Node, to type: DataType, isTry: Bool, text: String, at position: Range<Int>
    ) -> Node {
        // A cast that cannot fail is a "try" cast: it then never holds back its branch.
        let fails = CastRule(from: node.type, to: type)?.canFail ?? true
        let gainsNull = (isTry && fails) || (node.type == .double && type.isDecimal)
        return folded(
            Node(
                .cast(isTry: isTry || !fails), [node], type,
                isNullable: node.isNullable || gainsNull, text: text, at: position))
    }

    private mutating func bindCast(
        _ operand: Syntax, _ type: DataType, _ isTry: Bool, _ syntax: Syntax
    ) -> Node? {
        guard let node = bind(operand) else { return nil }
        if node.isUntypedNull { return typed(node, as: type) }
        if node.type == type { return node }
        guard CastRule(from: node.type, to: type) != nil else {
            let remedy = CastRule.remedy(from: node.type, to: type)
            return report(
                .datatypeMismatch, "A \(node.type) cannot be cast to \(type).\(remedy)",
                at: syntax.range)
        }
        return castUnchecked(
            node, to: type, isTry: isTry, text: text(syntax), at: syntax.range)
    }

    /// Nodes brought to their common type, or an error.
    mutating func unified(_ nodes: [Node], _ what: String, _ syntax: Syntax) -> [Node]? {
        guard let type = commonType(of: nodes, what, syntax) else { return nil }
        var result: [Node] = []
        for node in nodes {
            guard let cast = cast(node, to: type) else { return nil }
            result.append(cast)
        }
        return result
    }

    private mutating func commonType(
        of nodes: [Node], _ what: String, _ syntax: Syntax
    ) -> DataType? {
        // Strings last, as Spark: what they become depends on the others.
        let typed = nodes.filter { !$0.isUntypedNull }
        let ordered =
            typed.filter { $0.type != .string } + typed.filter { $0.type == .string }
        guard var type = ordered.first?.type else { return .boolean }
        for node in ordered.dropFirst() {
            guard let common = DataType.common(type, node.type) else {
                _ = report(
                    .datatypeMismatch,
                    "\(what) need one type, but '\(ordered[0].text)' is \(type.withArticle) and "
                        + "'\(node.text)' is \(node.type.withArticle): cast one of them.",
                    at: syntax.range)
                return nil
            }
            type = common
        }
        return type
    }
}
