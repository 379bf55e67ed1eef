import Columnar
import ConnectorAPI
public import JSON
import Operators

extension BatchProgress {
    /// Input rows of the batch.
    public var numInputRows: Int { sources.reduce(0) { $0 + $1.rowsIn } }

    /// Rows that were set aside because they were too far ahead of the clock.
    public var rowsBeyondSkew: Int { sources.reduce(0) { $0 + $1.rowsBeyondSkew } }

    /// Input rows per second of the batch's own time (at least 1 ms, as Spark counts).
    public var processedRowsPerSecond: Double { processedPerSecond(numInputRows) }

    private func processedPerSecond(_ rows: Int) -> Double {
        Double(rows) / max(Double(durations.triggerExecution) / 1e9, 0.001)
    }

    /// Input rows per second since the batch before was planned; 0 for the first of a run.
    public var inputRowsPerSecond: Double { inputPerSecond(numInputRows) }

    private func inputPerSecond(_ rows: Int) -> Double {
        sincePreviousMs.map { Double(rows) / max($0 / 1e3, 0.001) } ?? 0
    }

    /// The progress as Spark prints it, with Spark's field names.
    public var json: JSONValue {
        .object([
            ("id", .string(id)), ("runId", .string(runId)), ("name", .string(name)),
            ("timestamp", .string(isoTimestamp(ms: timestampMs))), ("batchId", .integer(batchId)),
            ("batchDuration", .integer(Int(durations.triggerExecution / 1_000_000))),
            ("numInputRows", .integer(numInputRows)),
            ("inputRowsPerSecond", .double(inputRowsPerSecond)),
            ("processedRowsPerSecond", .double(processedRowsPerSecond)),
            ("durationMs", durations.json), ("profile", profile.json),
            ("eventTime", eventTimeJSON),
            (
                "stateOperators",
                .array(queries.flatMap(\.operators).compactMap { $0.json(durations) })
            ),
            ("sources", .array(sources.map(sourceJSON))), ("sink", sinkJSON),
        ])
    }

    private var eventTimeJSON: JSONValue {
        var members: [(String, JSONValue)] = []
        if let eventTime {
            members = [
                ("avg", .string(isoTimestamp(ms: eventTime.avgMs))),
                ("max", .string(isoTimestamp(ms: eventTime.maxMs))),
                ("min", .string(isoTimestamp(ms: eventTime.minMs))),
            ]
        }
        return .object(members + [("watermark", .string(isoTimestamp(ms: watermarkMs)))])
    }

    /// A source of a job that names its sources has its name in front, and its own watermark.
    private func sourceJSON(_ source: SourceProgress) -> JSONValue {
        let rows = source.rowsIn
        var metrics: [(String, JSONValue)] = [
            ("offsetsBehindLatest", .string(String(source.offsetsBehind))),
            ("rowsAheadOfClock", .string(String(source.rowsBeyondSkew))),
        ]
        if source.rowsMalformed > 0 {
            metrics.append(("rowsMalformed", .string(String(source.rowsMalformed))))
        }
        if source.rowsLost > 0 { metrics.append(("rowsLost", .string(String(source.rowsLost)))) }
        if source.latest.only == nil { metrics += source.offsetsBehindLatest }
        if source.name != nil {
            metrics += [
                ("watermark", .string(source.watermarkMs.map(isoTimestamp) ?? "none")),
                ("isIdle", .string(String(source.isIdle))),
            ]
        }
        let name = source.name.map { [("name", JSONValue.string($0))] } ?? []
        return .object(
            name + [
                ("description", .string(source.description)),
                ("startOffset", source.offsets.start.json),
                ("endOffset", source.offsets.end.json),
                ("latestOffset", source.latest.json),
                ("numInputRows", .integer(rows)),
                ("inputRowsPerSecond", .double(inputPerSecond(rows))),
                ("processedRowsPerSecond", .double(processedPerSecond(rows))),
                ("metrics", .object(metrics)),
            ])
    }

    private var sinkJSON: JSONValue {
        .object([
            ("description", .string(queries.flatMap(\.sinks).joined(separator: ", "))),
            (
                "numOutputRows",
                .integer(queries.filter { !$0.sinks.isEmpty }.reduce(0) { $0 + $1.rowsOut })
            ),
            (
                "metrics",
                .object(
                    queries.map { ("numOutputRows.\($0.name)", .string(String($0.rowsOut))) }
                        + sinkMetrics.map { ($0.name, .string(String($0.value))) })
            ),
        ])
    }
}

extension SourceProgress {
    /// How far the splits are behind, under the names of Spark's Kafka source.
    fileprivate var offsetsBehindLatest: [(String, JSONValue)] {
        let behind = latest.bySplit.map { split, latest in
            Double(max(0, latest - (offsets.end[split] ?? 0)))
        }
        guard let least = behind.min(), let most = behind.max() else { return [] }
        let mean = behind.reduce(0, +) / Double(behind.count)
        return [
            ("minOffsetsBehindLatest", .string(String(Int64(least)))),
            ("maxOffsetsBehindLatest", .string(String(Int64(most)))),
            ("avgOffsetsBehindLatest", .string(String(mean))),
        ]
    }
}

extension StageDurations {
    /// Whole milliseconds, under Spark's names where Spark has one.
    var json: JSONValue {
        let stages: [(String, UInt64)] = [
            ("addBatch", addBatch), ("aggregate", aggregate), ("commitOffsets", commitOffsets),
            ("getBatch", getBatch), ("latestOffset", latestOffset), ("stateCommit", stateCommit),
            ("triggerExecution", triggerExecution), ("walCommit", walCommit),
        ]
        return .object(stages.map { ($0, .integer(Int($1 / 1_000_000))) })
    }
}

extension OperatorCounters {
    /// An entry of Spark's `stateOperators`; `nil` for an operator without state.
    fileprivate func json(_ durations: StageDurations) -> JSONValue? {
        operatorName.map { name in
            .object([
                ("operatorName", .string(name)),
                ("numRowsTotal", .integer(stateRows)),
                ("numRowsUpdated", .integer(stateRowsUpdated)),
                ("allUpdatesTimeMs", .integer(Int(durations.aggregate / 1_000_000))),
                ("numRowsRemoved", .integer(stateRowsRemoved)), ("allRemovalsTimeMs", .integer(0)),
                ("commitTimeMs", .integer(Int(durations.stateCommit / 1_000_000))),
                ("memoryUsedBytes", .integer(stateBytes)),
                ("numRowsDroppedByWatermark", .integer(rowsDropped)),
                ("numShufflePartitions", .integer(1)), ("numStateStoreInstances", .integer(1)),
                (
                    "customMetrics",
                    .object(metrics.map { ($0.name, .integer($0.count)) })
                ),
            ])
        }
    }
}

/// `yyyy-MM-ddTHH:mm:ss.SSSZ`, as Spark's progress writes times.
func isoTimestamp(ms: Int64) -> String {
    let (micros, overflow) = ms.multipliedReportingOverflow(by: 1_000)
    let text = formatTimestamp(micros: overflow ? (ms < 0 ? .min : .max) : micros)
    let parts = text.split(separator: " ", maxSplits: 1)
    let clock = parts[1].split(separator: ".")
    let fraction = clock.count > 1 ? String(clock[1].prefix(3)) : ""
    let millis = fraction + String(repeating: "0", count: 3 - fraction.utf8.count)
    return "\(parts[0])T\(clock[0]).\(millis)Z"
}
