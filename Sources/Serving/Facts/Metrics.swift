import ConnectorAPI
import Engine
import Glibc

/// Counts of observations up to bounds, as Prometheus has histograms.
struct Histogram {
    /// The upper bounds of the buckets, ascending; one without bound follows.
    let bounds: [Double]
    private(set) var counts: [Int64]
    private(set) var sum = 0.0
    private(set) var count: Int64 = 0

    init(bounds: [Double]) {
        self.bounds = bounds
        counts = Array(repeating: 0, count: bounds.count)
    }

    mutating func add(_ value: Double) {
        count += 1
        sum += value
        for index in bounds.indices where value <= bounds[index] { counts[index] += 1 }
    }
}

/// What the serving thread has done.
struct ServingFacts {
    var liveClients = 0
    var rowsSent: UInt64 = 0
    var rowsConflated: UInt64 = 0
    var bytesSent: UInt64 = 0
    /// From the engine's hands to the sockets, in seconds.
    var pushSeconds = Histogram(
        bounds: [0.0001, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.05, 0.25, 1])
    var paceNanos: UInt64 = 0
    var refused: [String: Int64] = [:]

    mutating func refuse(_ reason: String) { refused[reason, default: 0] += 1 }
}

/// Metrics in Prometheus' text format 0.0.4.
///
/// No symbol is a label: there may be any number of them, and they are text of others.
struct MetricsText {
    private var text = ""

    /// Everything that there is to say.
    static func all(_ run: RunFacts, _ serving: ServingFacts, version: String) -> String {
        var metrics = MetricsText()
        metrics.build(version)
        metrics.engine(run)
        metrics.live(serving)
        metrics.process()
        return metrics.text
    }

    private mutating func build(_ version: String) {
        head("streamer_build_info", "gauge", "The program; its value is 1.")
        sample("streamer_build_info", [("version", version)], 1)
    }

    private mutating func engine(_ run: RunFacts) {
        single("streamer_batches_total", "counter", "Batches committed.", Double(run.batches))
        let sources = run.sourceOrder.map { ($0, run.sources[$0] ?? .init()) }
        let queries = run.queryOrder.map { ($0, run.queries[$0] ?? .init()) }
        head("streamer_rows_read_total", "counter", "Rows read of a source.")
        for (name, source) in sources {
            sample("streamer_rows_read_total", [("source", name)], Double(source.rowsRead))
        }
        head("streamer_rows_late_total", "counter", "Rows that a query left out as late.")
        for (name, query) in queries {
            sample("streamer_rows_late_total", [("query", name)], Double(query.rowsLate))
        }
        head("streamer_rows_rejected_total", "counter", "Rows that were set aside.")
        for (name, source) in sources {
            sample(
                "streamer_rows_rejected_total", [("source", name), ("reason", "aheadOfClock")],
                Double(source.rowsRejected))
        }
        head("streamer_rows_malformed_total", "counter", "Records that did not parse.")
        for (name, source) in sources {
            sample(
                "streamer_rows_malformed_total", [("source", name)], Double(source.rowsMalformed))
        }
        head("streamer_rows_out_total", "counter", "Rows that a query gave its sinks.")
        for (name, query) in queries {
            sample("streamer_rows_out_total", [("query", name)], Double(query.rowsOut))
        }
        head("streamer_source_lag_rows", "gauge", "Rows of a source that are still to be read.")
        for (name, source) in sources where source.unread.bytes == nil {
            sample("streamer_source_lag_rows", [("source", name)], Double(source.unread.rows ?? 0))
        }
        head("streamer_source_lag_bytes", "gauge", "Bytes of text files still to be read.")
        for (name, source) in sources {
            guard let bytes = source.unread.bytes else { continue }
            sample("streamer_source_lag_bytes", [("source", name)], Double(bytes))
        }
        single(
            "streamer_watermark_seconds", "gauge", "The watermark, seconds since the epoch.",
            Double(run.watermarkMs) / 1e3)
        single(
            "streamer_event_time_max_seconds", "gauge", "The largest event time that was read.",
            run.eventTimeMaxMs.map { Double($0) / 1e3 } ?? .nan)
        histogram("streamer_batch_seconds", "From a batch's plan to its commit.", run.batchSeconds)
        head("streamer_stage_seconds_total", "counter", "Time of batches by stage.")
        for (stage, nanos) in run.stageNanos {
            sample("streamer_stage_seconds_total", [("stage", stage)], Double(nanos) / 1e9)
        }
        head("streamer_state_rows", "gauge", "Rows that a query keeps between batches.")
        for (name, query) in queries {
            sample("streamer_state_rows", [("query", name)], Double(query.stateRows))
        }
        head("streamer_state_bytes", "gauge", "Memory of what a query keeps between batches.")
        for (name, query) in queries {
            sample("streamer_state_bytes", [("query", name)], Double(query.stateBytes))
        }
        head("streamer_open_windows", "gauge", "Groups that a query holds open.")
        for (name, query) in queries {
            sample("streamer_open_windows", [("query", name)], Double(query.stateRows))
        }
        single(
            "streamer_last_commit_seconds", "gauge", "When a batch was last committed.",
            run.lastCommitMicros.map { Double($0) / 1e6 } ?? .nan)
    }

    private mutating func live(_ serving: ServingFacts) {
        single(
            "streamer_live_clients", "gauge", "Pages and programs that follow.",
            Double(serving.liveClients))
        single(
            "streamer_live_rows_total", "counter", "Rows sent to them.", Double(serving.rowsSent))
        single(
            "streamer_live_rows_conflated_total", "counter",
            "Changes that were not sent because newer ones took their place, or of other rows.",
            Double(serving.rowsConflated))
        single(
            "streamer_live_bytes_total", "counter", "Bytes sent to them.",
            Double(serving.bytesSent))
        histogram(
            "streamer_live_push_seconds", "From the engine to the sockets.", serving.pushSeconds)
        single(
            "streamer_live_pace_seconds", "gauge", "The pause between frames.",
            Double(serving.paceNanos) / 1e9)
        head("streamer_http_refused_total", "counter", "Requests that were refused.")
        for (reason, count) in serving.refused.sorted(by: { $0.key < $1.key }) {
            sample("streamer_http_refused_total", [("reason", reason)], Double(count))
        }
    }

    private mutating func process() {
        var usage = rusage()
        guard unsafe getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage) == 0 else { return }
        let seconds = { (time: timeval) in Double(time.tv_sec) + Double(time.tv_usec) / 1e6 }
        single(
            "process_cpu_seconds_total", "counter", "CPU time of the process.",
            seconds(usage.ru_utime) + seconds(usage.ru_stime))
        single(
            "process_max_resident_memory_bytes", "gauge", "The most memory it had.",
            Double(usage.ru_maxrss) * 1_024)
    }

    // MARK: The format

    private mutating func head(_ name: String, _ type: String, _ help: String) {
        text += "# HELP \(name) \(help)\n# TYPE \(name) \(type)\n"
    }

    private mutating func single(_ name: String, _ type: String, _ help: String, _ value: Double) {
        head(name, type, help)
        sample(name, [], value)
    }

    private mutating func histogram(_ name: String, _ help: String, _ values: Histogram) {
        head(name, "histogram", help)
        for (bound, count) in zip(values.bounds, values.counts) {
            sample(name + "_bucket", [("le", Self.number(bound))], Double(count))
        }
        sample(name + "_bucket", [("le", "+Inf")], Double(values.count))
        sample(name + "_sum", [], values.sum)
        sample(name + "_count", [], Double(values.count))
    }

    private mutating func sample(_ name: String, _ labels: [(String, String)], _ value: Double) {
        text += name
        if !labels.isEmpty {
            let parts = labels.map { "\($0.0)=\"\(Self.escaped($0.1))\"" }
            text += "{" + parts.joined(separator: ",") + "}"
        }
        text += " \(Self.number(value))\n"
    }

    /// A label's value: backslashes, quotes and line feeds are escaped, nothing else is.
    private static func escaped(_ text: String) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\\": result += "\\\\"
            case "\"": result += "\\\""
            case "\n": result += "\\n"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }

    private static func number(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
        if value == value.rounded(), value.magnitude < 1e15 { return String(Int64(value)) }
        return value.description
    }
}
