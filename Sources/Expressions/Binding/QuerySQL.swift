public import Columnar

/// A query in two steps, as SQL texts for an engine of the same dialect: rows into groups, groups
/// into output rows.
public struct QuerySQL: Sendable {
    /// A column that a step makes.
    public struct Column: Sendable {
        /// Its name.
        public let name: String
        /// Its expression.
        public let text: String
    }

    /// The condition over input rows, if any.
    public var filter: String?
    /// The grouping columns other than the window; of a projection none.
    public var keys: [Column] = []
    /// The name of the window's column among the groups, if there is a window.
    public var windowName: String?
    /// The aggregates, over input rows.
    public var aggregates: [Column] = []
    /// The condition over groups, if any.
    public var having: String?
    /// The output columns, over groups; of a projection over input rows.
    public var output: [Column] = []
}

/// A call of an aggregate function, each of its parts as text.
public struct AggregateSQL: Sendable {
    /// The function under the name it has here: `first` also for `first_value`.
    public let function: String
    /// The arguments, `*` alone for `count(*)`; without the flag of `first` and `last`.
    public let arguments: [String]
    /// Whether each value counts once.
    public let isDistinct: Bool
    /// Whether `first` and `last` pass over nulls.
    public let ignoresNulls: Bool
    /// The condition of `FILTER (WHERE …)`.
    public let filter: String?
    /// The whole call.
    public let text: String
}

extension QuerySQL {
    /// Writes a query that has been analysed without fault.
    ///
    /// - Parameters:
    ///   - query: the query.
    ///   - input: the columns of the rows that come in.
    ///   - eventTime: the column with the rows' event time, if the input has one.
    ///   - aggregate: gives the text of an aggregate's call in the other engine.
    /// - Throws: the faults of the query, if it has any.
    public init(
        _ query: QueryText, input: Schema, eventTime: String?,
        aggregate: @escaping (AggregateSQL) -> String
    ) throws(ExpressionErrors) {
        var analyzer = Analyzer(query, input: input, eventTime: eventTime)
        guard let plan = analyzer.plan(), analyzer.errors.isEmpty else {
            throw ExpressionErrors(analyzer.errors)
        }
        let rows = InputScope(input).writer
        filter = query.where.flatMap { try? Parser.expression($0) }.map { rows.text($0) }
        let select = query.select.map { try? Parser.namedExpression($0) }
        guard case .aggregation = plan else {
            for case let item? in select {
                if case .star = item.expression.kind {
                    output += input.names.map { Column(name: $0, text: quotedIfNeeded($0)) }
                } else {
                    output.append(
                        Column(name: analyzer.outputName(item), text: rows.text(item.expression)))
                }
            }
            return
        }
        let groupBy = query.groupBy.map { try? Parser.namedExpression($0) }
        let groups = GroupedWriter(rows, analyzer.bindGrouping(groupBy, select), aggregate)
        for (key, name) in zip(groups.keys, groups.keyNames) {
            keys.append(Column(name: name, text: key.text))
        }
        windowName = groups.windowName
        for case let item? in select {
            output.append(
                Column(name: analyzer.outputName(item), text: groups.text(item.expression)))
        }
        having = query.having.flatMap { try? Parser.expression($0) }
            .map { groups.text(having: $0, select: select) }
        aggregates = groups.aggregates
    }

    /// The text of a session's gap that is computed row by row, with the lengths in microseconds,
    /// which every engine reads.
    public static func gap(of window: WindowPlan, input: Schema) -> String? {
        guard let syntax = try? Parser.expression(window.text), case .call(let call) = syntax.kind,
            call.arguments.count == 2
        else { return nil }
        var writer = InputScope(input).writer
        writer.replacement = { syntax in
            let text: String
            switch syntax.kind {
            case .interval(let interval, _):
                text = interval.fixedMicros.map { "'\($0) microseconds'" } ?? ""
            case .literal(.string(let literal), _):
                guard let micros = (try? parseInterval(literal))?.fixedMicros else { return nil }
                text = "'\(micros) microseconds'"
            default: return nil
            }
            return text
        }
        return writer.text(call.arguments[1])
    }
}

/// Writes expressions over groups, where keys, the window's bounds and aggregates are columns.
private final class GroupedWriter {
    let keys: [GroupScope.Key]
    let keyNames: [String]
    let windowName: String?
    private(set) var aggregates: [QuerySQL.Column] = []
    private let rows: SyntaxWriter
    private let window: GroupScope.Window?
    private let aggregate: (AggregateSQL) -> String
    private var names: Set<String>
    private var nameByCall: [String: String] = [:]
    /// What the names of output columns stand for, in `having`.
    private var aliases: [String: Syntax] = [:]

    init(
        _ rows: SyntaxWriter, _ grouping: Grouping, _ aggregate: @escaping (AggregateSQL) -> String
    ) {
        self.rows = rows
        self.aggregate = aggregate
        keys = grouping.scope.keys
        window = grouping.scope.window
        var names: Set<String> = []
        keyNames = keys.map { Self.free($0.name, &names) }
        windowName = window.map { Self.free($0.name, &names) }
        self.names = names
    }

    private static func free(_ name: String, _ names: inout Set<String>) -> String {
        var name = name
        while !names.insert(name.lowercased()).inserted { name += "_" }
        return name
    }

    func text(having: Syntax, select: [NamedSyntax?]) -> String {
        for item in select {
            guard let item, let alias = item.alias else { continue }
            aliases[alias.lowercased()] = item.expression
        }
        defer { aliases = [:] }
        return text(having)
    }

    func text(_ syntax: Syntax) -> String {
        var writer = rows
        writer.replacement = { self.replacement($0) }
        return writer.text(syntax)
    }

    /// The column that syntax means among the groups; `nil` when it is written as anywhere.
    private func replacement(_ syntax: Syntax) -> String? {
        if case .name(let parts) = syntax.kind, parts.count == 1,
            let alias = aliases[parts[0].lowercased()]
        {
            let saved = aliases
            aliases = [:]
            defer { aliases = saved }
            return text(alias)
        }
        let spelling = rows.text(syntax)
        if let index = keys.firstIndex(where: { $0.text == spelling }) {
            return quotedIfNeeded(keyNames[index])
        }
        switch syntax.kind {
        case .name(let parts): return column(parts)
        case .field(let operand, let field):
            guard let window, rows.text(operand) == window.text else { return nil }
            return windowColumn(field)
        case .call(let call):
            if AggregateSignature.isAggregate(call.name) { return column(of: call, spelling) }
            return window?.text == spelling ? windowColumn(nil) : nil
        default: return nil
        }
    }

    private func column(_ parts: [String]) -> String? {
        if let window, parts[0].lowercased() == window.name.lowercased(), parts.count <= 2 {
            return windowColumn(parts.count == 2 ? parts[1] : nil)
        }
        let name = parts.joined(separator: ".").lowercased()
        return keys.firstIndex { $0.name.lowercased() == name }
            .map { quotedIfNeeded(keyNames[$0]) }
    }

    private func windowColumn(_ field: String?) -> String? {
        windowName.map { quotedIfNeeded($0) + (field.map { ".\($0.lowercased())" } ?? "") }
    }

    private func column(of call: Syntax.Call, _ spelling: String) -> String {
        if let name = nameByCall[spelling] { return name }
        let name = Self.free("agg\(aggregates.count)", &names)
        nameByCall[spelling] = name
        let function = FunctionNames.canonical(call.name)
        var arguments = call.isStar ? ["*"] : call.arguments.map { rows.text($0) }
        var ignoresNulls = call.ignoresNulls ?? false
        if ["first", "last", "any_value"].contains(function), arguments.count == 2 {
            ignoresNulls = arguments.removeLast().lowercased() == "true"
        }
        let parts = AggregateSQL(
            function: function, arguments: arguments, isDistinct: call.isDistinct,
            ignoresNulls: ignoresNulls,
            filter: call.filter.map { rows.text($0) }, text: spelling)
        aggregates.append(QuerySQL.Column(name: name, text: aggregate(parts)))
        return name
    }
}
