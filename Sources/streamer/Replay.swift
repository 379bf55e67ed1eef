import Checkpoints
import Columnar
import CommandLine
import ConnectorAPI
import Engine
import Jobs
import Storage
import TickLog

/// `streamer replay`: reprocesses the log, or what follows a checkpoint.
let replayVerb = Verb(
    name: "replay",
    summary: "process the log again, from a checkpoint or from its start",
    details: """
        With --from-checkpoint, state, watermark and offsets of the last commit (or of batch N) are
        restored, what follows is run again with the recorded boundaries, files that were already
        published are compared byte for byte, and the run goes on to the end of the log.
        Without it the log is processed from its start (or --from) into fresh outputs.
        Without JOB the job recorded in the only checkpoint is taken.
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
    ],
    examples: [
        "streamer replay --from-checkpoint",
        "streamer replay jobs/ohlcv.json --from-checkpoint --batch 3 --verify",
        "streamer replay jobs/ohlcv.json --from 2026-01-05T14:30:00Z --into again",
    ],
    body: replayJob)

private func replayJob(_ arguments: Arguments, _ console: Console) throws -> ExitCode {
    let (job, place) = try arguments.replayedJob()
    if arguments.has("from-checkpoint") {
        // Opening an engine would make a checkpoint that is not there, and tables with it.
        try enterProject(of: place ?? CheckpointPlace(of: job), job)
        return try replayFromCheckpoint(job, arguments, console)
    }
    if arguments.has("verify") || arguments.text("batch") != nil {
        throw arguments.fault("--batch and --verify go with --from-checkpoint")
    }
    return try replayFromLog(job, recordedIn: place, arguments, console)
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

/// Processes the log anew into a folder of its own.
private func replayFromLog(
    _ job: Job, recordedIn place: CheckpointPlace?, _ arguments: Arguments, _ console: Console
) throws -> ExitCode {
    var folder = try Path(arguments.text("into") ?? "replay")
    if let place {
        folder = try POSIXFileSystem.absolute(folder)
        try enterProject(of: place, job)
    }
    let session = try JobSession(
        job, into: folder, showsConsole: arguments.format != .json, isBounded: true, on: console)
    for sink in job.queries.flatMap(\.sinks) where sink.isOutside {
        console.warn("left out, since a replay writes to its folder alone: \(sink.summary)")
    }
    let report = RunReport(arguments.format, on: console)
    let ranges = try arguments.ranges(of: session)
    try requireFresh(session.checkpointPlace(), job, for: ranges, in: folder)
    var limits = RunLimits()
    limits.untilOffsets = ranges.map(\.end)
    var sources = session.inputs
    var trigger = TriggerSpec.availableNow
    if let speed = try arguments.speed() {
        let times = try zip(job.sources, ranges).compactMap { source, range in
            guard let log = try source.openedLog(), let range = range.only else {
                throw arguments.fault(
                    "--speed is for logs; files of a directory have no times of arrival")
            }
            return try log.firstTime(in: range)
        }
        let first = times.min() ?? 0
        sources = sources.map {
            PacedSource($0, firstMicros: first, speed: speed, time: SystemTime())
        }
        trigger = .processingTime(intervalMs: 0)
    }
    return try session.withEngine(
        over: sources, threads: arguments.count("threads"),
        startingOffsets: ranges.map { .at($0.start) }, observe: report.observe
    ) { try finishReplay($0, trigger, limits, arguments, session, report) }
}

/// Refuses a folder in which other rows have been replayed already.
///
/// What is asked for would be mixed with them. A replay that was interrupted goes on.
private func requireFresh(
    _ place: CheckpointPlace, _ job: Job, for ranges: [OffsetRange], in folder: Path
) throws {
    guard let first = try place.reader.plannedBatches().first,
        let last = try place.reader.plannedBatches().last
    else { return }
    let (begin, end) = (try place.reader.offsets(first), try place.reader.offsets(last))
    for (source, range) in zip(job.sources, ranges) {
        let begun = first.number == 0 ? begin.offsets(of: source.name)?.start : nil
        let read = end.offsets(of: source.name)?.end
        if begun == range.start, let read, range.end.hasReached(read) { continue }
        let whose = job.sources.count > 1 ? " of \(source.name)" : ""
        throw UsageError(
            "\(folder) has a replay of other rows\(whose) already, from offset "
                + "\(begun?.text ?? "unknown") to \(read?.text ?? "unknown"), not \(range.start) "
                + "to \(range.end); name another folder with --into, or remove this one",
            verb: "replay")
    }
}

private func finishReplay(
    _ engine: MicroBatchEngine, _ trigger: TriggerSpec, _ limits: RunLimits,
    _ arguments: Arguments, _ session: JobSession, _ report: RunReport
) throws -> ExitCode {
    var limits = limits
    limits.maxBatches = arguments.count("max-batches").map { Int(clamping: $0) }
    // What is replayed was recorded: after its end nothing more comes.
    limits.sourceIsComplete = true
    limits.feedsHaveEnded = true
    handleStopSignals()
    report.stopWhenUnread()
    let summary = try engine.run(trigger: trigger, limits: limits) { stopSignal.isRequested }
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

    /// The offsets between `--from` and `--to` in each source.
    fileprivate func ranges(of session: JobSession) throws -> [OffsetRange] {
        let (from, to) = (try position("from"), try position("to"))
        for (name, position) in [("from", from), ("to", to)] where session.inputs.count > 1 {
            guard case .offset = position else { continue }
            throw fault(
                "--\(name) takes a time for a job with several sources: each has offsets of its own"
            )
        }
        return try zip(session.job.sources, session.inputs).map { source, input in
            if source.spec.canBeLive, let log = try source.openedLog() {
                return OffsetRange(only: try log.range(from: from, to: to))
            }
            guard from == nil, to == nil else {
                throw fault("--from and --to are for logs; a directory of files is read whole")
            }
            return OffsetRange(from: try input.earliest(), to: try input.latest())
        }
    }

    /// How many times as fast as it was event time passes; `nil` is as fast as possible.
    fileprivate func speed() throws -> Double? {
        guard let text = text("speed"), text != "max" else { return nil }
        guard text.hasSuffix("x"), let speed = Double(text.dropLast()), speed > 0, speed.isFinite
        else { throw fault("--speed takes max or a multiple such as 1x or 10x, not '\(text)'") }
        return speed
    }
}

extension TickLogReader {
    /// The event time (µs) of the first row of a range that has one.
    fileprivate func firstTime(in range: Range<Int64>) throws -> Int64? {
        for plan in try plan(range) {
            if let time = try plan.load().timeMin { return time }
        }
        return nil
    }
}
