import Columnar
import CommandLine
import ConnectorAPI
import Engine
import Feeds
import Jobs
import Serving
import Storage

/// One run of a job by `streamer run`.
final class JobRun: Sendable {
    let job: Job
    private let arguments: Arguments
    private let trigger: TriggerSpec
    private let limits: RunLimits
    private let serving: ServingOptions?
    /// Whether a screen shows its candles.
    private let isWatched: Bool
    private let log: ServiceLog?
    /// Whether the process has no other job.
    private let isOnly: Bool
    private let console: Console

    /// A run that has not begun.
    ///
    /// - Throws: when the options do not fit the job.
    init(
        _ job: Job, _ arguments: Arguments, _ log: ServiceLog?, isOnly: Bool, on console: Console
    ) throws {
        self.job = job
        self.arguments = arguments
        self.log = log
        self.isOnly = isOnly
        self.console = console
        trigger = try arguments.trigger(fallback: job.trigger)
        limits = try arguments.runLimits()
        serving = try arguments.serving()
        if serving != nil, !isOnly {
            throw arguments.fault("a page shows one job; --serve goes with one JOB")
        }
        isWatched = arguments.has("watch")
        if isWatched { try Self.checkScreen(arguments, log, isOnly: isOnly, console) }
        if limits.closesWindows, trigger != .availableNow {
            throw arguments.fault(
                "--close closes windows when everything is read, which only trigger availableNow "
                    + "says; add --available-now")
        }
    }

    /// - Throws: a mistake when there is no terminal to draw on, or something else writes there.
    private static func checkScreen(
        _ arguments: Arguments, _ log: ServiceLog?, isOnly: Bool, _ console: Console
    ) throws {
        guard isOnly else {
            throw arguments.fault("a screen shows one job; --watch goes with one JOB")
        }
        guard log == nil, arguments.format != .json else {
            throw arguments.fault("--watch draws on the terminal, where nothing else is written")
        }
        guard console.output.isTerminal else {
            throw arguments.fault("--watch needs a terminal as standard output")
        }
    }

    /// Runs until done or stopped.
    ///
    /// - Throws: what the job failed with.
    func run() throws -> ExitCode {
        let format = arguments.format
        let report = RunReport(
            format, of: job.name, log: log, showsProfile: arguments.has("profile"),
            showsProgress: isOnly && !isWatched, on: console)
        do {
            return try run(format, report)
        } catch {
            guard let log else { throw error }
            log.write(.error, job: job.name, event: "failed", "\(error)")
            return exitCode(of: error)
        }
    }

    private func run(_ format: ResultFormat, _ report: RunReport) throws -> ExitCode {
        try LockWait(arguments).wait(for: locks()) { report.say("waiting", $0) }
        if isOnly { handleStopSignals(announcing: log == nil && !isWatched) }
        guard try trigger.isBounded || logsAreThere(report) else { return stoppedExitCode }
        let session = try JobSession(
            job, showsConsole: format != .json && !isWatched, isBounded: trigger.isBounded,
            on: console, serving: serving, isWatched: isWatched)
        let page = try session.servePage(serving)
        if let page { say(page, on: console) }
        return try endingPage(page) {
            try WatchScreen.during(job.name, session.screenHub, on: console) {
                try run(session, report)
            }
        }
    }

    /// Runs the engine of a session until it is done or stopped.
    private func run(_ session: JobSession, _ report: RunReport) throws -> ExitCode {
        let notifier = SystemdNotifier(environment: processEnvironment)
        var status = ServiceStatus(session)
        return try session.withEngine(
            threads: arguments.count("threads"), assume: arguments.assumption,
            observe: { event in
                if case .progress(let progress) = event { status.note(progress) }
                report.observe(event)
            }
        ) { engine in
            report.stopWhenUnread()
            try session.storeRetention()
            let feeds = try session.feedRuns()
            var limits = limits
            if trigger.isBounded {
                let ended = try fillLogs(feeds, report)
                limits.sourceIsComplete = ended == job.sources.count
                limits.feedsHaveEnded = ended == feeds.count && trigger == .availableNow
            } else {
                for feed in feeds { try feed.start() }
            }
            notifier.isReady()
            let summary = try engine.run(trigger: trigger, limits: limits) {
                notifier.isAlive()
                session.beat()
                if let log { status.writeIfDue(to: log, notifier) }
                return stopSignal.isRequested || feeds.contains(where: \.hasFailed)
            }
            notifier.isStopping()
            session.finishConsole()
            if !trigger.isBounded { try report.feedsEnded(feeds) }
            try report.finish(summary, session: session)
            guard summary.rowsIn > 0 || summary.rowsMalformed == 0 else {
                throw NoneParsed(records: summary.rowsMalformed)
            }
            return summary.wasStopped ? stoppedExitCode : .done
        }
    }

    /// Waits for the logs that others make; false when the wait was stopped.
    private func logsAreThere(_ report: RunReport) throws -> Bool {
        var isSaid = false
        let time = SystemTime()
        while let source = try job.sources.first(where: { try $0.feed == nil && $0.lacksLog() }) {
            if !isSaid {
                report.say(
                    "waiting",
                    "\(job.name): there is no log in \(source.path) yet; waiting until somebody makes "
                        + "it, as 'streamer log append' does")
                isSaid = true
            }
            if stopSignal.isRequested { return false }
            time.sleep(nanos: 100_000_000)
        }
        return true
    }

    /// The locks that the run takes.
    private func locks() throws -> [Path] {
        var locks = [try Path(job.checkpointLocation).appending("LOCK")]
        for source in job.sources where source.feed != nil {
            if let path = source.spec.tickLog { locks.append(try Path(path).appending("LOCK")) }
        }
        return locks
    }

    /// Fills the logs before a run that reads what is there; how many feeds came to their end.
    private func fillLogs(
        _ feeds: [FeedRun], _ report: RunReport
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
}

/// A run that has read records, of which none is a row.
private struct NoneParsed: Error, CustomStringConvertible {
    let records: Int

    var description: String {
        "none of \(counted(Int64(records), "record")) parses; correct the columns or the records, then "
            + "clear the job and run it anew"
    }
}
