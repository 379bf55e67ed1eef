import Columnar
import ConnectorAPI
import Expressions
import JSON
import Operators
import Settings

extension JobPlanner {
    /// Which output modes a query can have.
    mutating func checkMode(
        _ query: IndexedQuery, _ plan: QueryPlan, watermarkColumn: Int?, upstream: OutputMode?
    ) {
        let mode = query.spec.outputMode
        // Whether rows are bounded is unknown then; the watermark's own fault is noted.
        if isWatermarkFaulty, mode == .append { return }
        let faults = Operators.check(
            plan, mode: mode, watermarkColumn: watermarkColumn, upstream: upstream,
            allowsSessionUpdate: allowsSessionUpdate)
        var hint = ""
        if union.isWatermarked, watermarkColumn == nil, let from = query.spec.from,
            source(named: from) == nil
        {
            hint =
                " The job's watermark reaches this query through an event-time column or the end "
                + "of a window: select `window_time(window)` or `window.end` in query \"\(from)\"."
        }
        for fault in faults {
            note(.badOutputMode, fault.message.asSentence + hint, at: query.pointer["outputMode"])
            hint = ""
        }
        if plan.aggregation == nil, let upstream, upstream != .append, mode != upstream {
            note(
                .badOutputMode,
                "Query \"\(query.spec.from ?? "")\" has outputMode `\(upstream.rawValue)`, whose "
                    + "rows change later; give it `append`, or this query `\(upstream.rawValue)`.",
                at: query.pointer["outputMode"])
        }
    }

    /// Checks that sinks can take the rows; gives them with what they take from the query.
    mutating func checkSinks(_ query: IndexedQuery, _ plan: QueryPlan) -> [any SinkSpec] {
        let shape = QueryShape(
            schema: plan.outputSchema, mode: query.isModeFaulty ? nil : query.spec.outputMode,
            grouping: plan.selectedGrouping)
        return query.spec.sinks.enumerated().map { index, sink in
            var sink = sink
            faults.inside(query.pointer["sinks"][index]) { sink.check(shape, &$0) }
            return sink
        }
    }
}

extension QueryPlan {
    /// The output columns that are the grouping columns, if all of them are there: of a window,
    /// start or end is enough.
    fileprivate var selectedGrouping: [String]? {
        guard let plan = aggregation else { return nil }
        var names: [String] = []
        var groups = plan.keys.indices.map { [$0] }
        if let start = plan.windowStartIndex { groups.append([start, start + 1]) }
        for group in groups {
            let column = plan.output.first { output in
                output.expression.columnIndex.map(group.contains) ?? false
            }
            guard let column else { return nil }
            names.append(column.name)
        }
        return names.isEmpty ? nil : names
    }
}
