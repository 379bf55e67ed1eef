import Checkpoints
import Columnar
import CommandLine
import ConnectorAPI
import Engine
import Jobs
import Serving
import Storage

/// `streamer replay`: reprocesses the log, or what follows a checkpoint.
let replayVerb = Verb(
    name: "replay",
    summary: "process the log again, from a checkpoint or from its start",
    details: """
        With --from-checkpoint, state, watermark and offsets of the last commit (or of batch N) are
        restored, what follows is run again with the recorded boundaries, files that were already
        published are compared byte for byte, and the run goes on to the end of the log.
        Without it the log is processed from its start (or --from) into fresh outputs.
        With --serve it is shown on a page that pauses it, changes its speed, and jumps forward; it
        stays after the end, until Ctrl-C. Without JOB the job recorded in the only checkpoint is taken.
        """,
    positionals: [.optional("JOB", "the job file, or a checkpoint's folder for its job")],
    options: [
        .flag("from-checkpoint", "restore the last commit and go on from there"),
        .count("batch", "with --from-checkpoint: restore what was before this batch"),
        .text("from", "OFFSET|TIME", "the first tick to read: an offset or an event time"),
        .text("to", "OFFSET|TIME", "where to stop, not included: an offset or an event time"),
        .text(
            "speed", "1x|max", "how fast event time passes: 1x as it was, 10x ten times, max",
            fallback: "max"),
        .text(
            "into", "DIR", "the folder for lake and checkpoints of a replay of the log",
            fallback: "replay"),
        .flag("verify", "publish nothing: compare with what is published"),
        .count("max-batches", "stop after this many batches", from: 1),
        .count(
            "threads", "threads to use; the results do not depend on it", from: 1,
            environment: "STREAMER_THREADS"),
        .choice(
            "format", ["table", "json"], "how to report: json is one progress object a batch",
            fallback: "table", environment: "STREAMER_FORMAT"),
    ] + servingOptions,
    examples: [
        "streamer replay --from-checkpoint",
        "streamer replay jobs/ohlcv.json --from-checkpoint --batch 3 --verify",
        "streamer replay jobs/ohlcv.json --from 2026-01-05T14:30:00Z --into again",
        "streamer replay jobs/live.json --speed 10x --serve 8050",
    ],
    body: replayJob)

private func replayJob(_ arguments: Arguments, _ console: Console) throws -> ExitCode {
    let (job, place) = try arguments.replayedJob()
    let serving = try arguments.serving()
    if arguments.has("from-checkpoint") {
        guard serving == nil else {
            throw arguments.fault(
                "--serve shows a replay of the log; without --from-checkpoint, or as run JOB --serve"
            )
        }
        // Opening an engine would make a checkpoint that is not there, and tables with it.
        try enterProject(of: place ?? CheckpointPlace(of: job), job)
        return try replayFromCheckpoint(job, arguments, console)
    }
    if arguments.has("verify") || arguments.text("batch") != nil {
        throw arguments.fault("--batch and --verify go with --from-checkpoint")
    }
    return try replayFromLog(job, recordedIn: place, serving, arguments, console)
}

/// Makes the project's folder the current one: the job's paths begin there, wherever this was asked.
private func enterProject(of place: CheckpointPlace, _ job: Job) throws {
    if let project = try ProjectPlace(of: place.path, writtenAs: job.checkpointLocation) {
        try POSIXFileSystem.enter(project.folder)
    }
}

/// Runs recorded batches again and compares, or goes on from the last commit.
private func replayFromCheckpoint(
    _ job: Job, _ arguments: Arguments, _ console: Console
) throws -> ExitCode {
    let session = try JobSession(
        job, showsConsole: arguments.format != .json, isBounded: true, on: console)
    let report = RunReport(arguments.format, on: console)
    return try session.withEngine(
        threads: arguments.count("threads"), observe: report.observe
    ) { engine in
        if let batch = arguments.count("batch") ?? (arguments.has("verify") ? 0 : nil) {
            let found = try engine.verify(from: batch)
            guard show(found, console) else { return .failed }
        }
        guard !arguments.has("verify") else { return .done }
        return try finishReplay(engine, .availableNow, RunLimits(), arguments, session, report)
    }
}

/// Prints what running batches again found; whether all was the same.
private func show(_ found: VerificationReport, _ console: Console) -> Bool {
    guard let batches = found.batches else {
        console.print("no batch is committed yet, so there is nothing to compare")
        return true
    }
    for difference in found.differences { console.print(difference) }
    let range = "batches \(batches.lowerBound) to \(batches.upperBound)"
    if found.differences.isEmpty {
        console.print("\(range): \(counted(Int64(found.identicalFiles), "file")) identical")
    } else {
        console.print(
            "\(range): \(counted(Int64(found.differences.count), "file")) not as published, "
                + "\(groupedCount(Int64(found.identicalFiles))) identical")
    }
    console.output.flush()
    return found.differences.isEmpty
}

/// Processes the log anew into a folder of its own; again and again where a page asks for that.
private func replayFromLog(
    _ job: Job, recordedIn place: CheckpointPlace?, _ serving: ServingOptions?,
    _ arguments: Arguments, _ console: Console
) throws -> ExitCode {
    var folder = try Path(arguments.text("into") ?? "replay")
    if let place {
        folder = try POSIXFileSystem.absolute(folder)
        try enterProject(of: place, job)
    }
    var serving = serving
    while true {
        let replay = try LogReplay(job, into: folder, arguments, console, serving)
        let (code, port) = try replay.run()
        guard let port else { return code }
        // Whoever looks on comes back to the same port.
        serving?.port = port
        try replay.clear()
    }
}

/// Runs a replay's engine to the end of what is replayed.
func finishReplay(
    _ engine: MicroBatchEngine, _ trigger: TriggerSpec, _ limits: RunLimits,
    _ arguments: Arguments, _ session: JobSession, _ report: RunReport,
    shouldStop: () -> Bool = { false }
) throws -> ExitCode {
    var limits = limits
    limits.maxBatches = arguments.count("max-batches").map { Int(clamping: $0) }
    // What is replayed was recorded: after its end nothing more comes.
    limits.sourceIsComplete = true
    limits.feedsHaveEnded = true
    handleStopSignals()
    report.stopWhenUnread()
    let summary = try engine.run(trigger: trigger, limits: limits) {
        session.beat()
        return stopSignal.isRequested || shouldStop()
    }
    session.finishConsole()
    try report.finish(summary, session: session)
    return summary.wasStopped ? .interrupted : .done
}

extension Arguments {
    /// The job named, or the one recorded in a checkpoint: the only one by default.
    fileprivate func replayedJob() throws -> (Job, recordedIn: CheckpointPlace?) {
        let place: CheckpointPlace
        if let word = optionalWord("JOB") {
            guard try machineFiles.info(Path(word))?.kind == .directory else {
                return (try loadJob(word), nil)
            }
            place = try CheckpointPlace(named: word)
        } else {
            place = try CheckpointPlace(verb: verb.name)
        }
        return (try place.recordedJob(), place)
    }
}
