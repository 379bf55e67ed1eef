public import Expressions
public import Jobs
public import Operators
public import Streams

/// A job as the engine runs it: planned queries, their sinks, and the settings of the loop.
public struct EngineJob: Sendable {
    /// The job's name.
    public var name: String
    /// The text of the job file, kept in the checkpoint.
    public var text: String
    /// The queries in an order in which each comes after the query it reads.
    public var queries: [EngineQuery]
    /// The watermark, or `nil` for a job without one.
    public var watermark: EngineWatermark?
    /// Where a new checkpoint begins to read.
    public var startingOffsets: SourceSpec.StartingOffsets = .earliest
    /// The most rows of one batch, or `nil` for no limit.
    public var maxOffsetsPerTrigger: Int64?
    /// Whether windows close in batches without rows (Spark: `noDataMicroBatches.enabled`).
    public var noDataBatches = true
    /// Whether such a batch may be the first after a restart; Spark waits for new rows.
    public var noDataBatchAfterRestart = true
    /// How many batches' plans, commits and state the checkpoint keeps at least.
    public var minBatchesToRetain = 100
    /// How often the whole state is written rather than what changed.
    public var stateSnapshotIntervalBatches = 10
    /// How many threads decode and fold.
    public var threads = 2
    /// Whether a checkpoint written by the job with that text can be continued by this one.
    ///
    /// Throws an error that tells the differences when it cannot.
    public var checkCanContinue: @Sendable (_ recordedText: String) throws -> Void = { _ in }

    /// A job of these queries.
    public init(
        name: String, text: String, queries: [EngineQuery], watermark: EngineWatermark?
    ) {
        self.name = name
        self.text = text
        self.queries = queries
        self.watermark = watermark
    }
}

/// One query of a job, planned.
public struct EngineQuery: Sendable {
    /// Its name, unique in the job.
    public var name: String
    /// What it computes.
    public var plan: QueryPlan
    /// Which rows a batch emits.
    public var mode: Operators.OutputMode
    /// The index of the query whose output it reads; `nil` for the source.
    public var upstream: Int?
    /// The input column that orders `first` and `last`, if there is one.
    public var eventTimeColumn: Int?
    /// What the operator is allowed and asked to do.
    public var limits: OperatorLimits
    /// Opens its sinks for the checkpoint with that identity, which owns what they write.
    public var openSinks: @Sendable (_ checkpointID: String) throws -> [any Sink]

    /// A query of these parts.
    public init(
        name: String, plan: QueryPlan, mode: Operators.OutputMode, upstream: Int?,
        eventTimeColumn: Int?,
        limits: OperatorLimits,
        openSinks: @escaping @Sendable (_ checkpointID: String) throws -> [any Sink]
    ) {
        self.name = name
        self.plan = plan
        self.mode = mode
        self.upstream = upstream
        self.eventTimeColumn = eventTimeColumn
        self.limits = limits
        self.openSinks = openSinks
    }
}

/// How a job's watermark is computed.
public struct EngineWatermark: Hashable, Sendable {
    /// The source column that holds the event time, a timestamp.
    public var column: Int
    /// How far the watermark stays behind the largest event time, ms.
    public var delayMs: Int64
    /// After how long without new rows the source no longer holds windows open, ms of wall time;
    /// `nil` for never, which is Spark's behaviour.
    public var idleTimeoutMs: Int64?

    /// A watermark on a source column.
    public init(column: Int, delayMs: Int64, idleTimeoutMs: Int64? = nil) {
        self.column = column
        self.delayMs = delayMs
        self.idleTimeoutMs = idleTimeoutMs
    }
}
