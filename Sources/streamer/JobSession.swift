import Columnar
import Connectors
import Engine
import Glibc
import Jobs
import Lake
import Operators
import Parquet
import Storage
import Streams
import Synchronization
import TickLog

/// A job put together with the parts that run it: its log, its plan, its sinks.
final class JobSession: Sendable {
    let job: Job
    let plan: JobPlan
    let reader: TickLogReader
    private let console: Console
    private let outputFolder: Path?
    private let consoleSinks: Mutex<[ConsoleSink]> = Mutex([])
    private let showsConsole: Bool
    private let isBounded: Bool

    /// Opens the job's log, making it when the job has a feed that fills it, and plans the job.
    ///
    /// - Parameters:
    ///   - job: the job.
    ///   - outputFolder: a folder for everything the job writes, instead of the current one.
    ///   - showsConsole: whether console sinks print.
    ///   - isBounded: whether the run ends by itself, so that a whole result is printed once.
    ///   - console: where they print.
    /// - Throws: when there is no log and no feed to make it, or the job does not fit the log.
    init(
        _ job: Job, into outputFolder: Path? = nil, showsConsole: Bool, isBounded: Bool,
        on console: Console
    ) throws {
        self.job = job
        self.outputFolder = outputFolder
        self.showsConsole = showsConsole
        self.isBounded = isBounded
        self.console = console
        reader = try Self.openLog(
            of: job, checkpoint: Self.place(job.checkpointLocation, in: outputFolder))
        plan = try job.plan(inputSchema: reader.schema, timeColumn: reader.timeColumn)
    }

    private static func openLog(of job: Job, checkpoint: Path) throws -> TickLogReader {
        let path = try Path(job.source.path)
        if let feed = job.feed, try !machineFiles.exists(path.appending("log.json")) {
            // Nothing is made for a job that cannot run.
            _ = try job.plan(inputSchema: feed.schema)
            try checkCanContinue(
                with: job, input: feed.schema, at: checkpoint, machineFiles,
                environment: processEnvironment)
            do throws(TickLogError) {
                try TickLogWriter.create(
                    path, schema: feed.schema, timeColumn: feed.eventTime, machineFiles)
            } catch {
                guard error.code == .alreadyExists || error.code == .locked else { throw error }
            }
        }
        return try streamer.openLog(at: path)
    }

    /// Opens the engine on the job's checkpoint.
    ///
    /// - Parameters:
    ///   - source: what is read: the job's log, or a view of it.
    ///   - threads: how many threads; the job's own number by default.
    ///   - startingOffsets: where a new checkpoint begins; where the job says by default.
    ///   - observe: told what happens.
    /// - Returns: an engine that holds the checkpoint's lock.
    /// - Throws: when the checkpoint is locked, damaged or of another job, or a table is.
    func openEngine(
        over source: any StreamSource, threads: Int64? = nil,
        startingOffsets: SourceSpec.StartingOffsets? = nil,
        observe: @escaping (EngineEvent) -> Void
    ) throws -> MicroBatchEngine {
        var engineJob = EngineJob(
            job: job, plan: plan, threads: threadCount(threads), environment: processEnvironment,
            openSideTable: { [self] in try openSideTable($0, owner: $1) },
            openSinks: { [self] in try openSinks(of: $0, owner: $1) })
        if let startingOffsets { engineJob.startingOffsets = startingOffsets }
        return try MicroBatchEngine(
            job: engineJob, source: source, checkpointPath: place(job.checkpointLocation),
            files: machineFiles, time: SystemTime(), observe: observe)
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
        for sink in consoleSinks.withLock({ $0 }) { sink.finish() }
    }

    private func threadCount(_ asked: Int64?) -> Int {
        if let asked { return Int(min(asked, 1_024)) }
        if job.options.threads > 0 { return job.options.threads }
        return max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN)))
    }

    /// Where something of the job lies, under the output folder if there is one.
    private func place(_ path: String) throws -> Path {
        try Self.place(path, in: outputFolder)
    }

    private static func place(_ path: String, in outputFolder: Path?) throws -> Path {
        guard let outputFolder else { return try Path(path) }
        return try outputFolder.joining(relative: path)
    }

    private func openSideTable(_ table: SideTable, owner: String) throws -> any Sink {
        LakeSink(
            try LakeTable(
                place(table.path), machineFiles,
                owner: TableOwner(checkpointID: owner, query: table.owner), schema: table.schema,
                partitionBy: []),
            machineFiles)
    }

    private func openSinks(of query: PlannedQuery, owner: String) throws -> [any Sink] {
        let owner = TableOwner(checkpointID: owner, query: query.name)
        return try query.sinks.compactMap { spec in
            switch spec {
            case .parquet(let spec):
                return LakeSink(
                    try LakeTable(
                        place(spec.path), machineFiles, owner: owner, schema: query.outputSchema,
                        partitionBy: spec.partitionBy, options: ParquetOptions(spec.compression)),
                    machineFiles)
            case .delta(let spec):
                let isUpdate = query.outputMode == .update
                return DeltaSink(
                    try DeltaTable(
                        place(spec.path), machineFiles, owner: owner, schema: query.outputSchema,
                        partitionBy: spec.partitionBy,
                        layout: query.outputMode == .append ? .partitioned : .replaced,
                        options: ParquetOptions(spec.compression)),
                    upsertKeys: isUpdate ? spec.keys : [], machineFiles)
            case .table(let spec):
                return TableSink(
                    try ReplacedTable(
                        place(spec.path), machineFiles, owner: owner, schema: query.outputSchema),
                    upsertKeys: query.outputMode == .update ? spec.keys : [], machineFiles)
            case .console(let spec):
                guard showsConsole else { return nil }
                let sink = ConsoleSink(
                    query: query.name, spec,
                    showsOnlyLast: query.outputMode == .complete && isBounded,
                    on: console)
                consoleSinks.withLock { $0.append(sink) }
                return sink
            }
        }
    }
}

extension TriggerSpec {
    /// Whether a run ends by itself.
    var isBounded: Bool {
        if case .processingTime = self { false } else { true }
    }
}

extension ParquetOptions {
    /// The options that a job's sink asks for.
    init(_ compression: ParquetSinkSpec.Compression) {
        self.init()
        switch compression {
        case .zstd(let level): zstdLevel = level
        case .none: self.compression = .uncompressed
        }
    }
}
