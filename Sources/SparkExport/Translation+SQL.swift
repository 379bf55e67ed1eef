import Columnar
import Expressions
import Jobs
import Operators

extension Translation {
    /// A query as a statement of Spark over a view.
    ///
    /// An aggregation's rows carry their place in a batch as `_order`, a projection's their offset
    /// in the log, where they have one.
    func sql(
        _ query: PlannedQuery, _ parts: QuerySQL, from view: String, hasOffsets: Bool
    ) -> String {
        let output = parts.output.map { "\($0.text) AS \($0.name.sparkWord)" }
        guard let plan = query.plan.aggregation else {
            return select(
                output + (hasOffsets ? ["_offset"] : []), from: view,
                where: parts.filter, groupBy: [])
        }
        var columns = parts.keys.map { "\($0.text) AS \($0.name.sparkWord)" }
        var grouping = parts.keys.map(\.text)
        var order = parts.keys.map(\.name.sparkWord)
        if let window = plan.window, let name = parts.windowName?.sparkWord {
            let text = sparkText(of: window, input: query.input)
            columns.append("\(text) AS \(name)")
            grouping.append(text)
            order.insert(contentsOf: ["\(name).start", "\(name).end"], at: 0)
        }
        columns += parts.aggregates.map { "\($0.text) AS \($0.name.sparkWord)" }
        let groups = select(columns, from: view, where: parts.filter, groupBy: grouping)
        let indented = groups.split(separator: "\n").map { "  \($0)\n" }.joined()
        let place = order.isEmpty ? "0" : "struct(\(order.joined(separator: ", ")))"
        return select(
            output + ["\(place) AS _order"], from: "(\n\(indented))", where: parts.having,
            groupBy: [])
    }

    /// The view of a query's input rows that are no duplicates of earlier ones.
    func distinct(
        _ deduplication: Deduplication, of query: PlannedQuery, view: String, from source: String,
        _ parts: QuerySQL
    ) -> PythonValue {
        let rows = select(["*"], from: source, where: parts.filter, groupBy: [])
        let names = deduplication.columns.map { PythonValue.string(query.input[$0].name) }
        return .dictionary([
            ("view", .string(view)), ("sql", .text(rows)), ("columns", .list(names)),
            ("within", .boolean(deduplication.isWithinWatermark)),
        ])
    }

    private func select(
        _ columns: [String], from source: String, where condition: String?, groupBy: [String]
    ) -> String {
        var lines = ["SELECT " + columns.joined(separator: ",\n       "), "FROM \(source)"]
        if let condition { lines.append("WHERE \(condition)") }
        if !groupBy.isEmpty { lines.append("GROUP BY " + groupBy.joined(separator: ", ")) }
        return lines.joined(separator: "\n") + "\n"
    }

    /// A window with its lengths as every version of Spark reads them.
    private func sparkText(of window: WindowPlan, input: Schema) -> String {
        let time = window.time.text
        switch window.kind {
        case .sliding(let duration, let slide, let start):
            var lengths = [duration]
            if slide != duration || start != 0 { lengths.append(slide) }
            if start != 0 { lengths.append(start) }
            return "window(\(time), \(lengths.map(length).joined(separator: ", ")))"
        case .session(let gap): return "session_window(\(time), \(length(gap)))"
        case .dynamicSession:
            return "session_window(\(time), \(QuerySQL.gap(of: window, input: input) ?? ""))"
        }
    }

    private func length(_ micros: Int64) -> String {
        micros % 1_000_000 == 0 ? "'\(micros / 1_000_000) seconds'" : "'\(micros) microseconds'"
    }
}

/// How a query's input rows are ordered, for the aggregates that depend on it.
struct RowOrder {
    /// The event time of a row, as it takes part in an ascending and a descending order; `nil`
    /// where rows have none.
    private let time: (ascending: String, descending: String)?
    /// The column with the row's offset in the log; `nil` where the event time alone orders.
    private let offset: String?
    /// Whether any two rows of a group are ordered.
    private let isTotal: Bool

    init(_ query: PlannedQuery, _ upstream: Translation.Query?, isTable: Bool) {
        let hasOffsets = !isTable && (upstream?.hasOffsets ?? true)
        offset = hasOffsets ? "_offset" : nil
        time = query.eventTimeColumn.map { column in
            let name = query.input[column].name.sparkWord
            let descending = "-unix_micros(\(name))"
            // A row without event time comes before every other.
            return (
                name,
                query.input[column].isNullable
                    ? "coalesce(\(descending), \(Int64.max))" : descending
            )
        }
        isTotal = hasOffsets || Self.groupsTellRowsApart(query, upstream)
    }

    /// Whether rows of one group always differ in their event time.
    private static func groupsTellRowsApart(
        _ query: PlannedQuery, _ upstream: Translation.Query?
    ) -> Bool {
        guard query.eventTimeColumn != nil, let plan = query.plan.aggregation,
            let needed = upstream?.distinguishing
        else { return false }
        let grouped = plan.keys.compactMap { key in
            key.expression.columnIndex.map { query.input[$0].name }
        }
        return needed.isSubset(of: grouped)
    }

    /// A call as Spark computes the same; `nil` when the order of rows does not say what it is.
    func spark(_ call: AggregateSQL) -> String? {
        let value = call.arguments.first ?? ""
        switch call.function {
        case "first", "any_value", "last":
            guard isTotal else { return nil }
            let function = call.function == "last" ? "max_by" : "min_by"
            return "\(function)(\(value), \(place(before: [], isDescending: false)))"
                + filter(call, call.ignoresNulls ? value : nil)
        case "min_by", "max_by":
            guard isTotal, call.arguments.count == 2 else { return nil }
            let by = call.arguments[1]
            return "\(call.function)(\(value), "
                + place(before: [by], isDescending: call.function == "max_by") + ")"
                + filter(call, by)
        default: return call.text
        }
    }

    /// What orders rows: (event time, offset) after other values.
    private func place(before: [String], isDescending: Bool) -> String {
        var parts = before
        if let time { parts.append(isDescending ? time.descending : time.ascending) }
        if let offset { parts.append(isDescending ? "-\(offset)" : offset) }
        return "struct(\(parts.joined(separator: ", ")))"
    }

    private func filter(_ call: AggregateSQL, _ notNull: String?) -> String {
        let conditions =
            [notNull.map { "(\($0) IS NOT NULL)" }, call.filter].compactMap { $0 }
        return conditions.isEmpty
            ? "" : " FILTER (WHERE \(conditions.joined(separator: " AND ")))"
    }
}

extension Translation {
    /// A distinct aggregate as Spark computes the same on a stream, where it has no `DISTINCT`: from
    /// the set of values, in their order; `nil` when that does not give the same.
    static func spark(distinct call: AggregateSQL, of plan: AggregationPlan) -> String? {
        guard let meant = plan.aggregates.first(where: { $0.text == call.text }) else { return nil }
        let values = call.arguments
        let filter = (values.map { "(\($0) IS NOT NULL)" } + [call.filter].compactMap { $0 })
            .joined(separator: " AND ")
        let types = meant.arguments.map(\.type)
        // `collect_set` tells -0.0 from 0.0 and keeps every NaN; adding zero and `array_distinct` do not.
        let parts = zip(values, types).map { $1 == .double ? "(CAST(\($0) AS DOUBLE) + 0.0D)" : $0 }
        let element = parts.count == 1 ? parts[0] : "struct(\(parts.joined(separator: ", ")))"
        let set = "array_distinct(collect_set(\(element)) FILTER (WHERE \(filter)))"
        switch (meant.function, types.first) {
        case (.count, _): return "CAST(size(\(set)) AS BIGINT)"
        case (.min, _), (.max, _): return "\(call.function)(\(values[0])) FILTER (WHERE \(filter))"
        case (.sum, .long), (.sum, .double), (.avg, .double), (.avg, .long):
            let type = meant.type == .long ? "BIGINT" : "DOUBLE"
            let sum =
                "aggregate(array_sort(\(set)), CAST(0 AS \(type)), (sum, value) -> sum + value)"
            let result = meant.function == .avg ? "\(sum) / size(\(set))" : sum
            return "if(size(\(set)) = 0, NULL, \(result))"
        default: return nil
        }
    }
}
