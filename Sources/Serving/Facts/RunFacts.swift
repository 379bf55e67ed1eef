import Columnar
import ConnectorAPI
import Engine
import JSON
import Operators

/// What a run has told so far: totals for metrics, the last batches' progress, the present state.
struct RunFacts {
    /// What the job's engine is doing.
    enum State: String {
        case starting, recovering, running, waiting, stopped, failed
    }

    /// How one query stands.
    struct QueryTotals {
        var rowsOut: Int64 = 0
        var rowsLate: Int64 = 0
        var stateRows = 0
        var stateBytes = 0
    }

    /// How one source stands.
    struct SourceTotals {
        var rowsRead: Int64 = 0
        var rowsMalformed: Int64 = 0
        var rowsRejected: Int64 = 0
        var unread = Unread.nothing
        var isIdle = false
        var watermarkMs: Int64?
    }

    /// The most progress objects that are kept.
    static let progressMax = 100

    private(set) var state = State.starting
    /// Why it ended, if it did.
    private(set) var reason: String?
    private(set) var batches: Int64 = 0
    private(set) var lastBatch: Int64?
    private(set) var lastBatchNanos: UInt64 = 0
    private(set) var lastCommitMicros: Int64?
    private(set) var watermarkMs: Int64 = 0
    private(set) var eventTimeMaxMs: Int64?
    private(set) var queries: [String: QueryTotals] = [:]
    private(set) var sources: [String: SourceTotals] = [:]
    private(set) var sourceOrder: [String] = []
    private(set) var queryOrder: [String] = []
    private(set) var batchSeconds = Histogram(
        bounds: [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 30])
    private(set) var stageNanos: [(name: String, nanos: UInt64)] = []
    /// The last batches' progress, as text, oldest first.
    private(set) var progress: [String] = []
    private(set) var runID: String?
    /// The batch that runs now, and since when.
    private(set) var running: (batch: Int64, sinceNanos: UInt64)?
    /// What a sink of the running batch failed with, which is tried again.
    private(set) var fault: String?
    /// Rows of the last batch that had any, and how many of them every query left out as late.
    private(set) var lastRows: (read: Int, late: Int) = (0, 0)
    private var rate = RowRate()

    /// Rows read in the last seconds, a second.
    func rowsPerSecond(nowNanos: UInt64) -> Double { rate.perSecond(nowNanos) }

    /// Takes what the engine told.
    mutating func note(_ event: EngineEvent, nowNanos: UInt64, nowMicros: Int64) {
        switch event {
        case .started(let start):
            state = .running
            watermarkMs = start.watermarkMs
            if start.nextBatch > 0 { lastBatch = start.nextBatch - 1 }
        case .began(let batch):
            state = .running
            running = (batch, nowNanos)
        case .progress(let batch):
            state = .running
            // The next one may run already.
            if let running, running.batch <= batch.batchId { self.running = nil }
            fault = nil
            note(batch, nowNanos: nowNanos)
            lastCommitMicros = nowMicros
        case .waiting:
            state = .waiting
            running = nil
        case .stopped:
            state = .stopped
            running = nil
        }
    }

    /// Notes where a checkpoint stands that no engine here goes on with.
    mutating func note(lastBatch: Int64, watermarkMs: Int64) {
        self.lastBatch = lastBatch
        self.watermarkMs = watermarkMs
    }

    /// Notes what a sink failed with, which is asked again.
    mutating func note(fault text: String) { fault = text }

    /// Notes that the run is over.
    mutating func end(_ reason: String, failed: Bool) {
        state = failed ? .failed : .stopped
        self.reason = reason
    }

    private mutating func note(_ batch: BatchProgress, nowNanos: UInt64) {
        runID = batch.runId
        batches += 1
        lastBatch = batch.batchId
        lastBatchNanos = batch.durations.triggerExecution
        watermarkMs = batch.nextWatermarkMs
        if let newest = batch.eventTime?.maxMs {
            eventTimeMaxMs = max(eventTimeMaxMs ?? newest, newest)
        }
        batchSeconds.add(Double(batch.durations.triggerExecution) / 1e9)
        note(batch.durations)
        for (index, source) in batch.sources.enumerated() {
            let name = source.name ?? (batch.sources.count == 1 ? "source" : "source\(index)")
            if sources[name] == nil { sourceOrder.append(name) }
            var totals = sources[name] ?? SourceTotals()
            totals.rowsRead += Int64(source.rowsIn)
            totals.rowsMalformed += Int64(source.rowsMalformed)
            totals.rowsRejected += Int64(source.rowsBeyondSkew)
            totals.unread = source.unread
            totals.isIdle = source.isIdle
            totals.watermarkMs = source.watermarkMs
            sources[name] = totals
        }
        for query in batch.queries {
            if queries[query.name] == nil { queryOrder.append(query.name) }
            var totals = queries[query.name] ?? QueryTotals()
            totals.rowsOut += Int64(query.rowsOut)
            totals.rowsLate += Int64(query.rowsLate)
            totals.stateRows = query.operators.reduce(0) { $0 + $1.stateRows }
            totals.stateBytes = query.operators.reduce(0) { $0 + $1.stateBytes }
            queries[query.name] = totals
        }
        if batch.numInputRows > 0 {
            // Queries behind others read no rows of a source.
            let late = batch.queries.filter { $0.rowsIn > 0 }.map(\.rowsLate).min() ?? 0
            lastRows = (batch.numInputRows, late)
        }
        rate.add(batch.numInputRows, at: nowNanos)
        progress.append(batch.json.text())
        if progress.count > Self.progressMax {
            progress.removeFirst(progress.count - Self.progressMax)
        }
    }

    private mutating func note(_ durations: StageDurations) {
        let stages: [(String, UInt64)] = [
            ("latestOffset", durations.latestOffset), ("walCommit", durations.walCommit),
            ("getBatch", durations.getBatch), ("aggregate", durations.aggregate),
            ("stateCommit", durations.stateCommit), ("addBatch", durations.addBatch),
            ("commitOffsets", durations.commitOffsets),
        ]
        if stageNanos.isEmpty { stageNanos = stages.map { ($0.0, 0) } }
        for index in stages.indices { stageNanos[index].nanos &+= stages[index].1 }
    }
}

extension RunFacts {
    /// What all sources have that is still to be read.
    var unread: Unread { sources.values.reduce(.nothing) { $0 + $1.unread } }
    var rowsLate: Int64 { queries.values.reduce(0) { $0 + $1.rowsLate } }
    var rowsRejected: Int64 { sources.values.reduce(0) { $0 + $1.rowsRejected } }
    var rowsMalformed: Int64 { sources.values.reduce(0) { $0 + $1.rowsMalformed } }

    /// Whether the engine has gone through recovery and its first plan.
    var isReady: Bool { (state == .running || state == .waiting) && fault == nil }

    /// The state as the page's strip shows it.
    func status(nowNanos: UInt64) -> [(String, JSONValue)] {
        [
            ("t", "status"), ("wm", watermarkMs == 0 ? .null : .integer(watermarkMs)),
            ("max", eventTimeMaxMs.map { .integer($0) } ?? .null),
            ("rows_s", .integer(Int64(rowsPerSecond(nowNanos: nowNanos).rounded()))),
            ("lag", .integer(unread.rows ?? 0)), ("late", .integer(rowsLate)),
            ("rejected", .integer(rowsRejected)), ("malformed", .integer(rowsMalformed)),
            ("batch", lastBatch.map { .integer($0) } ?? .null),
            ("batch_ms", .double((Double(lastBatchNanos) / 1e5).rounded() / 10)),
            ("open", .integer(queries.values.reduce(0) { $0 + $1.stateRows })),
            ("state", .string(state.rawValue)),
        ]
    }
}

/// Rows a second, over the last seconds.
private struct RowRate {
    private static let spanNanos: UInt64 = 5_000_000_000
    private var parts: [(nanos: UInt64, rows: Int)] = []
    private var begunNanos: UInt64?

    mutating func add(_ rows: Int, at nanos: UInt64) {
        if begunNanos == nil { begunNanos = nanos }
        parts.append((nanos, rows))
        parts.removeAll { $0.nanos + Self.spanNanos < nanos }
    }

    func perSecond(_ nowNanos: UInt64) -> Double {
        let recent = parts.filter { $0.nanos + Self.spanNanos >= nowNanos }
        guard let begunNanos, !recent.isEmpty else { return 0 }
        let span = min(Self.spanNanos, max(nowNanos.since(begunNanos), 1_000_000_000))
        return Double(recent.reduce(0) { $0 + $1.rows }) / (Double(span) / 1e9)
    }
}
