import Columnar
import CommandLine
import ConnectorAPI
import Engine
import Feeds
import JSON
import Jobs
import Storage

/// Tells a user what a run does: a start line, progress, and a summary.
///
/// With `--format json` standard output carries one StreamingQueryProgress object a batch.
final class RunReport {
    private let console: Console
    private let format: ResultFormat
    private let progressLine: ProgressLine?
    private let showsProfile: Bool
    private let job: String
    /// Where messages go as lines with time and level, if they do.
    private let log: ServiceLog?
    private var rowsRead: Int64 = 0
    private var offsetsRead: Int64 = 0
    private var profile = BatchProfile()

    init(
        _ format: ResultFormat, of job: String = "", log: ServiceLog? = nil,
        showsProfile: Bool = false, showsProgress: Bool = true, on console: Console
    ) {
        self.format = format
        self.job = job
        self.log = log
        self.showsProfile = showsProfile
        self.console = console
        progressLine =
            showsProgress && log == nil ? ProgressLine(console: console, time: SystemTime()) : nil
    }

    /// A message, of what kind it is.
    func say(_ event: String, _ text: String) {
        progressLine?.clear()
        guard let log else { return console.say(text) }
        log.write(.info, job: job, event: event, text)
    }

    private func warn(_ event: String, _ text: String) {
        guard let log else { return console.warn(text) }
        log.write(.warning, job: job, event: event, text)
    }

    /// Takes what the engine tells.
    func observe(_ event: EngineEvent) {
        switch event {
        case .started(let start): say("started", Self.text(start))
        case .progress(let progress): show(progress)
        case .began: break
        case .waiting: console.output.flush()
        case .stopped: progressLine?.clear()
        }
    }

    /// Takes how far a feed has filled the log before the run.
    func feedProgressed(_ feed: FeedReport) {
        progressLine?.show("filling the log: \(counted(feed.rows, "row"))")
    }

    /// Says what a feed did, unless it had nothing to do.
    func feedEnded(_ feed: FeedReport?, log: String) {
        progressLine?.clear()
        guard let feed else { return }
        if feed.rows > 0 || feed.malformed > 0 {
            say(
                "fed",
                "\(log): \(counted(feed.rows, "row")) appended"
                    + (feed.resumedFrom == nil ? "" : ", after those of an earlier run"))
        }
        if feed.malformed > 0 {
            warn(
                "rejects", "\(counted(feed.malformed, "row")) did not parse and went to the rejects"
            )
        }
        if feed.gaps > 0 { warn("gaps", gapsText(feed)) }
        for notice in feed.notices { warn("notice", "\(log): \(notice)") }
    }

    /// Ends the feeds that ran beside a run and says what they did.
    ///
    /// - Throws: what the first of them failed with; all of them are ended then.
    func feedsEnded(_ feeds: [FeedRun]) throws {
        let reports = feeds.map { feed in Result { try feed.finish() } }
        for (feed, report) in zip(feeds, reports) {
            feedEnded(try report.get(), log: feed.logPath.string)
        }
    }

    private func show(_ progress: BatchProgress) {
        rowsRead += Int64(progress.numInputRows)
        offsetsRead.addClamped(
            progress.sources.clampedSum { $0.offsets.start.distance(to: $0.offsets.end) })
        profile.add(progress.profile)
        if format == .json {
            console.print(progress.json.text())
            console.output.flush()
        }
        progressLine?.update(
            ProgressLine.State(
                batch: progress.batchId, rows: rowsRead,
                lag: progress.sources.map(\.unread).reduce(.nothing, +).description,
                toRead: (
                    done: offsetsRead, left: progress.sources.clampedSum(\.offsetsBehind)
                ),
                watermarkMs: progress.nextWatermarkMs))
    }

    private static func text(_ start: RunStart) -> String {
        let left = start.unread.description
        let place = offsetsText(start.nextOffsets)
        switch start.recovery {
        case .fresh: return "\(start.name): a new checkpoint, \(left) to read"
        case .resumed:
            return "\(start.name): resumes at batch \(start.nextBatch), \(place), watermark "
                + "\(watermarkText(start.watermarkMs)); \(left) to read"
        case .rerun:
            return "\(start.name): runs batch \(start.nextBatch) again, which was not committed, "
                + "from \(place)"
        }
    }

    private static func offsetsText(_ offsets: [SourceOffsets]) -> String {
        (offsets.count == 1 && offsets[0].only != nil ? "offset " : "offsets ")
            + offsets.map { $0.only.map { groupedCount($0) } ?? $0.text }.joined(separator: " | ")
    }

    private static func watermarkText(_ ms: Int64) -> String {
        ms == 0 ? "not yet set" : timestampText(ms: ms)
    }

    /// From now on a reader that goes away (`| head`) stops the run as a signal does: what is not
    /// done then is not taken for done.
    func stopWhenUnread() {
        console.output.setWhenClosed { [console] in
            console.say("nobody reads the output any more: stopping after this batch")
            stopSignal.request()
        }
    }

    /// The summary of a run, and where its results are.
    func finish(_ summary: RunSummary, session: JobSession) throws {
        progressLine?.clear()
        let name = session.job.name
        for notice in session.inputs.flatMap({ $0.notices() }) {
            warn("notice", "\(name): \(notice)")
        }
        guard summary.batches > 0 else {
            say(
                "ended",
                "\(name): nothing new in "
                    + session.job.sources.map(\.path).joined(separator: ", ")
                    + " since \(Self.offsetsText(summary.nextOffsets))"
                    + (summary.lastBatch.map { " (batch \($0))" } ?? ""))
            for open in summary.openWindows where !summary.wasStopped { say(open) }
            return
        }
        let seconds = Double(summary.elapsedNanos) / 1e9
        var parts = [
            counted(Int64(summary.batches), "batch", plural: "batches"),
            "\(counted(Int64(summary.rowsIn), "row")) in",
            "\(counted(Int64(summary.rowsOut), "row")) out",
        ]
        if summary.rowsLate > 0 { parts.append("\(groupedCount(Int64(summary.rowsLate))) late") }
        if summary.rowsMalformed > 0 {
            parts.append("\(groupedCount(Int64(summary.rowsMalformed))) malformed")
        }
        if summary.rowsBeyondSkew > 0 {
            parts.append("\(groupedCount(Int64(summary.rowsBeyondSkew))) ahead of the clock")
        }
        parts.append("watermark \(Self.watermarkText(summary.watermarkMs))")
        parts.append(humanDuration(micros: Int64(seconds * 1e6)))
        if summary.rowsIn > 0, seconds > 0 {
            parts.append(humanRate(Double(summary.rowsIn) / seconds))
        }
        say("ended", "\(name): " + parts.joined(separator: ", "))
        let outside = session.job.queries.flatMap(\.sinks).filter(\.isOutside).map(\.summary)
        let paths = try session.outputPaths().map(\.string) + outside
        if !paths.isEmpty { say("results", "\(name): results in " + paths.joined(separator: ", ")) }
        for open in summary.openWindows where !summary.wasStopped { say(open) }
        if showsProfile { sayProfile() }
    }

    /// What is not among the results yet, because nobody knows that no more ticks come.
    private func say(_ open: OpenWindows) {
        let end = timestampText(ms: floorDivide(open.lastEnd.micros, 1_000))
        say(
            "open",
            "\(open.query): \(counted(Int64(open.count), "window")) still open (the last ends \(end)); "
                + "run with --close to emit what they hold")
    }

    /// Where the time of the batches went: what all threads spent in each stage, and its share of
    /// the time that passed.
    private func sayProfile() {
        let line = { (stage: String, busy: UInt64, wall: UInt64) in
            let share = 100 * Double(wall) / max(1, Double(self.profile.wallTotal))
            let cells = [
                tenths(Double(busy) / 1e6), tenths(Double(wall) / 1e6), tenths(share) + " %",
            ]
            let columns = cells.map { String(repeating: " ", count: max(1, 12 - $0.count)) + $0 }
            let name = stage + String(repeating: " ", count: max(0, 12 - stage.count))
            return name + columns.joined()
        }
        console.say("stage            busy ms     wall ms       share")
        for stage in BatchProfile.Stage.allCases {
            console.say(line(stage.rawValue, profile.busy(stage), profile.wall(stage)))
        }
        console.say(line("batches", profile.busyTotal, profile.wallTotal))
    }
}

/// A number that is not negative, with one digit after the point.
private func tenths(_ value: Double) -> String {
    let tenths = Int64((value * 10).rounded())
    return "\(tenths / 10).\(tenths % 10)"
}
