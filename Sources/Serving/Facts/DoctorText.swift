import Columnar
import Expressions
import JSON

/// Why nothing is closed, in sentences, from what the engine has told.
struct DoctorText {
    private let server: PageServer

    init(_ server: PageServer) { self.server = server }

    /// The findings, and the sentence that matters most.
    var json: JSONValue {
        .object([
            ("sentence", .string(sentence)),
            ("findings", .array(findings.map { .string($0) })),
        ])
    }

    private var facts: RunFacts { server.facts }

    private var sentence: String {
        if !server.job.hasEngine {
            return "No engine runs here: what is shown was committed before."
        }
        switch facts.state {
        case .starting, .recovering: return "The engine restores its checkpoint."
        case .failed, .stopped: return "The run is over: \(facts.reason ?? "it stopped")."
        case .running, .waiting: break
        }
        guard facts.batches > 0 else {
            return "No row yet: the feed has given none, or the first batch still runs."
        }
        if let holder { return holder }
        guard facts.watermarkMs > 0, let newest = facts.eventTimeMaxMs else {
            return facts.rowsRejected > 0
                ? "All rows so far were too far ahead of the clock and were set aside."
                : "No watermark yet: no row has had an event time."
        }
        let (read, late) = facts.lastRows
        if read > 0, late >= read {
            return "Every row of the last batch came late: the watermark is at "
                + "\(text(facts.watermarkMs)), and windows that end before it are closed; a larger "
                + "delayThreshold keeps them open for longer."
        }
        let idle = facts.sources.filter { $0.value.isIdle }.keys.sorted()
        if facts.watermarkMs < newest, newest - facts.watermarkMs > 3_600_000 {
            return "A row of \(text(newest)) is far ahead of the others: the watermark stands at "
                + "\(text(facts.watermarkMs)), and waits for nothing else."
        }
        if let next = nextEndMs {
            return "The next window ends at \(text(next)); the watermark is at "
                + "\(text(facts.watermarkMs)), \(Double(next - facts.watermarkMs) / 1_000) s before it."
        }
        return idle.isEmpty
            ? "Nothing is open: everything that was read is closed."
            : "Nothing is open. Silent, and not waited for: \(idle.joined(separator: ", "))."
    }

    /// A source that holds the watermark back, of several.
    private var holder: String? {
        guard facts.sources.count > 1 else { return nil }
        let waiting = facts.sources.filter { !$0.value.isIdle }
        if let silent = waiting.filter({ $0.value.rowsRead == 0 }).keys.sorted().first {
            return "The source \(silent) has given no row yet, and the watermark waits for it; an "
                + "idleTimeout would let it go."
        }
        let slowest = waiting.min { ($0.value.watermarkMs ?? 0) < ($1.value.watermarkMs ?? 0) }
        let fastest = waiting.compactMap(\.value.watermarkMs).max()
        guard let slowest, let own = slowest.value.watermarkMs, let fastest, fastest - own > 1_000
        else { return nil }
        return "The source \(slowest.key) holds the watermark back at \(text(own)); the others are "
            + "at \(text(fastest))."
    }

    /// The end of the first window that is open, from the longest interval of the queries.
    private var nextEndMs: Int64? {
        let intervals = server.hub.queries.filter { $0.mode == .append }.compactMap(\.intervalMs)
        guard let interval = intervals.min(), interval > 0 else { return nil }
        let open = facts.queries.values.contains { $0.stateRows > 0 }
        // Where everything is closed the watermark is beyond all times.
        guard open, facts.watermarkMs.magnitude < 1 << 60 else { return nil }
        return (floorDivide(facts.watermarkMs, interval) + 1) * interval
    }

    private var findings: [String] {
        var lines = [
            "watermark: \(facts.watermarkMs == 0 ? "none yet" : text(facts.watermarkMs))",
            "newest event time: \(facts.eventTimeMaxMs.map(text) ?? "none yet")",
            "not read yet: \(facts.unread)",
        ]
        for (name, source) in facts.sources.sorted(by: { $0.key < $1.key }) {
            lines.append(
                "\(name): \(source.rowsRead) rows read"
                    + (source.isIdle ? ", silent" : "")
                    + (source.rowsMalformed > 0 ? ", \(source.rowsMalformed) malformed" : "")
                    + (source.rowsRejected > 0 ? ", \(source.rowsRejected) ahead of the clock" : "")
            )
        }
        for (name, query) in facts.queries.sorted(by: { $0.key < $1.key }) {
            lines.append(
                "\(name): \(query.rowsOut) rows out, \(query.rowsLate) late, "
                    + "\(query.stateRows) groups open")
        }
        return lines
    }

    private func text(_ ms: Int64) -> String {
        let (micros, overflow) = ms.multipliedReportingOverflow(by: 1_000)
        return overflow ? "\(ms) ms" : formatTimestamp(micros: micros) + " UTC"
    }
}
