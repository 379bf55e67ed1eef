import Checkpoints
import Columnar
import CommandLine
import ConnectorAPI
import Engine
import Jobs
import Operators
import Serving
import Storage
import TickLog

/// One replay of a job's log into a folder of its own, with a page or without.
struct LogReplay {
    private let job: Job
    private let folder: Path
    private let arguments: Arguments
    private let console: Console
    private let serving: ServingOptions?
    private let session: JobSession
    private let ranges: [OffsetRange]
    /// How fast event time passes; nil for as fast as possible with nobody to change that.
    private let pace: ReplayPace?
    /// Where each source is read from: behind what an interrupted replay has read.
    private let begins: [SourceOffsets]

    /// A replay that has not begun.
    ///
    /// - Throws: when the options do not fit the job, or the folder has a replay of other rows.
    init(
        _ job: Job, into folder: Path, _ arguments: Arguments, _ console: Console,
        _ serving: ServingOptions?
    ) throws {
        self.job = job
        self.folder = folder
        self.arguments = arguments
        self.console = console
        self.serving = serving
        session = try JobSession(
            job, into: folder, showsConsole: arguments.format != .json, isBounded: true,
            on: console, serving: serving)
        for sink in job.queries.flatMap(\.sinks) where sink.isOutside {
            console.warn("left out, since a replay writes to its folder alone: \(sink.summary)")
        }
        ranges = try arguments.ranges(of: session)
        let place = try session.checkpointPlace()
        try requireFresh(place, job, for: ranges, in: folder)
        begins = try Self.begins(of: ranges, job, place)
        pace = try Self.pace(arguments, job, ranges, begins, isServed: serving != nil)
    }

    /// Runs until the end, or until a page asks for a replay that begins anew.
    ///
    /// - Returns: how it ended, and the port of the page where it is to begin anew.
    func run() throws -> (ExitCode, againOn: UInt16?) {
        let page = try session.servePage(serving, pace)
        if let page { say(page, on: console) }
        let code = try endingPage(page) {
            let code = try runEngine()
            guard let page, !stopSignal.isRequested, !isToRestart else { return code }
            stay(on: page)
            return code
        }
        return (code, isToRestart ? page?.port : nil)
    }

    /// Removes what the replay wrote.
    func clear() throws {
        let clearing = try Clearing(ofReplay: session)
        try clearing.refuseWhatCannotBe()
        try clearing.carryOut(console)
    }

    private var isToRestart: Bool { pace?.state.isToRestart ?? false }

    private func runEngine() throws -> ExitCode {
        let report = RunReport(arguments.format, on: console)
        var limits = RunLimits()
        limits.untilOffsets = ranges.map(\.end)
        var sources = session.inputs
        if let pace {
            sources = sources.map { PacedSource($0, pace, time: SystemTime()) }
        }
        return try session.withEngine(
            over: sources, threads: arguments.count("threads"),
            startingOffsets: ranges.map { .at($0.start) },
            observe: { event in
                if case .progress(let batch) = event, let newest = batch.eventTime?.maxMs {
                    pace?.hasRead(upTo: EventTime(Milliseconds(newest)))
                }
                report.observe(event)
            }
        ) {
            try finishReplay(
                $0, pace == nil ? .availableNow : .processingTime(intervalMs: 0), limits,
                arguments, session, report, shouldStop: shouldStop)
        }
    }

    /// Asked between batches, where a pause holds the engine: no batch is planned meanwhile, also none
    /// without rows, so that those that follow are the same as without a pause.
    private func shouldStop() -> Bool {
        while let state = pace?.state, state.isHeld, !state.isToRestart, !stopSignal.isRequested {
            session.beat()
            SystemTime().sleep(nanos: 10_000_000)
        }
        return isToRestart
    }

    /// Keeps the page after the end, for whoever looks at it.
    private func stay(on page: PageService) {
        pace?.end()
        console.say("replayed; the page stays until Ctrl-C: \(page.address)")
        while !stopSignal.isRequested, !isToRestart { SystemTime().sleep(nanos: 20_000_000) }
    }

    // MARK: Where it begins, and how fast it goes

    private static func begins(
        of ranges: [OffsetRange], _ job: Job, _ place: CheckpointPlace
    ) throws -> [SourceOffsets] {
        guard let last = try place.reader.committedBatches().last else {
            return ranges.map(\.start)
        }
        let read = try place.reader.offsets(last)
        return zip(job.sources, ranges).map { read.offsets(of: $0.name)?.end ?? $1.start }
    }

    private static func pace(
        _ arguments: Arguments, _ job: Job, _ ranges: [OffsetRange], _ begins: [SourceOffsets],
        isServed: Bool
    ) throws -> ReplayPace? {
        let speed = try arguments.speed()
        guard speed != nil || isServed else { return nil }
        var first: [Int64] = []
        var last: [Int64] = []
        var moments: [Int64] = []
        for (index, source) in job.sources.enumerated() {
            guard let log = try source.openedLog(), let range = ranges[index].only else {
                guard speed != nil else { return nil }
                throw arguments.fault(
                    "--speed is for logs; files of a directory have no times of arrival")
            }
            let begin = begins[index].only ?? range.lowerBound
            let rest = min(max(begin, range.lowerBound), range.upperBound)..<range.upperBound
            if let time = try log.firstTime(in: range) { first.append(time) }
            if let time = try log.firstTime(in: rest) { moments.append(time) }
            if let time = try log.lastTime(in: range) { last.append(time) }
        }
        let end = EventTime(micros: last.max() ?? 0)
        return ReplayPace(
            from: EventTime(micros: first.min() ?? 0), through: end,
            at: moments.min().map { EventTime(micros: $0) } ?? end, speed: speed,
            time: SystemTime())
    }
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

extension Arguments {
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

    /// The largest event time (µs) of the last rows of a range that have one.
    fileprivate func lastTime(in range: Range<Int64>) throws -> Int64? {
        for plan in try plan(range).reversed() {
            if let time = try plan.load().timeMax { return time }
        }
        return nil
    }
}
