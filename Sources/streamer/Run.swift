import Columnar
import CommandLine
import ConnectorAPI
import Engine
import Expressions
import Feeds
import Jobs
import Storage
import TickLog

/// `streamer run`: reads the job's log and publishes until done or stopped.
let runVerb = Verb(
    name: "run",
    summary: "run a job: fill its log from its feed, read the log, publish results",
    details: """
        A run goes on where the last one stopped: offsets, watermark and open windows are in the
        job's checkpoint. The first Ctrl-C finishes the batch and commits it, the second aborts; a
        batch that was aborted is run again by the next run, with the same result.
        Standard output carries what the job's console sinks print, or, with --format json, one
        StreamingQueryProgress object for each batch.
        """,
    positionals: [.required("JOB", "the job file")],
    options: [
        .flag("available-now", "read what is there at the start, in batches, then stop"),
        .flag("once", "read what is there at the start in one batch, then stop"),
        .text("trigger", "INTERVAL", "a batch at every multiple of this time, until stopped: 1s"),
        .count("max-batches", "stop after this many batches", from: 1),
        .text("until", "TIME", "read no tick from this event time on, and stop there"),
        .flag("close", "close the windows that are open when everything is read"),
        .count(
            "threads", "threads to use; the results do not depend on it", from: 1,
            environment: "STREAMER_THREADS"),
        .choice(
            "format", ["table", "json"], "how to report: json is one progress object a batch",
            fallback: "table", environment: "STREAMER_FORMAT"),
        .flag(
            "assume-published",
            "take batches that a sink outside has, and this checkpoint does not know of, for its own"
        ),
        .flag(
            "assume-unpublished",
            "take a batch whose outcome a sink outside cannot tell for not published"),
        .flag("profile", "say at the end where the time went, stage by stage"),
    ] + servingOptions,
    examples: [
        "streamer run jobs/ohlcv.json",
        "streamer run jobs/live.json --trigger 1s --max-batches 60",
        "streamer run jobs/ohlcv.json --available-now --format json | jq .processedRowsPerSecond",
        "streamer run jobs/live.json --serve 8050",
    ],
    body: runJob)

private func runJob(_ arguments: Arguments, _ console: Console) throws -> ExitCode {
    try arguments.requireAtMostOne(of: "available-now", "once", "trigger")
    try arguments.requireAtMostOne(of: "assume-published", "assume-unpublished")
    let job = try loadJob(arguments.word("JOB"))
    let trigger = try arguments.trigger(fallback: job.trigger)
    let limits = try arguments.runLimits()
    if limits.closesWindows, trigger != .availableNow {
        throw arguments.fault(
            "--close closes windows when everything is read, which only trigger availableNow says; "
                + "add --available-now")
    }
    handleStopSignals()
    guard try trigger.isBounded || logsAreThere(job, console) else { return .interrupted }
    let format = arguments.format
    let serving = try arguments.serving()
    let session = try JobSession(
        job, showsConsole: format != .json, isBounded: trigger.isBounded, on: console,
        serving: serving)
    let page = try session.servePage(serving)
    if let page { say(page, on: console) }
    let report = RunReport(format, showsProfile: arguments.has("profile"), on: console)
    return try endingPage(page) {
        try runSession(session, trigger, limits, arguments, report)
    }
}

/// Runs the engine of a session until it is done or stopped.
private func runSession(
    _ session: JobSession, _ trigger: TriggerSpec, _ limits: RunLimits, _ arguments: Arguments,
    _ report: RunReport
) throws -> ExitCode {
    let job = session.job
    var limits = limits
    return try session.withEngine(
        threads: arguments.count("threads"), assume: arguments.assumption,
        observe: report.observe
    ) { engine in
        report.stopWhenUnread()
        let feeds = try session.feedRuns()
        if trigger.isBounded {
            let ended = try fillLogs(feeds, arguments, report)
            limits.sourceIsComplete = ended == job.sources.count
            limits.feedsHaveEnded = ended == feeds.count && trigger == .availableNow
        } else {
            for feed in feeds { try feed.start() }
        }
        let summary = try engine.run(trigger: trigger, limits: limits) {
            stopSignal.isRequested || feeds.contains(where: \.hasFailed)
        }
        session.finishConsole()
        if !trigger.isBounded { try report.feedsEnded(feeds) }
        try report.finish(summary, session: session)
        guard summary.rowsIn > 0 || summary.rowsMalformed == 0 else {
            throw NoneParsed(records: summary.rowsMalformed)
        }
        return summary.wasStopped ? .interrupted : .done
    }
}

/// A run that has read records, of which none is a row.
private struct NoneParsed: Error, CustomStringConvertible {
    let records: Int

    var description: String {
        "none of \(counted(Int64(records), "record")) parses; correct the columns or the records, then "
            + "clear the job and run it anew"
    }
}

/// Waits for the logs that others make; false when the wait was stopped.
private func logsAreThere(_ job: Job, _ console: Console) throws -> Bool {
    var isSaid = false
    let time = SystemTime()
    while let source = try job.sources.first(where: { try $0.feed == nil && $0.lacksLog() }) {
        if !isSaid {
            console.say(
                "\(job.name): there is no log in \(source.path) yet; waiting until somebody makes it, "
                    + "as 'streamer log append' does")
            isSaid = true
        }
        if stopSignal.isRequested { return false }
        time.sleep(nanos: 100_000_000)
    }
    return true
}

/// Fills the logs before a run that reads what is there; how many feeds came to their end.
private func fillLogs(
    _ feeds: [FeedRun], _ arguments: Arguments, _ report: RunReport
) throws -> Int {
    guard feeds.allSatisfy(\.isBounded) else {
        throw arguments.fault(
            "the job's feed has no end, so a run that reads what is there never begins; use "
                + "--trigger, or give the feed a number of ticks")
    }
    var ended = 0
    for feed in feeds {
        let filled = try feed.fill(
            shouldStop: { stopSignal.isRequested }, onBatch: report.feedProgressed)
        report.feedEnded(filled, log: feed.logPath.string)
        if filled.reachedEnd { ended += 1 }
    }
    return ended
}

extension Arguments {
    /// When batches run: as the options say, else as the job says.
    fileprivate func trigger(fallback: TriggerSpec) throws -> TriggerSpec {
        if has("available-now") { return .availableNow }
        if has("once") { return .once }
        guard let text = text("trigger") else { return fallback }
        guard let micros = try? parseInterval(text).fixedMicros, micros >= 0 else {
            throw fault("--trigger takes an interval such as '1 second' or 500ms, not '\(text)'")
        }
        return .processingTime(intervalMs: micros / 1_000)
    }

    /// What the user says of a batch whose outcome a sink cannot find out.
    fileprivate var assumption: Assumption? {
        if has("assume-published") { return .published }
        return has("assume-unpublished") ? .unpublished : nil
    }

    /// What ends the run besides the trigger.
    func runLimits() throws -> RunLimits {
        var limits = RunLimits()
        limits.maxBatches = count("max-batches").map { Int(clamping: $0) }
        if let text = text("until") {
            guard let micros = eventTimeMicros(text) else {
                throw fault("--until takes a time such as 2026-01-05T14:30:00Z, not '\(text)'")
            }
            limits.untilTime = EventTime(micros: micros)
        }
        limits.closesWindows = has("close")
        return limits
    }
}
