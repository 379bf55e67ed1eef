import Columnar
import Expressions
import Jobs

extension Translation {
    /// Whether a run ends by itself.
    var isBounded: Bool {
        if case .processingTime = job.trigger { false } else { true }
    }

    var trigger: PythonValue {
        switch job.trigger {
        case .availableNow: .dictionary([("availableNow", .boolean(true))])
        case .once: .dictionary([("once", .boolean(true))])
        case .processingTime(let ms):
            .dictionary([("processingTime", .string("\(ms) milliseconds"))])
        }
    }

    var watermark: PythonValue {
        guard let watermark = job.watermark else { return .none }
        return .tuple([
            .string(watermark.eventTime.sparkWord),
            .string("\(watermark.delayThresholdMs) milliseconds"),
        ])
    }

    var configuration: [(String, PythonValue)] {
        [
            ("spark.sql.session.timeZone", "UTC"), ("spark.sql.ansi.enabled", "true"),
            ("spark.sql.parquet.outputTimestampType", "TIMESTAMP_MICROS"),
            (
                "spark.sql.streaming.noDataMicroBatches.enabled",
                job.options.noDataBatches ? "true" : "false"
            ),
        ].map { ($0.0, .string($0.1)) }
    }

    var sourceOptions: [(String, PythonValue)] {
        let starting =
            switch job.source.startingOffsets {
            case .earliest: "earliest"
            case .latest: "latest"
            case .offset(let offset): String(offset)
            case .timestamp(let micros): "timestamp:\(micros)"
            }
        var options = [
            ("path", job.source.path), ("startingOffsets", starting),
            ("maxOffsetsPerTrigger", String(job.source.maxOffsetsPerTrigger ?? 0)),
        ]
        if let column = plan.eventTimeColumn {
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
