import Columnar
import CommandLine
import ConnectorAPI
import Engine
import Feeds
import Glibc
import Jobs
import Serving
import Settings
import Storage
import TickLog

/// A job put together with the parts that run it: its inputs, its plan, its sinks.
final class JobSession: Sendable {
    let job: Job
    let plan: JobPlan
    /// What each source is read from, in the job's order.
    let inputs: [any Source]
    private let madeLogs: MadeLogs
    private let outputFolder: Path?
    private let terminal: ConsoleTerminal?
    private let isBounded: Bool
    /// Where a page takes rows from, when one is served.
    private let pageHub: LiveHub?
    /// Where a screen takes rows from, when somebody watches.
    let screenHub: LiveHub?
    private let console: Console

    /// Opens the job's logs, making those that a feed fills, and plans the job.
    ///
    /// - Parameters:
    ///   - job: the job.
    ///   - outputFolder: a folder for everything the job writes, instead of the current one.
    ///   - showsConsole: whether console sinks print.
    ///   - isBounded: whether the run ends by itself, so that a whole result is printed once.
    ///   - console: where they print.
    ///   - serving: what a page is served with, when one is.
    ///   - isWatched: whether a screen shows its candles.
    /// - Throws: when there is no log and no feed to make it, or the job does not fit its inputs;
    ///   logs that were made are taken away again.
    init(
        _ job: Job, into outputFolder: Path? = nil, showsConsole: Bool, isBounded: Bool,
        on console: Console, serving: ServingOptions? = nil, isWatched: Bool = false
    ) throws {
        self.job = job
        self.outputFolder = outputFolder
        terminal = showsConsole ? ConsoleTerminal(console) : nil
        self.isBounded = isBounded
        self.console = console
        let checkpoint = try Self.place(job.checkpointLocation, in: outputFolder)
        var made = MadeLogs()
        do {
            try Self.makeLogs(of: job, checkpoint: checkpoint, &made)
            inputs = try job.sources.map { try $0.open(checkpoint: checkpoint) }
            plan = try job.plan(inputs.map(\.columns))
        } catch {
            made.takeAway()
            throw error
        }
        madeLogs = made
        pageHub = serving == nil ? nil : try Self.hub(for: plan, in: outputFolder)
        screenHub = isWatched ? try Self.hub(for: plan, in: outputFolder) : nil
    }

    /// Makes the logs that feeds fill and that are not there.
    private static func makeLogs(of job: Job, checkpoint: Path, _ made: inout MadeLogs) throws {
        guard try job.sources.contains(where: { try $0.feed != nil && $0.lacksLog() }) else {
            return
        }
        // Nothing is made for a job that cannot run.
        let columns = try job.sources.map { source in
            guard let feed = source.feed, try source.lacksLog() else {
                return try source.open(checkpoint: checkpoint).columns
            }
            return try Self.columns(of: feed)
        }
        _ = try job.plan(columns)
        try checkCanContinue(
            with: job, columns: columns, at: checkpoint, machineFiles,
            environment: jobVariables)
        for (source, columns) in zip(job.sources, columns) {
            guard let log = source.spec.tickLog, try source.feed != nil && source.lacksLog() else {
                continue
            }
            try made.make(Path(log), columns)
        }
    }

    /// The columns that a feed gives: what its settings say, or what it finds.
    private static func columns(of feed: any FeedSpec) throws -> SourceColumns {
        if let declared = feed.declaredColumns { return declared }
        let opened = try feed.make(feedPlace)
        defer { opened.close() }
        return SourceColumns(schema: opened.schema, timeColumn: opened.eventTime)
    }

    private static var feedPlace: FeedPlace {
        FeedPlace(files: machineFiles, secrets: { jobVariables[$0] })
    }

    /// What fills the logs of the job's sources, where they have feeds.
    func feedRuns() throws -> [FeedRun] {
        let own = try Self.place(job.checkpointLocation, in: outputFolder)
        return try job.sources.compactMap { source in
            guard let feed = source.feed, let log = source.spec.tickLog else { return nil }
            let path = try Path(log)
            var options = FeedRun.Options()
            options.pump.appendDelayMicros = source.spec.logWriting.appendDelayMicros
            options.needed = { try firstOffsetNeeded(ofLog: path, alsoBy: [own]) }
            return FeedRun(feed, logPath: path, Self.feedPlace, options: options)
        }
    }

    /// Leaves with the logs how long the job wants their rows kept, for whoever writes them.
    func storeRetention() throws {
        for source in job.sources {
            guard let log = source.spec.tickLog, source.spec.logWriting.hasRetention else {
                continue
            }
            let writing = source.spec.logWriting
            let wanted = LogRetention(
                ageMicros: writing.retentionAgeMicros, bytes: writing.retentionBytes)
            // One that is damaged is replaced, too.
            if let known = try? LogRetention.read(Path(log), machineFiles), known == wanted {
                continue
            }
            try LogRetention.store(wanted, Path(log), machineFiles)
        }
    }

    /// Opens the engine on the job's checkpoint and works with it.
    ///
    /// A job that fails before its first batch was planned leaves nothing behind that was made for
    /// it: no checkpoint, no table, no log without rows.
    ///
    /// - Parameters:
    ///   - sources: what is read: the job's inputs, or views of them; by default the inputs.
    ///   - threads: how many threads; the job's own number by default.
    ///   - startingOffsets: where a new checkpoint begins; where the job says by default.
    ///   - assume: what the user says of a batch whose outcome a sink cannot find out.
    ///   - observe: told what happens.
    ///   - work: given an engine that holds the checkpoint's lock.
    /// - Returns: what the work gives.
    /// - Throws: when the checkpoint is locked, damaged or of another job, or a table is.
    func withEngine<Result>(
        over sources: [any Source]? = nil, threads: Int64? = nil,
        startingOffsets: [StartingOffsets]? = nil, assume: Assumption? = nil,
        observe: @escaping (EngineEvent) -> Void, _ work: (MicroBatchEngine) throws -> Result
    ) throws -> Result {
        do {
            let engine = try openEngine(over: sources, threads, startingOffsets, assume, observe)
            defer { engine.close() }
            do {
                return try work(engine)
            } catch {
                engine.withdraw()
                throw error
            }
        } catch {
            madeLogs.takeAway()
            throw error
        }
    }

    /// Where a page takes the rows of a job's queries from.
    private static func hub(for plan: JobPlan, in outputFolder: Path?) throws -> LiveHub {
        try LiveHub(
            plan.queries.map { query in
                let table = query.sinks.flatMap(\.directories).first
                return ServedQuery(query, table: try table.map { try place($0, in: outputFolder) })
            })
    }

    private var hubs: [LiveHub] { [pageHub, screenHub].compactMap(\.self) }

    /// Notes for whoever asks after the run's health that the engine's loop turns.
    func beat() { for hub in hubs { hub.beat() } }

    /// Serves the job's page until it is ended; nil when none is wanted.
    func servePage(
        _ options: ServingOptions?, _ replay: ReplayPace? = nil
    ) throws -> PageService? {
        guard let options, let pageHub else { return nil }
        do {
            return try PageService(
                pageHub,
                ServedJob(
                    name: job.name, trigger: job.trigger.text,
                    sources: inputs.map(\.description), version: version,
                    text: job.canonicalText, hasEngine: true, replay: replay),
                options, files: machineFiles)
        } catch {
            madeLogs.takeAway()
            throw error
        }
    }

    private func openEngine(
        over sources: [any Source]?, _ threads: Int64?,
        _ startingOffsets: [StartingOffsets]?, _ assume: Assumption?,
        _ observe: @escaping (EngineEvent) -> Void
    ) throws -> MicroBatchEngine {
        let (console, name) = (console, job.name)
        var engineJob = EngineJob(
            job: job, plan: plan, threads: threadCount(threads), environment: jobVariables,
            run: SinkRun(
                files: machineFiles, terminal: terminal, isBounded: isBounded,
                reachesOutside: outputFolder == nil, secrets: { jobVariables[$0] },
                notice: { console.warn("\(name): \($0)") }, resolve: place))
        engineJob.assume = assume
        if let startingOffsets { engineJob.startingOffsets = startingOffsets }
        let (hubs, openSinks) = (hubs, engineJob.openSinks)
        engineJob.openSinks = { query, checkpointID in
            // Behind the others: what a page shows as final is in the tables by then.
            try openSinks(query, checkpointID) + hubs.compactMap { $0.sink(of: query.name) }
        }
        engineJob.noteRetry = { fault in for hub in hubs { hub.note(fault: fault) } }
        return try MicroBatchEngine(
            job: engineJob, sources: sources ?? inputs,
            checkpointPath: place(job.checkpointLocation),
            files: machineFiles, time: SystemTime(),
            observe: { event in
                for hub in hubs { hub.observe(event) }
                observe(event)
            })
    }

    /// The job's checkpoint, as it is now placed.
    func checkpointPlace() throws -> CheckpointPlace {
        try CheckpointPlace(folder: place(job.checkpointLocation))
    }

    /// The folders that the job writes tables to, as they are now placed.
    func outputPaths() throws -> [Path] {
        try job.tablePaths.map(place)
    }

    /// Prints what console sinks kept for the end.
    func finishConsole() {
        terminal?.finish()
    }

    private func threadCount(_ asked: Int64?) -> Int {
        if let asked { return Int(min(asked, 1_024)) }
        if job.options.threads > 0 { return job.options.threads }
        return max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN)))
    }

    /// Where something of the job lies, under the output folder if there is one.
    @Sendable private func place(_ path: String) throws -> Path {
        try Self.place(path, in: outputFolder)
    }

    private static func place(_ path: String, in outputFolder: Path?) throws -> Path {
        guard let outputFolder else { return try Path(path) }
        return try outputFolder.joining(relative: path)
    }
}
