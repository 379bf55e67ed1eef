import Columnar
import ConnectorAPI
import Expressions
import Jobs
import Operators

/// The parts of the program that differ from job to job, and what Spark cannot do.
struct Translation {
    /// A query as a view of Spark.
    struct Query {
        let planned: PlannedQuery
        /// The name of its view.
        let view: String
        /// The view that it reads.
        let reads: String
        /// The table whose rows make that view; `nil` when the view is there already.
        let table: PythonValue?
        /// The view of its input without duplicates; `nil` when it keeps them.
        let distinct: PythonValue?
        let sql: String
        /// How many tables lie between it and the log.
        let depth: Int
        /// Whether it, or a query that it reads as a view, aggregates.
        let isStateful: Bool
        /// Whether its view carries the rows' offsets in the log.
        let hasOffsets: Bool
        /// The output columns that, with the event time, tell any two rows apart; `nil` when there
        /// are none.
        let distinguishing: Set<String>?

        var python: PythonValue {
            .dictionary([
                ("name", .string(planned.name)), ("view", .string(view)), ("reads", .string(reads)),
                ("rows", table ?? .none), ("distinct", distinct ?? .none), ("sql", .text(sql)),
            ])
        }
    }

    let job: Job
    let plan: JobPlan
    let logView: String
    /// Whether any of the rows that are duplicates of each other may be the one that stays.
    let takesAnyDuplicate: Bool
    private(set) var queries: [Query] = []
    private(set) var streams: [PythonValue] = []
    private(set) var reasons: [String] = []
    private var viewNames: Set<String> = []

    init(_ job: Job, _ plan: JobPlan, takesAnyDuplicate: Bool) {
        self.job = job
        self.plan = plan
        self.takesAnyDuplicate = takesAnyDuplicate
        var logView = "ticks"
        while plan.queries.contains(where: { $0.name.lowercased() == logView }) { logView += "_" }
        self.logView = logView
        viewNames = [logView]
    }

    mutating func translate() {
        refuseSettings()
        refuseIdleDynamicSessions()
        for query in plan.queries { translate(query) }
        guard reasons.isEmpty else { return }
        for query in queries { addStreams(of: query) }
    }

    mutating func refuse(_ query: PlannedQuery, _ reason: String) {
        reasons.append("query \(query.name): \(reason)")
    }

    // MARK: Queries

    private mutating func translate(_ query: PlannedQuery) {
        if let source = query.source {
            refuse(
                query,
                "it reads source \(plan.sources[source].name) by its name; the program unites all "
                    + "sources. Export a job of that source alone")
        }
        let upstream = query.upstream.map { queries[$0] }
        let readsTable = needsTable(query, upstream)
        let reads = readsTable ? viewName("\(upstream?.view ?? logView)_rows") : upstream?.view
        let text = job.queries[query.index]
        let order = RowOrder(query, upstream, isTable: readsTable)
        var unordered = false
        var notDistinct: String?
        var parts: QuerySQL
        do {
            parts = try QuerySQL(
                QueryText(
                    where: text.where, groupBy: text.groupBy, select: text.select,
                    having: text.having), input: query.input,
                eventTime: query.eventTimeColumn.map { query.input[$0].name }
            ) { call in
                if call.isDistinct, let plan = query.plan.aggregation {
                    let text = Self.spark(distinct: call, of: plan)
                    if text == nil { notDistinct = call.text }
                    return text ?? ""
                }
                let text = order.spark(call)
                if text == nil { unordered = true }
                return text ?? ""
            }
        } catch { preconditionFailure("a planned query has no faults: \(error)") }
        if let notDistinct {
            refuse(
                query,
                "Spark has no DISTINCT on streams; count, sum and avg of numbers are written as "
                    + "functions of the set of values, \(notDistinct) cannot be")
        }
        refuseSemantics(of: query, upstream, unordered: unordered)
        let isAggregation = query.plan.aggregation != nil
        let hasOffsets = !isAggregation && !readsTable && (upstream?.hasOffsets ?? true)
        var source = reads ?? logView
        var distinct: PythonValue?
        if let deduplication = query.deduplication {
            let view = viewName("\(query.name)_distinct")
            distinct = self.distinct(deduplication, of: query, view: view, from: source, parts)
            source = view
            parts.filter = nil
        }
        queries.append(
            Query(
                planned: query, view: viewName(query.name), reads: reads ?? logView,
                table: readsTable ? upstream.map(tableRead) : nil, distinct: distinct,
                sql: sql(query, parts, from: source, hasOffsets: hasOffsets),
                depth: (upstream?.depth ?? 0) + (readsTable ? 1 : 0),
                isStateful: isAggregation || (!readsTable && upstream?.isStateful ?? false),
                hasOffsets: hasOffsets, distinguishing: distinguishing(query, upstream)))
    }

    private mutating func viewName(_ name: String) -> String {
        var view = String(name.map { $0.isASCII && ($0.isLetter || $0.isNumber) ? $0 : "_" })
        while !viewNames.insert(view.lowercased()).inserted { view += "_" }
        return view
    }

    /// Spark chains aggregations in mode `append` alone; any other reads the rows that the query
    /// before it has written.
    private func needsTable(_ query: PlannedQuery, _ upstream: Query?) -> Bool {
        guard query.plan.aggregation != nil else { return false }
        return query.outputMode != .append && upstream?.isStateful ?? false
    }

    private mutating func refuseSemantics(
        of query: PlannedQuery, _ upstream: Query?, unordered: Bool
    ) {
        for sink in query.sinks {
            if case .refused(let reason) = sink.exported { refuse(query, reason) }
        }
        if unordered {
            refuse(
                query,
                "Spark has no order for rows of query \(upstream?.planned.name ?? "") that are of one "
                    + "event time, which first, last, min_by and max_by need; select the end of its "
                    + "window and all its grouping columns, and group by these columns here")
        }
        if query.deduplication != nil, !takesAnyDuplicate {
            refuse(
                query,
                "Spark does not say which of the duplicates in a batch stays; here it is the first "
                    + "one in the log. If it may be any of them, as where they are equal in all "
                    + "that counts, export with --any-duplicate; otherwise group by these columns "
                    + "and select first(…)")
        }
        if query.late != nil {
            refuse(query, "Spark only counts late rows and has no table of them; leave `late` out")
        }
        guard let plan = query.plan.aggregation else { return }
        if plan.window?.isSession ?? false, query.outputMode == .update {
            refuse(query, "Spark has no outputMode `update` for session windows; use `append`")
        }
        if query.outputMode == .append, upstream?.isStateful ?? false,
            let column = query.eventTimeColumn, isPlainWindowEnd(column, upstream)
        {
            let name = query.input[column].name
            refuse(
                query,
                "Spark's watermark does not reach \(name), the end of a window; select "
                    + "`window_time(window) AS \(name)` in query \(upstream?.planned.name ?? "")")
        }
    }

    /// Whether an output column of an aggregation is its window's end as it is, not `window_time`.
    private func isPlainWindowEnd(_ column: Int, _ upstream: Query?) -> Bool {
        guard let upstream else { return false }
        let plan = upstream.planned.plan
        guard let source = plan.output[column].expression.columnIndex else { return false }
        return plan.aggregation != nil
            || isPlainWindowEnd(source, upstream.planned.upstream.map { queries[$0] })
    }

    private mutating func refuseSettings() {
        if job.watermarks.contains(where: { $0.maxFutureSkewMs != nil }) {
            reasons.append(
                "watermark: Spark does not set rows of the future aside; leave `maxFutureSkew` out, "
                    + "or filter such rows from the log")
        }
        if case .realTime = job.trigger {
            reasons.append(
                "trigger: Spark's real-time mode reads Kafka only; use `processingTime` there")
        }
        if job.hasNamedSources,
            job.watermarks.contains(where: { $0.idleTimeoutMs != nil || $0.closesAtEnd })
        {
            reasons.append(
                "sources: Spark waits for the watermark of every source and knows no idle one; leave "
                    + "`idleTimeout` and `closeAtEnd` out")
        }
        for source in job.sources {
            let whose = job.hasNamedSources ? "source \(source.name)" : "source"
            reasons += source.spec.exported.refusals.map { "\(whose): \($0)" }
        }
        let columns = plan.columns.flatMap(\.schema.fields) + plan.input.fields
        if let column = columns.first(where: { $0.name.lowercased() == "_offset" }) {
            reasons.append(
                "the log has a column \(column.name) of its own, a name that the program needs for "
                    + "the rows' offsets")
        }
    }

    private mutating func refuseIdleDynamicSessions() {
        guard job.closingAfterMs != nil else { return }
        for query in plan.queries {
            guard let plan = query.plan.aggregation,
                plan.window?.kind == .dynamicSession
            else { continue }
            refuse(
                query,
                "with `idleTimeout` or `closeAtEnd`, the end of the last session must be known from "
                    + "the log, which it is not when each row has a gap of its own; use one gap, or "
                    + "neither of the two"
            )
        }
    }

    /// The output columns that tell any two rows of one event time apart.
    private func distinguishing(_ query: PlannedQuery, _ upstream: Query?) -> Set<String>? {
        var names: Set<String> = []
        if let grouped = query.plan.aggregation {
            guard grouped.window != nil else { return nil }
            for key in grouped.keys.indices {
                let column = grouped.output.first { $0.expression.columnIndex == key }
                guard let column else { return nil }
                names.insert(column.name)
            }
            return names
        }
        guard let needed = upstream?.distinguishing else { return nil }
        for column in query.plan.output {
            guard let index = column.expression.columnIndex,
                needed.contains(query.input[index].name)
            else { continue }
            names.insert(column.name)
        }
        return names.count >= needed.count ? names : nil
    }

    // MARK: Streams

    private mutating func addStreams(of query: Query) {
        let sinks = query.planned.sinks.map(\.exported)
        let files = sinks.compactMap(files)
        for (index, files) in files.enumerated() {
            streams.append(stream(query, index == 0 ? "" : "-\(index)", [files]))
        }
        let others = sinks.compactMap(batchSink)
        if !others.isEmpty { streams.append(stream(query, "-rows", others)) }
        let isRead = queries.contains { $0.table != nil && $0.planned.upstream == position(query) }
        if isRead, files.isEmpty, let own = self.files(ownTable(query)) {
            streams.append(stream(query, "", [own]))
        }
    }

    private func position(_ query: Query) -> Int? {
        queries.firstIndex { $0.view == query.view }
    }

    private func stream(_ query: Query, _ suffix: String, _ sinks: [PythonValue]) -> PythonValue {
        .dictionary([
            ("name", .string(query.planned.name + suffix)), ("query", .string(query.planned.name)),
            ("view", .string(query.view)), ("mode", .string(query.planned.outputMode.rawValue)),
            ("columns", .list(query.planned.outputSchema.names.map { .string($0.sparkWord) })),
            ("depth", .integer(Int64(query.depth))), ("sinks", .list(sinks)),
        ])
    }

    /// The files of a query's rows where it has none of its own.
    private func ownTable(_ query: Query) -> ExportedSink {
        let path = "\(job.checkpointLocation)-spark/\(query.planned.name)-table"
        return job.registry.sideTable(at: path).exported
    }

    private func tableRead(_ query: Query) -> PythonValue {
        let written = query.planned.sinks.map(\.exported) + [ownTable(query)]
        for case .files(let format, let path, _, _) in written {
            return .dictionary([
                ("format", .string(format)), ("path", .string(path)),
                ("schema", .string(query.planned.outputSchema.ddl)),
            ])
        }
        preconditionFailure("tables beside the results are files for Spark, too")
    }
}
