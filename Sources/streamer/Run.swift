import Columnar
import CommandLine
import ConnectorAPI
import Engine
import Expressions
import Jobs

/// `streamer run`: reads the job's log and publishes until done or stopped.
let runVerb = Verb(
    name: "run",
    summary: "run a job: fill its log from its feed, read the log, publish results",
    details: """
        A run goes on where the last one stopped: offsets, watermark and open windows are in the
        job's checkpoint. The first Ctrl-C finishes the batch and commits it, the second aborts; a
        batch that was aborted is run again by the next run, with the same result. A SIGTERM ends the
        run as the first Ctrl-C does, with exit code 0.
        Several jobs run side by side, each with its own checkpoint. One that fails leaves the others
        running; the exit code says so in the end.
        Standard output carries what the job's console sinks print, or, with --format json, one
        StreamingQueryProgress object for each batch.
        """,
    positionals: [.list("JOB", "the job files; several run side by side in one process")],
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
        .choice(
            "log-format", ServiceLog.Format.allCases.map(\.rawValue),
            "report by lines with time and level, one a minute at least, as a service does",
            environment: "STREAMER_LOG_FORMAT"),
        .text("wait-lock", "TIME", "wait so long for who holds the checkpoint or log: 60s"),
        .flag("profile", "say at the end where the time went, stage by stage"),
        .flag("watch", "draw the candles in the terminal while the job runs; q quits"),
    ] + servingOptions,
    examples: [
        "streamer run jobs/ohlcv.json",
        "streamer run jobs/live.json --trigger 1s --max-batches 60",
        "streamer run jobs/live.json jobs/equity.json --log-format json --wait-lock 60s",
        "streamer run jobs/ohlcv.json --available-now --format json | jq .processedRowsPerSecond",
        "streamer run jobs/live.json --serve 8050", "streamer run jobs/live.json --watch",
    ],
    body: runJob)

private func runJob(_ arguments: Arguments, _ console: Console) throws -> ExitCode {
    try arguments.requireAtMostOne(of: "available-now", "once", "trigger")
    try arguments.requireAtMostOne(of: "assume-published", "assume-unpublished")
    let jobs = try arguments.list("JOB").map(loadJob)
    let log = arguments.text("log-format").flatMap { ServiceLog.Format(rawValue: $0) }
        .map { ServiceLog($0, on: console) }
    let runs = try jobs.map { job in
        try JobRun(job, arguments, log, isOnly: jobs.count == 1, on: console)
    }
    return try runs.count == 1 ? runs[0].run() : runSideBySide(runs, on: console)
}

extension Arguments {
    /// When batches run: as the options say, else as the job says.
    func trigger(fallback: TriggerSpec) throws -> TriggerSpec {
        if has("available-now") { return .availableNow }
        if has("once") { return .once }
        guard let text = text("trigger") else { return fallback }
        guard let micros = try? parseInterval(text).fixedMicros, micros >= 0 else {
            throw fault("--trigger takes an interval such as '1 second' or 500ms, not '\(text)'")
        }
        return .processingTime(intervalMs: micros / 1_000)
    }

    /// What the user says of a batch whose outcome a sink cannot find out.
    var assumption: Assumption? {
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
