import Columnar
import ConnectorAPI
import Expressions
import JSON
import Operators
import Settings

/// A source with its place in the file.
struct IndexedSource {
    /// Its index among the job's `sources`; `nil` for the job's only `source`.
    let index: Int?
    let spec: JobSource
    /// Whether the file's own could not be read.
    var isFaulty = false

    var pointer: JSONPointer {
        index.map { JSONPointer.here["sources"][$0] } ?? JSONPointer.here["source"]
    }

    /// Whose a part of it is, in words.
    var whose: String { index == nil ? "" : " of source \"\(spec.name)\"" }

    /// Where its feed stands: beside the only source, or inside one of several.
    var feedPointer: JSONPointer { index == nil ? JSONPointer.here["feed"] : pointer["feed"] }
}

/// A source with the columns of its log.
struct SourceInput {
    let source: IndexedSource
    let columns: SourceColumns
}

/// What the sources of a job come to together.
struct SourceUnion {
    var schema = Schema([])
    var columns: [SourceColumns] = []
    var sources: [PlannedSource] = []
    var watermarks: [PlannedWatermark] = []
    var eventTimeColumn: Int?

    /// Of which lanes the rows of all sources are, or those of one.
    func lanes(of source: Int?) -> LaneLayout {
        if let source { return columns[source].hasSplits ? .splits : .one }
        if columns.contains(where: \.hasSplits) { return .splits }
        return sources.count > 1 ? .sources(sources.count) : .one
    }

    /// Whether a watermark bounds the event time.
    var isWatermarked: Bool { eventTimeColumn != nil && !watermarks.isEmpty }
}

/// The rows of a source before they are put together with those of the others.
struct ShapedSource {
    let source: IndexedSource
    let shape: ProjectionPlan?
    let schema: Schema
    /// The column that orders the log's rows, where it is still there as it was.
    let timeColumn: String?
}

extension JobPlanner {
    // MARK: Columns of a log

    /// The log has the columns that job and feed need.
    mutating func checkColumns(of log: SourceInput) {
        let (source, input) = (log.source, log.columns.schema)
        let declared = source.spec.spec.declaredColumns?.schema.fields ?? []
        for (index, field) in declared.enumerated() {
            check(field, in: input, at: source.pointer["schema"][index])
        }
        guard let feed = source.spec.feed?.declaredColumns?.schema else { return }
        for field in feed.fields { check(field, in: input, at: source.feedPointer) }
        for field in input.fields where feed.index(of: field.name) == nil {
            note(
                .schemaMismatch,
                "The log has a column \"\(field.name)\" (\(field.type)) that the feed does not "
                    + "fill; use another log, or add the column to the feed.",
                at: source.feedPointer)
        }
    }

    private mutating func check(_ field: Field, in input: Schema, at pointer: JSONPointer) {
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

    // MARK: Union

    /// Puts the sources together by the names of their columns; not where every query says which
    /// source or query it reads.
    ///
    /// - Returns: whether that went well; if not, what queries may say of columns is unknown.
    @discardableResult
    mutating func unite(_ logs: [SourceInput], readBy queries: [IndexedQuery]) -> Bool {
        let known = faults.found.count
        checkScopes(logs)
        let shaped = logs.compactMap { shape($0) }
        guard let first = shaped.first, shaped.count == logs.count else { return false }
        if shaped.count > 1, queries.allSatisfy({ $0.spec.from != nil }) {
            union.columns = logs.map(\.columns)
            keepApart(shaped, readBy: queries)
            return faults.found.count == known
        }
        for other in shaped.dropFirst() { compare(other, with: first) }
        guard faults.found.count == known else { return false }
        union.columns = logs.map(\.columns)
        union.schema = Schema(
            first.schema.fields.map { field in
                let isNullable = shaped.contains { shaped in
                    shaped.schema.index(of: field.name).map { shaped.schema[$0].isNullable } ?? true
                }
                return Field(field.name, field.type, isNullable: isNullable)
            })
        planWatermarks(shaped)
        return true
    }

    /// What a source's `where` and `select` make of the rows of its log.
    private mutating func shape(_ log: SourceInput) -> ShapedSource? {
        let (spec, columns) = (log.source.spec, log.columns)
        guard spec.where != nil || !spec.select.isEmpty else {
            return ShapedSource(
                source: log.source, shape: nil, schema: columns.schema,
                timeColumn: columns.timeColumn)
        }
        let text = QueryText(
            where: spec.where, groupBy: [], select: spec.select.isEmpty ? ["*"] : spec.select)
        do {
            guard
                case .projection(let plan) = try analyze(
                    text, input: columns.schema, eventTime: columns.timeColumn)
            else {
                note(
                    .badExpression,
                    "A source's \"select\" works row by row; put aggregates into a query.",
                    at: log.source.pointer["select"])
                return nil
            }
            let time = columns.timeColumn.flatMap(columns.schema.index(of:))
            let kept = plan.output.first { time != nil && $0.expression.columnIndex == time }
            return ShapedSource(
                source: log.source, shape: plan, schema: plan.outputSchema, timeColumn: kept?.name)
        } catch {
            for fault in error.errors { note(fault, in: log.source.pointer) }
            return nil
        }
    }

    /// Notes how the columns of a source differ from those of the first.
    private mutating func compare(_ other: ShapedSource, with first: ShapedSource) {
        let (name, firstName) = (other.source.spec.name, first.source.spec.name)
        func remedy(_ text: String) -> String {
            "All sources have the same columns: \(text)."
        }
        let pointer = other.source.pointer[other.source.spec.select.isEmpty ? "name" : "select"]
        for field in first.schema.fields {
            guard let index = other.schema.index(of: field.name) else {
                let similar = nearest(to: field.name, among: other.schema.names)
                note(
                    .schemaMismatch,
                    "Source \"\(name)\" has no column \"\(field.name)\" (\(field.type)), which "
                        + "source \"\(firstName)\" has. "
                        + remedy("select an expression AS \(field.name) here, or not there"),
                    at: pointer, suggestion: similar)
                continue
            }
            let type = other.schema[index].type
            guard type != field.type else { continue }
            note(
                .schemaMismatch,
                "Column \"\(field.name)\" is \(type) in source \"\(name)\", but \(field.type) in "
                    + "source \"\(firstName)\". "
                    + remedy("select CAST(\(field.name) AS \(field.type)) AS \(field.name) here"),
                at: pointer)
        }
        for field in other.schema.fields where first.schema.index(of: field.name) == nil {
            note(
                .schemaMismatch,
                "Source \"\(name)\" has a column \"\(field.name)\" (\(field.type)), which source "
                    + "\"\(firstName)\" does not have. "
                    + remedy("leave it out of \"select\" here, or select it there"),
                at: pointer)
        }
    }

    // MARK: Watermarks

    /// Notes a watermark by split where there is but one.
    private mutating func checkScopes(_ logs: [SourceInput]) {
        let remedy = "its rows have one order; leave \"by\" out."
        if watermark?.scope == .split, !logs.contains(where: \.columns.hasSplits) {
            note(
                .badValue, "No source of the job has partitions: \(remedy)",
                at: .here["watermark"]["by"])
        }
        for log in logs where log.source.spec.watermark?.scope == .split {
            guard !log.columns.hasSplits else { continue }
            note(
                .badValue, "The source has no partitions: \(remedy)",
                at: log.source.pointer["watermark"]["by"])
        }
    }

    /// Finds the event-time column and says which source moves which watermark.
    private mutating func planWatermarks(_ shaped: [ShapedSource]) {
        var watermarks: [PlannedWatermark] = []
        var indices: [Int?] = Array(repeating: nil, count: shaped.count)
        if let watermark {
            let pointer = JSONPointer.here["watermark"]["eventTime"]
            union.eventTimeColumn = eventTimeColumn(
                watermark.eventTime, of: union.schema, at: pointer)
            watermarks = [planned(watermark, union.schema, JobSource.onlyName, rejectsOf: nil)]
            indices = Array(repeating: 0, count: shaped.count)
        } else if shaped.contains(where: { $0.source.spec.watermark != nil }) {
            for (index, source) in shaped.enumerated() {
                guard let watermark = source.source.spec.watermark else { continue }
                let pointer = source.source.pointer["watermark"]["eventTime"]
                let column = eventTimeColumn(watermark.eventTime, of: union.schema, at: pointer)
                if let known = union.eventTimeColumn, let column, column != known {
                    isWatermarkFaulty = true
                    note(
                        .badValue,
                        "The event time of source \"\(source.source.spec.name)\" is "
                            + "\"\(watermark.eventTime)\", that of another source is "
                            + "\"\(union.schema[known].name)\"; give them one name in \"select\".",
                        at: pointer)
                }
                union.eventTimeColumn = union.eventTimeColumn ?? column
                indices[index] = watermarks.count
                let name = source.source.spec.name
                watermarks.append(planned(watermark, union.schema, name, rejectsOf: name))
            }
        } else {
            let times = Set(shaped.map(\.timeColumn))
            union.eventTimeColumn =
                times.count == 1 ? times.first?.flatMap(union.schema.index(of:)) : nil
        }
        union.watermarks = watermarks
        union.sources = zip(shaped, indices).map { source, watermark in
            let columns = union.schema.names.compactMap(source.schema.index(of:))
            let isSame = columns == Array(source.schema.fields.indices)
            return PlannedSource(
                name: source.source.spec.name, shape: source.shape,
                columns: isSame && source.schema == union.schema ? nil : columns,
                schema: union.schema, eventTimeColumn: union.eventTimeColumn, watermark: watermark)
        }
    }

    func planned(
        _ spec: WatermarkSpec, _ schema: Schema, _ name: String, rejectsOf source: String?
    ) -> PlannedWatermark {
        PlannedWatermark(
            name: name, spec: spec,
            rejects: spec.rejectsPath.map {
                SideTable(rejectsAt: $0, of: source, input: schema)
            })
    }

    /// The column of that name, if it can be the event time.
    mutating func eventTimeColumn(
        _ name: String, of input: Schema, at pointer: JSONPointer
    ) -> Int? {
        guard let index = input.index(of: name) else {
            isWatermarkFaulty = true
            let similar = nearest(to: name, among: input.names)
            note(
                .unknownName,
                "No column named \"\(JSONValue.escaped(name))\"." + didYouMean(similar)
                    + " Columns: \(listed(input.names)).",
                at: pointer, suggestion: similar)
            return nil
        }
        guard input[index].type == .timestamp else {
            isWatermarkFaulty = true
            note(
                .wrongType,
                "The event-time column must be a timestamp; \"\(name)\" is \(input[index].type).",
                at: pointer)
            return nil
        }
        return index
    }
}
