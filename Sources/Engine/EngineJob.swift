import Columnar
public import ConnectorAPI
import Expressions
public import Jobs
import Operators
public import Settings

/// A job as the engine runs it: its description, its plan, and how its sinks are opened.
public struct EngineJob: Sendable {
    /// The job as its file describes it.
    public var job: Job
    /// Its queries, resolved against the columns of its sources.
    public var plan: JobPlan
    /// Opens a query's sinks for the checkpoint with that identity, which owns what they write.
    public var openSinks:
        @Sendable (_ query: PlannedQuery, _ checkpointID: String) throws -> [any Sink]
    /// Opens a table of rows that take no part in the results, for the checkpoint with that
    /// identity.
    public var openSideTable:
        @Sendable (_ table: SideTable, _ checkpointID: String) throws -> any Sink
    /// How many threads decode and fold; results do not depend on it.
    public var threads: Int
    /// Where a new checkpoint begins to read each source.
    public var startingOffsets: [StartingOffsets]
    /// What `${NAME}` stands for in the text of a recorded job.
    public var environment: Variables
    /// What the user says of a batch whose outcome a sink cannot find out.
    public var assume: Assumption?
    /// Told, on any thread, what a sink has failed with that is asked again.
    public var noteRetry: @Sendable (_ fault: String) -> Void = { _ in }
    /// Tells a person at once what the run goes on in spite of; any thread may call it.
    public var notice: @Sendable (String) -> Void = { _ in }

    /// A planned job whose sinks are opened as it says.
    ///
    /// - Parameters:
    ///   - job: the job.
    ///   - plan: its queries, resolved.
    ///   - threads: how many threads decode and fold.
    ///   - environment: what `${NAME}` stands for in the text of a recorded job.
    ///   - run: what its sinks have in common.
    public init(
        job: Job, plan: JobPlan, threads: Int, environment: Variables, run: SinkRun
    ) {
        self.init(
            job: job, plan: plan, threads: threads, environment: environment,
            openSideTable: { table, checkpointID in
                try job.registry.sideTable(at: table.path).open(
                    SinkPlace(
                        job: job.name,
                        owner: SinkOwner(checkpointID: checkpointID, query: table.owner),
                        schema: table.schema, mode: .append, run: run))
            },
            openSinks: { query, checkpointID in
                let wanted = query.sinks.filter { sink in
                    (run.terminal != nil || !sink.needsTerminal)
                        && (run.reachesOutside || !sink.isOutside)
                }
                return try wanted.map { sink in
                    try sink.open(
                        SinkPlace(
                            job: job.name,
                            owner: SinkOwner(checkpointID: checkpointID, query: query.name),
                            schema: query.outputSchema, mode: query.outputMode, run: run))
                }
            })
        notice = run.notice
    }

    /// A planned job whose sinks are opened in another way.
    public init(
        job: Job, plan: JobPlan, threads: Int, environment: Variables,
        openSideTable: @escaping @Sendable (SideTable, String) throws -> any Sink = noSideTables,
        openSinks: @escaping @Sendable (PlannedQuery, String) throws -> [any Sink]
    ) {
        precondition(threads > 0, "an engine needs a thread")
        self.job = job
        self.plan = plan
        self.threads = threads
        self.environment = environment
        startingOffsets = job.sources.map(\.startingOffsets)
        self.openSideTable = openSideTable
        self.openSinks = openSinks
    }

    /// The watermarks over the event times of the sources, in the order of the plan.
    var watermarks: [EngineWatermark] {
        plan.watermarks.enumerated().compactMap { index, planned in
            let source = plan.sources.first { $0.watermark == index }
            guard let column = source?.eventTimeColumn else { return nil }
            return EngineWatermark(
                name: planned.name, column: column, delayMs: planned.spec.delayThresholdMs,
                scope: planned.spec.scope, idleTimeoutMs: planned.spec.idleTimeoutMs,
                closesAtEnd: planned.spec.closesAtEnd,
                maxFutureSkewMs: planned.spec.maxFutureSkewMs)
        }
    }

    /// What becomes of the rows of each source before any query sees them.
    var inputs: [SourceStage] {
        let watermarks = watermarks
        return plan.sources.enumerated().map { index, source in
            SourceStage(
                source: index, name: source.name,
                shape: source.shape.map { Project(plan: $0) }, columns: source.columns,
                schema: source.schema, eventTimeColumn: source.eventTimeColumn,
                watermarkIndex: source.watermark,
                watermark: source.watermark.map { watermarks[$0] })
        }
    }
}

/// Opens no table beside the results: for jobs that ask for none.
@Sendable public func noSideTables(_ table: SideTable, _ checkpointID: String) throws -> any Sink {
    preconditionFailure("\(table.path): the job has a table beside its results; open it")
}

/// How a watermark of a job is computed.
struct EngineWatermark: Hashable, Sendable {
    /// Its name in checkpoints: its source's.
    var name: String
    /// The column that holds the event time, a timestamp, in the rows that it rejects.
    var column: Int
    /// How far the watermark stays behind the largest event time, ms.
    var delayMs: Int64
    /// Whether all rows decide, or the slowest split.
    var scope = WatermarkScope.source
    /// After how long without new rows the source no longer holds windows open, ms of wall time;
    /// `nil` for never, which is Spark's behaviour.
    var idleTimeoutMs: Int64?
    /// Whether what is open closes when no more rows can come.
    var closesAtEnd = false
    /// How far ahead of its batch's clock a row may be, ms; `nil` for any, Spark's behaviour.
    var maxFutureSkewMs: Int64?

    /// After how long without new rows a split no longer counts, ms.
    var splitIdleMs: Int64 { idleTimeoutMs ?? 60_000 }

    /// The largest event time (ms) that a batch takes, if there is a limit.
    func limitMs(_ plan: BatchPlan) -> Int64? {
        maxFutureSkewMs.map { skew in
            let (limit, overflow) = plan.timestampMs.addingReportingOverflow(skew)
            return overflow ? .max : limit
        }
    }
}
