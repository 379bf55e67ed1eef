import Columnar
import ConnectorAPI
import Expressions
import JSON
import Operators
import Settings

/// Resolves the queries of a job one after the other and notes every fault.
struct JobPlanner {
    /// What is known of a query that was planned.
    private struct Output {
        let position: Int
        let query: PlannedQuery
        /// The output columns that the watermark bounds.
        let eventTimes: [String]
        /// Whether its output mode is at fault: what readers may rely on is then unknown.
        let isModeFaulty: Bool
    }

    /// The watermark over all rows, if the job has one.
    let watermark: WatermarkSpec?
    /// Whether the job opted into `update` for session windows.
    let allowsSessionUpdate: Bool
    /// Whether the job has a watermark that is at fault: whether rows are bounded is then unknown.
    var isWatermarkFaulty: Bool
    /// What the sources come to together; `unite` says.
    var union = SourceUnion()
    /// What is wrong.
    var faults: SettingFaults
    private var outputs: [String: Output] = [:]
    private var planned: [PlannedQuery] = []

    init(
        text: SettingsText, watermark: WatermarkSpec?, allowsSessionUpdate: Bool,
        isWatermarkFaulty: Bool = false
    ) {
        faults = SettingFaults(in: text)
        self.watermark = watermark
        self.allowsSessionUpdate = allowsSessionUpdate
        self.isWatermarkFaulty = isWatermarkFaulty
    }

    mutating func note(
        _ code: SettingFault.Code, _ message: String, at pointer: JSONPointer,
        suggestion: String? = nil
    ) {
        faults.note(code, message, at: pointer, suggestion: suggestion)
    }

    /// The plan; without the queries that have faults.
    mutating func plan(_ queries: [IndexedQuery]) -> JobPlan {
        var waiting = queries
        while !waiting.isEmpty {
            let ready = waiting.filter { query in
                query.spec.from.map { outputs[$0] != nil || source(named: $0) != nil } ?? true
            }
            // What remains reads a query with faults, or goes in circles; both are noted elsewhere.
            guard !ready.isEmpty else { break }
            for query in ready { plan(query) }
            waiting.removeAll { query in ready.contains { $0.index == query.index } }
        }
        return JobPlan(
            input: union.schema, columns: union.columns, sources: union.sources,
            eventTimeColumn: union.eventTimeColumn, queries: planned, watermarks: union.watermarks)
    }

    /// The source that a `from` names, if it names one.
    func source(named name: String) -> Int? { union.sources.firstIndex { $0.name == name } }

    private mutating func plan(_ query: IndexedQuery) {
        let upstream = query.spec.from.flatMap { outputs[$0] }
        let source = upstream == nil ? query.spec.from.flatMap(source(named:)) : nil
        let (schema, eventTimes, isWatermarked) = input(from: upstream, or: source)
        let queryText = QueryText(
            where: query.spec.where, groupBy: query.spec.groupBy, select: query.spec.select,
            having: query.spec.having)
        let plan: QueryPlan
        let eventTime: Int?
        do {
            (plan, eventTime) = try analyze(query, queryText, schema, eventTimes)
        } catch {
            for fault in error.errors { note(fault, in: query.pointer) }
            return
        }
        let deduplication = deduplication(
            query, schema, watermarkColumn: isWatermarked ? eventTime : nil,
            upstream: upstream?.query.outputMode)
        var isModeFaulty = query.isModeFaulty
        if !isModeFaulty {
            let known = faults.found.count
            checkMode(
                query, plan, watermarkColumn: isWatermarked ? eventTime : nil,
                upstream: upstream.flatMap { $0.isModeFaulty ? nil : $0.query.outputMode })
            isModeFaulty = faults.found.count > known
        }
        let sinks = checkSinks(query, plan)
        let result = PlannedQuery(
            index: query.index, name: query.spec.name, upstream: upstream?.position,
            source: source, input: schema,
            lanes: upstream.map { $0.query.outputLanes } ?? union.lanes(of: source),
            deduplication: deduplication, plan: plan, outputMode: query.spec.outputMode,
            sinks: sinks, eventTimeColumn: eventTime, isWatermarked: isWatermarked,
            late: query.spec.latePath.map {
                SideTable(lateAt: $0, query: query.spec.name, input: schema)
            })
        outputs[query.spec.name] = Output(
            position: planned.count, query: result,
            eventTimes: plan.outputEventTimes(inputColumn: eventTime, among: eventTimes),
            isModeFaulty: isModeFaulty)
        planned.append(result)
    }

    /// Plans a query by the event-time column that it goes by: of several that its input has, the
    /// first that it groups or tells rows apart by.
    private func analyze(
        _ query: IndexedQuery, _ text: QueryText, _ schema: Schema, _ eventTimes: [Int]
    ) throws(ExpressionErrors) -> (QueryPlan, Int?) {
        let usual = try Expressions.analyze(
            text, input: schema, eventTime: eventTimes.first.map { schema[$0].name })
        let distinct = query.spec.dropDuplicates
        for column in eventTimes {
            let name = schema[column].name
            guard column != eventTimes.first,
                let plan = try? Expressions.analyze(text, input: schema, eventTime: name)
            else {
                if usual.goes(by: column) || distinct.contains(name) { break }
                continue
            }
            if plan.goes(by: column) || distinct.contains(name) { return (plan, column) }
        }
        return (usual, eventTimes.first)
    }

    /// The columns that a query reads, which of them are the event time, and whether the watermark
    /// bounds them.
    private func input(
        from upstream: Output?, or source: Int?
    ) -> (schema: Schema, eventTimes: [Int], isWatermarked: Bool) {
        if let upstream {
            let schema = upstream.query.outputSchema
            let times = upstream.eventTimes.compactMap(schema.index(of:))
            return (schema, times, !times.isEmpty && upstream.query.isWatermarked)
        }
        if let source {
            let planned = union.sources[source]
            let isWatermarked = planned.eventTimeColumn != nil && planned.watermark != nil
            return (planned.schema, planned.eventTimeColumn.map { [$0] } ?? [], isWatermarked)
        }
        return (union.schema, union.eventTimeColumn.map { [$0] } ?? [], union.isWatermarked)
    }

    /// Notes a fault of an expression at its place in the file, in a query or a source.
    mutating func note(_ fault: ExpressionError, in place: JSONPointer) {
        let pointer =
            switch fault.part {
            case .filter: place["where"]
            case .groupBy(let index): place["groupBy"][index]
            case .select(let index): place["select"][index]
            case .having: place["having"]
            case nil: place
            }
        faults.note(
            .badExpression, fault.message, at: pointer, textOffset: fault.position.lowerBound,
            suggestion: fault.suggestion)
    }
}

extension QueryPlan {
    /// The output columns whose values the watermark bounds: the event time itself, or the end of a
    /// window over it, as often as it is selected.
    ///
    /// A window's start lies before rows that are still to come, so that it is not bounded.
    func outputEventTimes(inputColumn: Int?, among inputColumns: [Int]) -> [String] {
        guard inputColumn != nil else { return [] }
        guard let grouped = aggregation else {
            return output.filter { column in
                column.expression.columnIndex.map(inputColumns.contains) ?? false
            }.map(\.name)
        }
        guard let window = grouped.window, window.isOnEventTime,
            let start = grouped.windowStartIndex
        else { return [] }
        return output.filter { column in
            column.expression.type == .timestamp && column.expression.columns == [start + 1]
                && (column.expression.columnIndex != nil
                    || column.expression.text.lowercased().hasPrefix("window_time"))
        }.map(\.name)
    }

    /// Whether rows are grouped by an event-time column, or by windows over it.
    fileprivate func goes(by column: Int) -> Bool {
        guard let plan = aggregation else { return false }
        return plan.window?.isOnEventTime ?? false
            || plan.keys.contains { $0.expression.columnIndex == column }
    }
}
