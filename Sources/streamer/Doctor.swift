import Checkpoints
import Columnar
import Expressions
import Jobs
import KeyedState
import Operators
import Storage
import TickLog

/// `streamer doctor`: says why windows are open and what would close them.
let doctorVerb = Verb(
    name: "doctor",
    summary: "why has no window closed? what holds the watermark back?",
    details: """
        Looks at a job's checkpoint and log, at their locks, and for a moment at whether the log
        grows. Changes nothing. With --format json the findings are one object a line.
        """,
    positionals: [
        .optional("JOB", "a job file, a checkpoint's name or its folder; by default the only one")
    ],
    options: [ResultFormat.option],
    examples: ["streamer doctor", "streamer doctor jobs/ohlcv.json"],
    body: examine)

private func examine(_ arguments: Arguments, _ console: Console) throws -> ExitCode {
    let place =
        try arguments.optionalWord("JOB").map { try CheckpointPlace(named: $0) }
        ?? CheckpointPlace(verb: "doctor")
    let facts = try JobFacts(place)
    var listing = Listing([.plain("what", .string), .plain("finding", .string)])
    for (what, finding) in facts.findings { listing.add([.string(what), .string(finding)]) }
    try listing.print(as: arguments.format, on: console)
    if arguments.format == .table { console.print("") }
    for advice in facts.advice {
        if arguments.format == .table { console.print(advice) } else { console.say(advice) }
    }
    return .done
}

/// What is known about a job's progress in event time.
private struct JobFacts {
    /// How far beyond the clock an event time makes suspicious.
    private static let futureMicrosMax: Int64 = 3_600_000_000
    /// How long the log is watched.
    private static let watchNanos: UInt64 = 300_000_000

    /// A query with windows or groups that the watermark closes.
    struct OpenQuery {
        let name: String
        let groups: Int
        let firstEndMicros: Int64?
        let lastEndMicros: Int64?
    }

    let job: Job
    let checkpoint: Path
    let engine: String?
    let writer: String?
    let logOffsets: Range<Int64>
    let rowsComing: Int64
    var nextOffset: Int64 = 0
    var batches: Int64 = 0
    var isUncommitted = false
    /// The watermark the next batch runs with, ms; 0 is none.
    var watermarkMs: Int64 = 0
    /// The largest event time that was read, ms.
    var eventTimeMaxMs: Int64?
    var counters: [String: Int64] = [:]
    var open: [OpenQuery] = []

    init(_ place: CheckpointPlace) throws {
        let planned = try recordedJob(of: place)
        job = planned.job
        checkpoint = place.path
        engine = try place.reader.engine()
        let logPath = try Path(job.source.path)
        let log = try openLog(at: logPath)
        writer = try machineFiles.lockHolder(logPath.appending("LOCK"))
        let before = log.endOffset
        SystemTime().sleep(nanos: Self.watchNanos)
        try log.refresh()
        rowsComing = log.endOffset - before
        logOffsets = log.startOffset..<log.endOffset

        guard let newest = try place.reader.plannedBatches().last else { return }
        let committed = try place.reader.committedBatches().last
        let offsets = try place.reader.offsets(newest)
        batches = newest.number + 1
        isUncommitted = committed != newest
        nextOffset = offsets.logOffsets?.upperBound ?? 0
        watermarkMs = offsets.watermarkMs
        guard let committed else { return }
        let commit = try place.reader.commit(committed)
        watermarkMs = max(watermarkMs, commit.nextWatermarkMs)
        counters = commit.counters
        if let delay = job.watermark?.delayThresholdMs {
            eventTimeMaxMs = commit.watermarkMaximaMs.values.max().map { $0 + delay }
        }
        for query in planned.plan.queries where query.outputMode != .complete {
            guard case .aggregation(let plan) = query.plan, query.isWatermarked else { continue }
            let state = try QueryState(of: query, plan, in: place, after: committed).query
            open.append(
                OpenQuery(
                    name: query.name, groups: state.state.count,
                    firstEndMicros: state.firstWindowEndMicros,
                    lastEndMicros: state.lastWindowEndMicros))
        }
    }

    private var delayMs: Int64 { job.watermark?.delayThresholdMs ?? 0 }
    private var rowsLeft: Int64 { max(0, logOffsets.upperBound - nextOffset) }

    /// What was found, line by line.
    var findings: [(String, String)] {
        var lines = [
            ("job", "\(job.name), checkpoint \(checkpoint)"),
            ("engine", engine.map { "running: \($0)" } ?? "not running"),
            ("batches", "\(batches)\(isUncommitted ? ", the last one not committed" : "")"),
            (
                "log",
                "\(job.source.path): offsets \(groupedCount(logOffsets.lowerBound)) to "
                    + groupedCount(logOffsets.upperBound)
            ),
            ("log grows", growth),
            ("not read yet", counted(rowsLeft, "row")),
            ("largest event time", eventTimeMaxMs.map { timestampText(ms: $0) } ?? "-"),
            (
                "delay",
                job.watermark == nil
                    ? "no watermark" : humanDuration(micros: delayMs * 1_000)
            ),
            ("watermark", watermarkMs == 0 ? "-" : timestampText(ms: watermarkMs)),
        ]
        for query in open {
            let ends = query.firstEndMicros.flatMap { first in
                query.lastEndMicros.map { last in
                    ", ending \(formatTimestamp(micros: first))"
                        + (last == first ? "" : " to \(formatTimestamp(micros: last))")
                }
            }
            lines.append(
                (
                    "open in \(query.name)",
                    counted(Int64(query.groups), "group") + (ends ?? "")
                ))
        }
        for (name, value) in counters.sorted(by: { $0.key < $1.key })
        where value > 0 && !["rowsIn", "rowsOut"].contains(where: name.hasPrefix) {
            lines.append((name, counted(value, "row")))
        }
        return lines
    }

    private var growth: String {
        let held =
            writer.map { "; a writer has it open: \($0)" } ?? "; nobody has it open to append"
        return rowsComing > 0
            ? "yes, \(counted(rowsComing, "row")) in the last 0.3 s\(held)" : "no\(held)"
    }

    /// What follows from it, as sentences; never none.
    var advice: [String] {
        var sentences: [String] = []
        if isUncommitted, engine == nil {
            sentences.append(
                "The last batch was not committed: the next run does it again, with the same "
                    + "result. Run the job.")
        }
        if rowsLeft > 0, engine == nil {
            sentences.append(
                "\(counted(rowsLeft, "row")) of the log are not read yet and no engine is running: "
                    + "run the job.")
        }
        if job.watermark == nil {
            sentences.append(
                "The job has no watermark: windows never close; add \"watermark\" to the job.")
        }
        sentences += open.compactMap(advice)
        sentences += idleAdvice + clockAdvice + rejectsAdvice + lateAdvice
        return sentences.isEmpty ? ["Nothing is open and nothing is waiting."] : sentences
    }

    private func advice(on query: OpenQuery) -> String? {
        guard let end = query.firstEndMicros, query.groups > 0 else { return nil }
        let endText = formatTimestamp(micros: end)
        let (watermark, overflow) = watermarkMs.multipliedReportingOverflow(by: 1_000)
        if overflow || watermark >= end {
            return "\(query.name): the watermark has passed \(endText), the end of the first open "
                + "window; it closes in the next batch, which runs when there are new rows."
        }
        let (needed, beyond) = end.addingReportingOverflow(delayMs * 1_000)
        let closing = beyond ? "never" : formatTimestamp(micros: needed)
        return "\(query.name): the first open window ends at \(endText); a tick with an event time "
            + "of \(closing) or later closes it, in the batch after the one that reads it."
    }

    /// What a log that does not grow means for what is open.
    private var idleAdvice: [String] {
        guard let watermark = job.watermark, rowsLeft == 0, rowsComing == 0,
            open.contains(where: { $0.groups > 0 })
        else { return [] }
        guard let timeout = watermark.idleTimeoutMs else {
            return [
                "The log does not grow and only event times move the watermark, so that an idle "
                    + "source holds it back, as in Spark: open windows wait for the next tick. "
                    + "With watermark.idleTimeout they would close without one."
            ]
        }
        return [
            "The log does not grow: after \(humanDuration(micros: timeout * 1_000)) without a tick "
                + "(idleTimeout) a run closes what is open."
        ]
    }

    /// What became of rows that were too far ahead of the clock.
    private var rejectsAdvice: [String] {
        guard let rejected = counters["rowsRejected"], rejected > 0 else { return [] }
        let place = job.watermark?.rejectsPath.map { "they are in \($0)" }
        return [
            "\(counted(rejected, "row")) further ahead of the clock than maxFutureSkew did not "
                + "move the watermark and went into no window; "
                + (place ?? "give watermark.rejects a path to keep them") + "."
        ]
    }

    private var clockAdvice: [String] {
        guard let maximum = eventTimeMaxMs else { return [] }
        let (micros, overflow) = maximum.multipliedReportingOverflow(by: 1_000)
        let ahead = micros.subtractingReportingOverflow(SystemTime().nowMicros())
        guard overflow || ahead.overflow || ahead.partialValue > Self.futureMicrosMax else {
            return []
        }
        return [
            "The largest event time is \(humanDuration(micros: ahead.partialValue)) ahead of the "
                + "clock: one such tick makes honest ones late. Set watermark.maxFutureSkew, which "
                + "sets such ticks aside, and run the job on a new checkpoint, or filter them "
                + "before the log."
        ]
    }

    private var lateAdvice: [String] {
        let rowsIn = counters["rowsIn"] ?? 0
        return counters.sorted { $0.key < $1.key }.compactMap { name, late in
            guard name.hasPrefix("rowsLate."), late > 0, rowsIn > 0, late * 100 > rowsIn else {
                return nil
            }
            let query = String(name.dropFirst("rowsLate.".count))
            let path = job.queries.first { $0.name == query }?.latePath
            return "\(late * 100 / rowsIn) % of the rows were too late for \(query): a larger "
                + "delayThreshold would keep them; "
                + (path.map { "they are in \($0)." } ?? "its late.path would tell which they are.")
        }
    }
}
