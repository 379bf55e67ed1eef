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
            let isLog = source.files == nil
            return .dictionary([
                ("name", .string(source.name)), ("format", .string(isLog ? "ticklog" : "parquet")),
                ("schema", .string(columns.ddl + (isLog ? ", _offset BIGINT" : ""))),
                ("options", .dictionary(options(of: index))), ("where", shape.filter),
                ("select", shape.select), ("watermark", watermark(source.watermark)),
            ])
        }
    }

    private func sourceSQL(_ source: SourceSpec, _ columns: Schema) -> QuerySQL {
        let query = QueryText(
            where: source.where, select: source.select.isEmpty ? ["*"] : source.select)
        do {
            return try QuerySQL(query, input: columns, eventTime: nil) { $0.text }
        } catch { preconditionFailure("a planned source has no faults: \(error)") }
    }

    private func options(of index: Int) -> [(String, PythonValue)] {
        let source = job.sources[index]
        if let files = source.files {
            let options = [
                ("path", source.path), ("pathGlobFilter", files.pathGlobFilter),
                ("maxFilesPerTrigger", files.maxFilesPerTrigger.map { String($0) }),
                ("maxBytesPerTrigger", files.maxBytesPerTrigger.map { String($0) }),
            ]
            return options.compactMap { name, value in value.map { (name, .string($0)) } }
        }
        let starting =
            switch source.startingOffsets {
            case .earliest: "earliest"
            case .latest: "latest"
            case .offset(let offset): String(offset)
            case .timestamp(let micros): "timestamp:\(micros)"
            }
        var options = [
            ("path", source.path), ("startingOffsets", starting),
            ("maxOffsetsPerTrigger", String(source.maxOffsetsPerTrigger ?? 0)),
        ]
        if job.hasNamedSources {
            if let name = plan.columns[index].timeColumn { options.append(("eventTime", name)) }
        } else if let column = plan.eventTimeColumn {
            options.append(("eventTime", plan.input[column].name))
        }
        if let watermark = job.watermark, let idle = watermark.idleTimeoutMs {
            options += [
                ("delayMs", String(watermark.delayThresholdMs)), ("idleTimeoutMs", String(idle)),
                ("windows", "[\(windowChains.joined(separator: ", "))]"),
            ]
        }
        return options.map { ($0.0, .string($0.1)) }
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
        guard case .aggregation(let plan) = query.plan else { return nil }
        switch plan.window?.kind {
        case .sliding(let duration, let slide, let start):
            return "[\"sliding\", \(duration), \(slide), \(start)]"
        case .session(let gap): return "[\"session\", \(gap), 0, 0]"
        case .dynamicSession, nil: return nil
        }
    }

    // MARK: Sinks

    /// A directory of Parquet files.
    func files(
        path: String, partitionBy: [String], _ compression: ParquetSinkSpec.Compression
    ) -> PythonValue {
        let options: [(String, PythonValue)]
        switch compression {
        case .none: options = [("compression", .string("none"))]
        case .zstd(let level):
            options = [
                ("compression", .string("zstd")),
                ("parquet.compression.codec.zstd.level", .string(String(level))),
            ]
        }
        return .dictionary([
            ("format", .string("parquet")), ("path", .string(path)),
            ("partitionBy", .list(partitionBy.map { .string($0) })),
            ("options", .dictionary(options)),
        ])
    }

    /// The sinks that take the rows of a batch as a whole.
    func small(_ sink: SinkSpec) -> PythonValue? {
        switch sink {
        case .parquet, .delta: nil
        case .table(let spec):
            .dictionary([
                ("format", .string("table")), ("path", .string(spec.path)),
                ("keys", .list(spec.keys.map { .string($0) })),
            ])
        case .console(let spec):
            .dictionary([
                ("format", .string("console")), ("numRows", .integer(Int64(spec.numRows))),
                ("truncate", spec.truncate.map { .integer(Int64($0)) } ?? .boolean(false)),
            ])
        }
    }
}
