import Columnar
import Expressions
import JSON
import Operators

/// Resolves the queries of a job one after the other and notes every fault.
struct JobPlanner {
    /// What is known of a query that was planned.
    private struct Output {
        let position: Int
        let query: PlannedQuery
        /// The output column that the watermark bounds, if any.
        let eventTime: String?
        /// Whether its output mode is at fault: what readers may rely on is then unknown.
        let isModeFaulty: Bool
    }

    let text: JobText
    let input: Schema
    let watermark: WatermarkSpec?
    /// The event-time column that a job without watermark orders rows by.
    let timeColumn: String?
    /// Whether the job opted into `update` for session windows.
    let allowsSessionUpdate: Bool
    /// Whether the job has a watermark that is at fault: whether rows are bounded is then unknown.
    private(set) var isWatermarkFaulty: Bool
    private(set) var errors: [JobError] = []
    private var outputs: [String: Output] = [:]
    private var planned: [PlannedQuery] = []

    init(
        text: JobText, input: Schema, watermark: WatermarkSpec?, timeColumn: String?,
        allowsSessionUpdate: Bool, isWatermarkFaulty: Bool = false
    ) {
        self.text = text
        self.input = input
        self.watermark = watermark
        self.timeColumn = timeColumn
        self.allowsSessionUpdate = allowsSessionUpdate
        self.isWatermarkFaulty = isWatermarkFaulty
    }

    mutating func note(
        _ code: JobError.Code, _ message: String, at pointer: JSONPointer,
        suggestion: String? = nil
    ) {
        guard errors.count < JobErrors.countMax else { return }
        errors.append(
            text.error(
                code, message, at: text.value(at: pointer).range.lowerBound, pointer: pointer,
                suggestion: suggestion))
    }

    /// The log has the columns that job and feed need.
    mutating func checkInput(declared: Schema?, feed: Schema?) {
        for (index, field) in (declared?.fields ?? []).enumerated() {
            checkInput(field, at: JSONPointer()["source"]["schema"][index])
        }
        guard let feed else { return }
        for field in feed.fields { checkInput(field, at: JSONPointer()["feed"]) }
        for field in input.fields where feed.index(of: field.name) == nil {
            note(
                .schemaMismatch,
                "The log has a column \"\(field.name)\" (\(field.type)) that the feed does not "
                    + "fill; use another log, or add the column to the feed.",
                at: JSONPointer()["feed"])
        }
    }

    private mutating func checkInput(_ field: Field, at pointer: JSONPointer) {
        let found = input.index(of: field.name).map { input[$0] }
        guard found?.type != field.type else { return }
        note(
            .schemaMismatch,
            found.map {
                "The log's column \"\(field.name)\" is \($0.type), not \(field.type); "
                    + "use another log, or change the type."
            } ?? "The log has no column \"\(field.name)\" (\(field.type)); use another log. "
                + "Its columns: \(input).", at: pointer)
    }

    /// The plan; without the queries that have faults.
    mutating func plan(_ queries: [IndexedQuery]) -> JobPlan {
        let eventTime = sourceEventTime()
        var waiting = queries
        while !waiting.isEmpty {
            let ready = waiting.filter { $0.spec.from.map { outputs[$0] != nil } ?? true }
            // What remains reads a query with faults, or goes in circles; both are noted elsewhere.
            guard !ready.isEmpty else { break }
            for query in ready { plan(query, sourceEventTime: eventTime) }
            waiting.removeAll { query in ready.contains { $0.index == query.index } }
        }
        return JobPlan(
            input: input, eventTimeColumn: eventTime, queries: planned,
            rejects: watermark?.rejectsPath.map { SideTable(rejectsAt: $0, input: input) })
    }

    /// The source's event-time column, if it is one.
    private mutating func sourceEventTime() -> Int? {
        guard let watermark else { return timeColumn.flatMap(input.index(of:)) }
        let pointer = JSONPointer()["watermark"]["eventTime"]
        guard let index = input.index(of: watermark.eventTime) else {
            isWatermarkFaulty = true
            let similar = nearest(to: watermark.eventTime, among: input.names)
            note(
                .unknownName,
                "No column named \"\(JSONValue.escaped(watermark.eventTime))\"."
                    + didYouMean(similar) + " Columns: \(input.names.joined(separator: ", ")).",
                at: pointer, suggestion: similar)
            return nil
        }
        guard input[index].type == .timestamp else {
            isWatermarkFaulty = true
            note(
                .wrongType,
                "The event-time column must be a timestamp; \"\(watermark.eventTime)\" is "
                    + "\(input[index].type).", at: pointer)
            return nil
        }
        return index
    }

    private mutating func plan(_ query: IndexedQuery, sourceEventTime: Int?) {
        let upstream = query.spec.from.flatMap { outputs[$0] }
        let schema = upstream?.query.outputSchema ?? input
        let eventTime =
            upstream == nil
            ? sourceEventTime : upstream?.eventTime.flatMap(schema.index(of:))
        let isWatermarked =
            eventTime != nil && (upstream?.query.isWatermarked ?? (watermark != nil))
        let queryText = QueryText(
            where: query.spec.where, groupBy: query.spec.groupBy, select: query.spec.select,
            having: query.spec.having)
        let plan: QueryPlan
        do {
            plan = try analyze(
                queryText, input: schema, eventTime: eventTime.map { schema[$0].name })
        } catch {
            for fault in error.errors { note(fault, in: query) }
            return
        }
        let deduplication = deduplication(
            query, schema, watermarkColumn: isWatermarked ? eventTime : nil,
            upstream: upstream?.query.outputMode)
        var isModeFaulty = query.isModeFaulty
        if !isModeFaulty {
            let known = errors.count
            checkMode(
                query, plan, watermarkColumn: isWatermarked ? eventTime : nil,
                upstream: upstream.flatMap { $0.isModeFaulty ? nil : $0.query.outputMode })
            isModeFaulty = errors.count > known
        }
        let sinks = checkSinks(query, plan)
        let result = PlannedQuery(
            index: query.index, name: query.spec.name, upstream: upstream?.position, input: schema,
            deduplication: deduplication, plan: plan, outputMode: query.spec.outputMode,
            sinks: sinks, eventTimeColumn: eventTime, isWatermarked: isWatermarked,
            late: query.spec.latePath.map {
                SideTable(lateAt: $0, query: query.spec.name, input: schema)
            })
        outputs[query.spec.name] = Output(
            position: planned.count, query: result,
            eventTime: plan.outputEventTime(inputColumn: eventTime), isModeFaulty: isModeFaulty)
        planned.append(result)
    }

    /// Notes a fault of an expression at its place in the file.
    private mutating func note(_ fault: ExpressionError, in query: IndexedQuery) {
        guard errors.count < JobErrors.countMax else { return }
        let pointer =
            switch fault.part {
            case .filter: query.pointer["where"]
            case .groupBy(let index): query.pointer["groupBy"][index]
            case .select(let index): query.pointer["select"][index]
            case .having: query.pointer["having"]
            case nil: query.pointer
            }
        let value = text.value(at: pointer)
        let offset = text.offset(ofTextOffset: fault.position.lowerBound, in: value)
        errors.append(
            text.error(
                .badExpression, fault.message, at: offset, pointer: pointer,
                suggestion: fault.suggestion))
    }
}

extension QueryPlan {
    /// The first output column whose values the watermark bounds: the event time itself, or the
    /// end of a window over it.
    ///
    /// A window's start lies before rows that are still to come, so that it is not bounded.
    func outputEventTime(inputColumn: Int?) -> String? {
        guard let inputColumn else { return nil }
        switch self {
        case .projection(let plan):
            return plan.output.first { $0.expression.columnIndex == inputColumn }?.name
        case .aggregation(let plan):
            guard let window = plan.window, window.isOnEventTime,
                let start = plan.windowStartIndex
            else { return nil }
            return plan.output.first { column in
                column.expression.type == .timestamp && column.expression.columns == [start + 1]
                    && (column.expression.columnIndex != nil
                        || column.expression.text.lowercased().hasPrefix("window_time"))
            }?.name
        }
    }
}
