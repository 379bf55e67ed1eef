public import Columnar
public import ConnectorAPI
public import Operators

/// A log, or a directory of files, that a job reads.
public struct SourceSpec: Hashable, Sendable {
    /// The name of a job's only source, in checkpoints.
    public static let onlyName = "source"

    /// Where a new job begins to read; one that has a checkpoint goes on from there.
    public enum StartingOffsets: Hashable, Sendable {
        /// At the oldest row that is kept.
        case earliest
        /// After the newest row.
        case latest
        /// At that offset.
        case offset(Int64)
        /// At the first row with this event time (µs) or a later one.
        case timestamp(micros: Int64)
    }

    /// The name, unique in the job.
    public var name: String
    /// The log's directory, or the first of the files' paths.
    public var path: String
    /// The files that are read, where it is no log.
    public var files: FileSourceSpec?
    /// What is read before the log.
    public var backfill: BackfillSpec?
    /// Where a new job begins to read.
    public var startingOffsets: StartingOffsets
    /// The most rows of one batch; `nil` is no limit.
    public var maxOffsetsPerTrigger: Int64?
    /// The columns that the log must have, if the job says so.
    public var schema: Schema?
    /// Where the log's rows come from, if the job fills it itself.
    public var feed: FeedSpec?
    /// The condition that its rows must fulfil.
    public var `where`: String?
    /// The columns that its rows come with; empty for the log's own.
    public var select: [String]
    /// How far its rows may come late, where that is its own affair.
    public var watermark: WatermarkSpec?

    /// The columns that the source is known to have before its log is looked at.
    public var declaredColumns: SourceColumns? {
        if let declared = files?.content.declaredColumns { return declared }
        return (schema ?? feed?.checkedSchema).map {
            SourceColumns(schema: $0, timeColumn: feed?.eventTime)
        }
    }
}

/// How far rows may come late.
public struct WatermarkSpec: Hashable, Sendable {
    /// The name of the event-time column.
    public var eventTime: String
    /// How long rows are waited for, ms.
    public var delayThresholdMs: Int64
    /// After how long without new rows the source no longer holds windows open, ms of wall time;
    /// `nil` is never, Spark's way.
    public var idleTimeoutMs: Int64?
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

/// Where one query's rows go.
public enum SinkSpec: Hashable, Sendable {
    /// A directory of Parquet files, extended by every batch.
    case parquet(ParquetSinkSpec)
    /// A Delta Lake table, a commit a batch.
    case delta(DeltaSinkSpec)
    /// A small table in one file, replaced by every batch.
    case table(TableSinkSpec)
    /// Rows as text on standard output.
    case console(ConsoleSinkSpec)

    /// The directory that the sink owns, if it writes files.
    public var path: String? {
        switch self {
        case .parquet(let spec): spec.path
        case .delta(let spec): spec.path
        case .table(let spec): spec.path
        case .console: nil
        }
    }

    /// The name of the format in a job file.
    public var format: String {
        switch self {
        case .parquet: "parquet"
        case .delta: "delta"
        case .table: "table"
        case .console: "console"
        }
    }
}

/// A directory of Parquet files.
public struct ParquetSinkSpec: Hashable, Sendable {
    /// How pages are compressed.
    public enum Compression: Hashable, Sendable {
        /// Zstandard at a level, 1…22.
        case zstd(level: Int)
        /// Not at all.
        case none
    }

    /// The table's directory.
    public var path: String
    /// Output columns that become `name=value` directories, from the outside in.
    public var partitionBy: [String]
    /// How pages are compressed.
    public var compression: Compression
    /// Output columns whose files get a bloom filter.
    public var bloomFilter: [String]
}

/// A Delta Lake table.
public struct DeltaSinkSpec: Hashable, Sendable {
    /// The table's directory.
    public var path: String
    /// Output columns that files are kept apart by, from the outside in.
    public var partitionBy: [String]
    /// For output mode `update`, the output columns that identify a row.
    ///
    /// Empty when the job leaves them out; the plan's sinks have the grouping columns then.
    public var keys: [String]
    /// How pages are compressed.
    public var compression: ParquetSinkSpec.Compression
}

/// A small table in one file.
public struct TableSinkSpec: Hashable, Sendable {
    /// The table's directory.
    public var path: String
    /// For output mode `update`, the output columns that identify a row.
    ///
    /// Empty when the job leaves them out; the plan's sinks have the grouping columns then.
    public var keys: [String]
}

/// Rows as text on standard output.
public struct ConsoleSinkSpec: Hashable, Sendable {
    /// The most rows of a batch that are shown.
    public var numRows: Int
    /// The most characters of a value that are shown; `nil` is all.
    public var truncate: Int?
}
