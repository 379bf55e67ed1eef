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
        .text("until", "TIME", "stop when the watermark has reached this event time"),
        .count(
            "threads", "threads to use; the results do not depend on it", from: 1,
            environment: "STREAMER_THREADS"),
        .choice(
            "format", ["table", "json"], "how to report: json is one progress object a batch",
            fallback: "table", environment: "STREAMER_FORMAT"),
    ],
    examples: [
        "streamer run jobs/ohlcv.json",
        "streamer run jobs/live.json --trigger 1s --max-batches 60",
        "streamer run jobs/ohlcv.json --available-now --format json | jq .processedRowsPerSecond",
    ],
    body: runJob)

private func runJob(_ arguments: Arguments, _ console: Console) throws -> ExitCode {
    try arguments.requireAtMostOne(of: "available-now", "once", "trigger")
    throw arguments.fault("the engine is not linked into this build")
}
