import Columnar
import ConnectorAPI
import Expressions
import Jobs
import Operators

extension Translation {
    var trigger: PythonValue {
        switch job.trigger {
        case .availableNow: .dictionary([("availableNow", .boolean(true))])
        case .once: .dictionary([("once", .boolean(true))])
        case .processingTime(let ms):
            .dictionary([("processingTime", .string("\(ms) milliseconds"))])
        case .realTime: preconditionFailure("a job in real time is not translated")
        }
    }

    /// A watermark as the arguments of `withWatermark`.
    func watermark(_ watermark: WatermarkSpec?) -> PythonValue {
        guard let watermark else { return .none }
        return .tuple([
            .string(watermark.eventTime.sparkWord),
            .string("\(watermark.delayThresholdMs) milliseconds"),
        ])
    }

    var configuration: [(String, PythonValue)] {
        let policy = ("spark.sql.streaming.multipleWatermarkPolicy", watermarkPolicy)
        let settings = [
            ("spark.sql.session.timeZone", "UTC"), ("spark.sql.ansi.enabled", "true"),
            ("spark.sql.parquet.outputTimestampType", "TIMESTAMP_MICROS"),
            (
                "spark.sql.streaming.noDataMicroBatches.enabled",
                job.options.noDataBatches ? "true" : "false"
            ),
        ]
        return (plan.watermarks.count > 1 ? settings + [policy] : settings)
            .map { ($0.0, .string($0.1)) }
    }

    private var watermarkPolicy: String { job.options.multipleWatermarkPolicy.rawValue }

    /// The sources with what is made of their rows before they are put together.
    var sources: [PythonValue] {
        job.sources.indices.map { index in
            let source = job.sources[index]
            let columns = plan.columns[index].schema
            var shape: (filter: PythonValue, select: PythonValue) = (.none, .none)
            if source.where != nil || !source.select.isEmpty {
                let sql = sourceSQL(source, columns)
                shape.filter = sql.filter.map { .string($0) } ?? .none
                shape.select = .list(
                    sql.output.map { .string("\($0.text) AS \($0.name.sparkWord)") })
            }
            let reading = source.spec.exported.reading
            return .dictionary([
                ("name", .string(source.name)), ("format", .string(reading.format)),
                ("schema", .string(columns.ddl + (reading.isLog ? ", _offset BIGINT" : ""))),
                ("options", .dictionary(options(of: index))), ("where", shape.filter),
                ("select", shape.select), ("watermark", watermark(source.watermark)),
            ])
        }
    }

    private func sourceSQL(_ source: JobSource, _ columns: Schema) -> QuerySQL {
        let query = QueryText(
            where: source.where, select: source.select.isEmpty ? ["*"] : source.select)
        do {
            return try QuerySQL(query, input: columns, eventTime: nil) { $0.text }
        } catch { preconditionFailure("a planned source has no faults: \(error)") }
    }

    private func options(of index: Int) -> [(String, PythonValue)] {
        let source = job.sources[index].spec
        switch source.exported.reading {
        case .format(_, let options): return options.map { ($0.name, .string($0.value)) }
        case .tickLog(let path):
            return logOptions(of: index, source, path: path).map { ($0.0, .string($0.1)) }
        }
    }

    /// What the data source for logs is told.
    private func logOptions(
        of index: Int, _ source: any SourceSpec, path: String
    ) -> [(String, String)] {
        let starting =
            switch source.startingOffsets {
            case .earliest, .sourceDecides: "earliest"
            case .latest: "latest"
            case .at(let offsets): offsets.text
            case .time(let time): "timestamp:\(time.micros)"
            }
        var options = [
            ("path", path), ("startingOffsets", starting),
            ("maxOffsetsPerTrigger", String(source.rowsPerBatchMax ?? 0)),
        ]
        if job.hasNamedSources {
            if let name = plan.columns[index].timeColumn { options.append(("eventTime", name)) }
        } else if let column = plan.eventTimeColumn {
            options.append(("eventTime", plan.input[column].name))
        }
        if let watermark = job.watermark, let idle = job.closingAfterMs {
            options += [
                ("delayMs", String(watermark.delayThresholdMs)), ("idleTimeoutMs", String(idle)),
                ("windows", "[\(windowChains.joined(separator: ", "))]"),
            ]
        }
        return options
    }

    /// For each query with a window, that window behind those of the queries it reads, as JSON.
    private var windowChains: [String] {
        plan.queries.compactMap { query in
            guard windowJSON(query) != nil else { return nil }
            var chain: [String] = []
            var next: PlannedQuery? = query
            while let current = next {
                if let window = windowJSON(current) { chain.insert(window, at: 0) }
                next = current.upstream.map { plan.queries[$0] }
            }
            return "[\(chain.joined(separator: ", "))]"
        }
    }

    private func windowJSON(_ query: PlannedQuery) -> String? {
        guard let plan = query.plan.aggregation else { return nil }
        switch plan.window?.kind {
        case .sliding(let duration, let slide, let start):
            return "[\"sliding\", \(duration), \(slide), \(start)]"
        case .session(let gap): return "[\"session\", \(gap), 0, 0]"
        case .dynamicSession, nil: return nil
        }
    }

    // MARK: Sinks

    /// Files that Spark writes as a stream of its own; `nil` for other sinks.
    func files(_ sink: ExportedSink) -> PythonValue? {
        guard case .files(let format, let path, let partitionBy, let options) = sink else {
            return nil
        }
        return .dictionary([
            ("kind", .string("files")), ("format", .string(format)), ("path", .string(path)),
            ("partitionBy", .list(partitionBy.map { .string($0) })),
            ("options", .dictionary(options.map { ($0.name, .string($0.value)) })),
        ])
    }

    /// The sinks that take the rows of a batch as a whole.
    func batchSink(_ sink: ExportedSink) -> PythonValue? {
        switch sink {
        case .files, .refused: nil
        case .replacedFile(let path, let keys):
            .dictionary([
                ("kind", .string("file")), ("path", .string(path)),
                ("keys", .list(keys.map { .string($0) })),
            ])
        case .text(let rowsMax, let cellMax):
            .dictionary([
                ("kind", .string("text")), ("numRows", .integer(Int64(rowsMax))),
                ("truncate", cellMax.map { .integer(Int64($0)) } ?? .boolean(false)),
            ])
        }
    }
}

extension ExportedSource.Reading {
    /// Whether the program's own data source reads it.
    fileprivate var isLog: Bool {
        if case .tickLog = self { true } else { false }
    }

    /// The name of Spark's format, or of that data source.
    fileprivate var format: String {
        switch self {
        case .tickLog: "ticklog"
        case .format(let name, _): name
        }
    }
}

extension Job {
    /// After how long without rows windows that are open close, ms; `nil` where they stay open.
    var closingAfterMs: Int64? {
        guard let watermark else { return nil }
        let closesAtEnd = watermark.closesAtEnd && trigger == .availableNow
        return watermark.idleTimeoutMs ?? (closesAtEnd ? 0 : nil)
    }
}
