import Checkpoints
import Columnar
import CommandLine
import Expressions
import Jobs
import KeyedState
import Operators
import Storage

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
    var sources: [SourceFacts]
    var watermarks: [WatermarkFacts]
    var batches: Int64 = 0
    var isUncommitted = false
    /// The watermark the next batch runs with, ms; 0 is none.
    var watermarkMs: Int64 = 0
    var counters: [String: Int64] = [:]
    var open: [OpenQuery] = []

    init(_ place: CheckpointPlace) throws {
        let planned = try recordedJob(of: place)
        job = planned.job
        checkpoint = place.path
        engine = try place.reader.engine()
        let before = try job.sources.map { try SourceFacts($0, checkpoint: place.path) }
        SystemTime().sleep(nanos: Self.watchNanos)
        sources = try zip(job.sources, before).map { source, before in
            var facts = try SourceFacts(source, checkpoint: place.path)
            facts.rowsComing = facts.offsets.upperBound - before.offsets.upperBound
            return facts
        }
        let plan = planned.plan
        watermarks = plan.watermarks.enumerated().map { index, watermark in
            WatermarkFacts(
                name: watermark.name, spec: watermark.spec,
                sources: plan.sources.indices.filter { plan.sources[$0].watermark == index })
        }

        guard let newest = try place.reader.plannedBatches().last else { return }
        let committed = try place.reader.committedBatches().last
        let offsets = try place.reader.offsets(newest)
        batches = newest.number + 1
        isUncommitted = committed != newest
        for index in sources.indices {
            sources[index].nextOffset = offsets.logOffsets(of: sources[index].name)?.upperBound ?? 0
        }
        watermarkMs = offsets.watermarkMs
        guard let committed else { return }
        let commit = try place.reader.commit(committed)
        watermarkMs = max(watermarkMs, commit.nextWatermarkMs)
        counters = commit.counters
        for index in watermarks.indices {
            watermarks[index].ownMs = commit.watermarkMaximaMs[watermarks[index].name]
        }
        for query in plan.queries where query.outputMode != .complete && query.isWatermarked {
            let states = QueryState.all(of: query)
            guard let own = states.first(where: { $0.state.name == nil }) else { continue }
            _ = try own.restore(from: place, after: committed)
            let deadlines = own.operation.deadlines
            open.append(
                OpenQuery(
                    name: query.name, groups: own.state.table.count,
                    firstEndMicros: deadlines?.lowerBound.micros,
                    lastEndMicros: deadlines?.upperBound.micros))
        }
    }

    /// ` of NAME` in a job that names its sources.
    private func whose(_ name: String) -> String { job.hasNamedSources ? " of \(name)" : "" }

    /// What was found, line by line.
    var findings: [(String, String)] {
        var lines = [
            ("job", "\(job.name), checkpoint \(checkpoint)"),
            ("engine", engine.map { "running: \($0)" } ?? "not running"),
            ("batches", "\(batches)\(isUncommitted ? ", the last one not committed" : "")"),
        ]
        for source in sources {
            let whose = whose(source.name)
            lines += [
                (
                    "\(source.word)\(whose)",
                    "\(source.path): offsets \(groupedCount(source.offsets.lowerBound)) to "
                        + groupedCount(source.offsets.upperBound)
                ),
                ("\(source.word)\(whose) grows", source.growth),
                ("not read yet\(whose)", source.unread),
            ]
        }
        for watermark in watermarks {
            // A watermark over all sources is nobody's own.
            let whose = job.watermark == nil ? whose(watermark.name) : ""
            lines += [
                (
                    "largest event time\(whose)",
                    watermark.eventTimeMaxMs.map { timestampText(ms: $0) } ?? "-"
                ),
                (
                    "delay\(whose)",
                    humanDuration(micros: watermark.spec.delayThresholdMs * 1_000)
                ),
            ]
        }
        if watermarks.isEmpty {
            lines += [("largest event time", "-"), ("delay", "no watermark")]
        }
        lines += [
            ("watermark", watermarkMs == 0 ? "-" : timestampText(ms: watermarkMs))
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

    /// What follows from it, as sentences; never none.
    var advice: [String] {
        var sentences: [String] = []
        if isUncommitted, engine == nil {
            sentences.append(
                "The last batch was not committed: the next run does it again, with the same "
                    + "result. Run the job.")
        }
        if engine == nil, let left = sources.first(where: { !$0.isRead }) {
            let unread = sources.filter { !$0.isRead }.map { "\($0.unread)\(whose($0.name))" }
            sentences.append(
                "\(unread.joined(separator: " and ")) of the \(left.word)"
                    + "\(sources.count > 1 ? "s" : "") are not read yet and no engine is running: "
                    + "run the job.")
        }
        if watermarks.isEmpty {
            sentences.append(
                "The job has no watermark: windows never close; add \"watermark\" to the job.")
        }
        sentences += open.compactMap(advice)
        sentences += slowestAdvice + idleAdvice + clockAdvice + rejectsAdvice + lateAdvice
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
        let needed = watermarks.filter { ($0.ownMs ?? 0) < Self.ceilMs(end) }.map { watermark in
            let delay = watermark.spec.delayThresholdMs * 1_000
            let (needed, beyond) = end.addingReportingOverflow(delay)
            return "\(beyond ? "never" : formatTimestamp(micros: needed)) or later"
                + (watermarks.count > 1 ? whose(watermark.name) : "")
        }
        let ticks = needed.joined(separator: isSlowestInForce ? " and one of " : " or one of ")
        return "\(query.name): the first open window ends at \(endText); a tick with an event time "
            + "of \(ticks) closes it, in the batch after the one that reads it."
    }

    private static func ceilMs(_ micros: Int64) -> Int64 {
        micros / 1_000 + (micros % 1_000 > 0 ? 1 : 0)
    }

    private var isSlowestInForce: Bool { job.options.multipleWatermarkPolicy == .min }

    /// Which of several watermarks holds the others back.
    private var slowestAdvice: [String] {
        guard watermarks.count > 1, isSlowestInForce, open.contains(where: { $0.groups > 0 }),
            let slowest = watermarks.min(by: { ($0.ownMs ?? 0) < ($1.ownMs ?? 0) }),
            watermarks.contains(where: { ($0.ownMs ?? 0) > (slowest.ownMs ?? 0) })
        else { return [] }
        let others = watermarks.filter { $0.name != slowest.name }.map { watermark in
            "\(watermark.name) \(watermark.ownMs.map { timestampText(ms: $0) } ?? "no row")"
        }
        return [
            "The watermark is that of the slowest source, \(slowest.name): "
                + (slowest.ownMs.map { "it stands at \(timestampText(ms: $0))" }
                    ?? "it has had no row yet, which counts as 1970")
                + ", against \(others.joined(separator: ", "))."
        ]
    }

    /// What logs that do not grow mean for what is open.
    private var idleAdvice: [String] {
        guard open.contains(where: { $0.groups > 0 }) else { return [] }
        return watermarks.compactMap { watermark in
            // A tick of the future is the reason then; to wait for no further one would not help.
            guard watermark.sources.allSatisfy({ sources[$0].isSilent }),
                aheadMicros(watermark) == nil
            else { return nil }
            // Of several watermarks, those that others wait for hold windows open.
            let isHeld = watermarks.contains { ($0.ownMs ?? 0) < (watermark.ownMs ?? 0) }
            if isSlowestInForce && isHeld { return nil }
            let isUnion = job.watermark == nil && watermarks.count > 1
            let word = watermark.sources.first.map { sources[$0].word } ?? "log"
            let log = isUnion ? "\(word)\(whose(watermark.name))" : word
            let place = isUnion ? "its watermark" : "watermark"
            guard let timeout = watermark.spec.idleTimeoutMs else {
                return
                    "The \(log) does not grow and only event times move the watermark, so that an "
                    + "idle source holds it back, as in Spark: open windows wait for the next tick. "
                    + "With \(place).idleTimeout they would close without one."
            }
            return "The \(log) does not grow: after \(humanDuration(micros: timeout * 1_000)) "
                + "without a tick (idleTimeout) a run "
                + (isUnion ? "goes by the other sources." : "closes what is open.")
        }
    }

    /// What became of rows that were too far ahead of the clock.
    private var rejectsAdvice: [String] {
        guard let rejected = counters["rowsRejected"], rejected > 0 else { return [] }
        let paths = watermarks.compactMap(\.spec.rejectsPath)
        let place =
            paths.isEmpty ? nil : "\(Self.are(rejected)) in \(paths.joined(separator: ", "))"
        return [
            "\(counted(rejected, "row")) further ahead of the clock than maxFutureSkew did not "
                + "move the watermark and went into no window; "
                + (place ?? "give watermark.rejects a path to keep such rows") + "."
        ]
    }

    private var clockAdvice: [String] {
        watermarks.compactMap { watermark in
            guard let ahead = aheadMicros(watermark) else { return nil }
            let whose = job.watermark == nil ? whose(watermark.name) : ""
            return "The largest event time\(whose) is \(humanDuration(micros: ahead)) "
                + "ahead of the clock: one such tick makes honest ones late. Set "
                + "watermark.maxFutureSkew, which sets such ticks aside, and run the job on a new "
                + "checkpoint, or filter them before the log."
        }
    }

    /// How far a watermark's largest event time is ahead of the clock, µs; `nil` when it is not, or
    /// by no more than clocks differ.
    private func aheadMicros(_ watermark: WatermarkFacts) -> Int64? {
        guard let maximum = watermark.eventTimeMaxMs else { return nil }
        let (micros, overflow) = maximum.multipliedReportingOverflow(by: 1_000)
        let ahead = micros.subtractingReportingOverflow(SystemTime().nowMicros())
        if overflow || ahead.overflow { return .max }
        return ahead.partialValue > Self.futureMicrosMax ? ahead.partialValue : nil
    }

    private static func are(_ rows: Int64) -> String { rows == 1 ? "it is" : "they are" }

    private var lateAdvice: [String] {
        let rowsIn = counters["rowsIn"] ?? 0
        return counters.sorted { $0.key < $1.key }.compactMap { name, late in
            guard name.hasPrefix("rowsLate."), late > 0, rowsIn > 0, late * 100 > rowsIn else {
                return nil
            }
            let query = String(name.dropFirst("rowsLate.".count))
            let path = job.queries.first { $0.name == query }?.latePath
            return "\(late * 100 / rowsIn) % of the rows were too late for \(query): a larger "
                + "delayThreshold would keep such rows; "
                + (path.map { "\(Self.are(late)) in \($0)." }
                    ?? "its late.path would tell which they are.")
        }
    }
}

/// What is known of a watermark: the job's, or a source's.
private struct WatermarkFacts {
    let name: String
    let spec: WatermarkSpec
    /// The sources whose rows move it.
    let sources: [Int]
    /// Where it stands by itself, ms; `nil` before the first row.
    var ownMs: Int64?

    /// The largest event time that was read, ms.
    var eventTimeMaxMs: Int64? {
        ownMs.map { own in
            let (time, overflow) = own.addingReportingOverflow(spec.delayThresholdMs)
            return overflow ? .max : time
        }
    }
}
