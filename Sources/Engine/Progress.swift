public import Columnar
public import ConnectorAPI
public import Operators

/// What one batch did: Spark's `StreamingQueryProgress`.
///
/// Source of the fields: Spark's `ProgressReporter.scala`. Where Spark reports one query, this
/// reports the queries of a job together, one `stateOperators` entry each.
public struct BatchProgress: Sendable {
    /// The checkpoint's identity, the same over restarts.
    public var id: String
    /// The identity of this run.
    public var runId: String
    /// The job's name.
    public var name: String
    /// When the batch was planned, ms since the epoch.
    public var timestampMs: Int64
    /// The batch's number.
    public var batchId: Int64
    /// Wall time from planning to commit.
    public var durations = StageDurations()
    /// Where that time went, by kind of work.
    public var profile = BatchProfile()
    /// Milliseconds since the batch before was planned, or `nil` for the first of the run.
    public var sincePreviousMs: Double?
    /// Each source's offsets before and after, and its end when the batch was planned, in the
    /// job's order.
    public var sources: [SourceProgress]
    /// Event time of the batch's rows; `nil` without rows.
    public var eventTime: EventTimeStatistics?
    /// The watermark the batch ran with, ms.
    public var watermarkMs: Int64
    /// The watermark the next batch runs with, ms.
    public var nextWatermarkMs: Int64
    /// One entry for each query, in the order of the job.
    public var queries: [QueryProgress] = []
    /// What sinks have counted since the run began, by the name of the count and the sink.
    public var sinkMetrics: [(name: String, value: Int64)] = []
}

/// Where a batch stands in one of its sources.
public struct SourceProgress: Sendable {
    /// The name, for a job that names its sources.
    public var name: String?
    /// What the source is.
    public var description: String
    /// What the batch read.
    public var offsets: OffsetRange
    /// One past the newest rows when the batch was planned.
    public var latest: SourceOffsets
    /// The rows it gave to the batch.
    public var rowsIn = 0
    /// Records that did not parse and were left out.
    public var rowsMalformed = 0
    /// Rows that were set aside because they were too far ahead of the clock.
    public var rowsBeyondSkew = 0
    /// Rows that the source no longer had, where the job allows that.
    public var rowsLost = 0
    /// The source's own watermark after the batch, ms; `nil` without one, or before its first row.
    public var watermarkMs: Int64?
    /// Whether it has been silent so long that it no longer holds the watermark back.
    public var isIdle = false

    /// What it has that the batch did not read.
    public var unread = Unread.nothing

    /// The same as offsets.
    public var offsetsBehind: Int64 { offsets.end.distance(to: latest) }
}

/// What one query did in a batch.
public struct QueryProgress: Sendable {
    /// The query's name.
    public var name: String
    /// The rows it gave its sinks.
    public var rowsOut: Int
    /// Its sinks' descriptions.
    public var sinks: [String]
    /// What each of its operators did, in the order that rows pass through them.
    public var operators: [OperatorCounters]

    /// The rows it took in.
    public var rowsIn: Int { operators.first?.rowsIn ?? 0 }

    /// Input rows dropped as late: all their windows were closed.
    public var rowsLate: Int { operators.reduce(0) { $0 + $1.rowsLate } }
}

/// Where a batch's wall time went, in nanoseconds; the stages add up to the whole but for the
/// loop's own bookkeeping, and to more than the whole where batches overlap.
public struct StageDurations: Sendable {
    /// Asking the source for its end.
    public var latestOffset: UInt64 = 0
    /// Logging the plan.
    public var walCommit: UInt64 = 0
    /// Reading, decoding and evaluating expressions.
    public var getBatch: UInt64 = 0
    /// Folding rows into state, and computing what is emitted.
    public var aggregate: UInt64 = 0
    /// Making state durable.
    public var stateCommit: UInt64 = 0
    /// Writing and publishing results.
    public var addBatch: UInt64 = 0
    /// Logging the commit.
    public var commitOffsets: UInt64 = 0
    /// The whole batch, from the end of the batch before where it began earlier.
    public var triggerExecution: UInt64 = 0

    /// Adds the times of other stages of the batch.
    mutating func add(_ other: StageDurations) {
        walCommit += other.walCommit
        getBatch += other.getBatch
        aggregate += other.aggregate
        stateCommit += other.stateCommit
        addBatch += other.addBatch
        commitOffsets += other.commitOffsets
    }
}

/// What a run tells its observer.
public enum EngineEvent: Sendable {
    /// The run begins: where it resumes.
    case started(RunStart)
    /// A batch begins, whose number this is.
    case began(Int64)
    /// A batch is committed.
    case progress(BatchProgress)
    /// There is nothing to do now; the engine waits for new rows or for the trigger.
    case waiting
    /// The run ended.
    case stopped(RunSummary)
}

/// Where a run begins.
public struct RunStart: Sendable {
    /// The job's name.
    public var name: String
    /// The checkpoint's identity.
    public var id: String
    /// The first batch it will run.
    public var nextBatch: Int64
    /// The first offsets it will read of each source.
    public var nextOffsets: [SourceOffsets]
    /// How much there is to read now.
    public var unread: Unread
    /// The watermark it starts with, ms.
    public var watermarkMs: Int64
    /// Whether it continues an earlier run, and whether that run left a batch unfinished.
    public var recovery: Recovery

    /// How a run relates to what is in its checkpoint.
    public enum Recovery: String, Sendable {
        /// The checkpoint is new.
        case fresh
        /// The last batch of the earlier run was committed.
        case resumed
        /// The last batch of the earlier run was not committed and is run again.
        case rerun
    }
}

/// What a run did.
public struct RunSummary: Sendable {
    /// Batches committed.
    public var batches = 0
    /// Source rows read.
    public var rowsIn = 0
    /// Rows given to sinks.
    public var rowsOut = 0
    /// Rows set aside because they were too far ahead of the clock.
    public var rowsBeyondSkew = 0
    /// Records left out because they did not parse.
    public var rowsMalformed = 0
    /// Input rows dropped as late, over all queries that read the source.
    public var rowsLate = 0
    /// Wall time of the run in nanoseconds.
    public var elapsedNanos: UInt64 = 0
    /// Whether a stop was asked for before everything was done.
    public var wasStopped = false
    /// The watermark after the last batch, ms.
    public var watermarkMs: Int64 = 0
    /// One past the last offsets read of each source.
    public var nextOffsets: [SourceOffsets] = []
    /// The last committed batch, or `nil` when there is none.
    public var lastBatch: Int64?
    /// The windows whose rows are not among the results, by query: their watermark is yet to come.
    public var openWindows: [OpenWindows] = []
}

/// Windows that a query in output mode `append` holds open.
public struct OpenWindows: Sendable, Equatable {
    /// The query's name.
    public var query: String
    /// How many, those of each key counted apart.
    public var count: Int
    /// When the last of them ends.
    public var lastEnd: EventTime
}
