public import Operators

/// How far rows may come late.
public struct WatermarkSpec: Hashable, Sendable {
    /// The name of the event-time column.
    public var eventTime: String
    /// How long rows are waited for, ms.
    public var delayThresholdMs: Int64
    /// Whether the largest event time of all rows decides, Spark's way, or the slowest split.
    public var scope = WatermarkScope.source
    /// After how long without new rows the source no longer holds windows open, ms of wall time;
    /// `nil` is never, Spark's way.
    public var idleTimeoutMs: Int64?
    /// Whether a run that ends by itself closes the windows that are open when it has read all.
    public var closesAtEnd = false
    /// How far ahead of the batch's clock an event time may be, ms: rows beyond are set aside;
    /// `nil` is any, Spark's way.
    public var maxFutureSkewMs: Int64?
    /// The directory of the table that those rows go to, if the job keeps them.
    public var rejectsPath: String?
}

/// When batches run.
public enum TriggerSpec: Hashable, Sendable {
    /// Everything that is there at the start, in batches of the rate limit, then stop.
    case availableNow
    /// One batch of everything that is there, whatever the rate limit, then stop.
    case once
    /// A batch at every multiple of the interval since the epoch, until stopped; 0 is as soon as
    /// there is something to do.
    case processingTime(intervalMs: Int64)
    /// Rows shown as they come, with a commit at the end of every such time, until stopped.
    case realTime(durationMs: Int64)

    /// Whether a run ends by itself.
    public var isBounded: Bool {
        switch self {
        case .availableNow, .once: true
        case .processingTime, .realTime: false
        }
    }

    /// The shortest time between two commits of `realTime`, ms: Spark's
    /// `spark.sql.streaming.realTimeMode.minBatchDuration`.
    public static let realTimeMsMin: Int64 = 5_000
}

/// Settings of the engine for one job.
public struct JobOptions: Hashable, Sendable {
    /// Threads that decode and compute, which does not change results; 0 is one a processor.
    public var threads: Int
    /// How often the whole state is written rather than what changed.
    public var stateSnapshotIntervalBatches: Int
    /// The most groups that one query may hold.
    public var maxStateRows: Int
    /// The most memory that the state of one query may take, in bytes.
    public var maxStateBytes: Int
    /// How many batches can be gone back to.
    public var minBatchesToRetain: Int
    /// How the watermarks of several sources become one.
    public var multipleWatermarkPolicy: WatermarkPolicy
    /// Whether a batch without rows runs when the watermark moved.
    public var noDataBatches: Bool
    /// Whether that also happens right after a restart (Spark: no).
    public var noDataBatchAfterRestart: Bool
    /// Whether session windows may have output mode `update` (Spark: no).
    public var sessionUpdate: Bool
}
