public import ConnectorAPI
public import Storage

/// What one source gives to a batch.
public struct SourceRange: Sendable, Equatable {
    /// The source's name in the job.
    public let name: String
    /// What the batch reads of it.
    public let offsets: OffsetRange

    /// The range of a source.
    public init(name: String, offsets: OffsetRange) {
        self.name = name
        self.offsets = offsets
    }
}

/// The plan of a batch, durable before the batch has any effect: `offsets/N`.
///
/// Running it again from this entry alone gives the same results.
public struct OffsetsEntry: Sendable, Equatable {
    /// The batch.
    public var batch: BatchID
    /// The watermark the batch runs with, in milliseconds since the epoch.
    public var watermarkMs: Int64
    /// The wall clock when the batch was planned: what `current_timestamp` means in it.
    public var timestampMs: Int64
    /// The settings that must not change while the query lives.
    public var conf: [String: String]
    /// The ranges, in the order of the job's sources.
    public var sources: [SourceRange]
    /// For each watermark, the largest (event time - delay) before this batch, milliseconds.
    public var watermarkMaximaMs: [String: Int64]

    /// The plan of a batch.
    public init(
        batch: BatchID, watermarkMs: Int64, timestampMs: Int64, conf: [String: String] = [:],
        sources: [SourceRange], watermarkMaximaMs: [String: Int64] = [:]
    ) {
        self.batch = batch
        self.watermarkMs = watermarkMs
        self.timestampMs = timestampMs
        self.conf = conf
        self.sources = sources
        self.watermarkMaximaMs = watermarkMaximaMs
    }
}

/// A receipt with whose it is.
public struct Owned<Receipt: Hashable & Sendable>: Hashable, Sendable {
    /// The query whose state it is, or the text of the sink's id.
    public let owner: String
    /// What was published; a path is relative to the owner's directory.
    public let receipt: Receipt

    /// A receipt of an owner's.
    public init(owner: String, _ receipt: Receipt) {
        self.owner = owner
        self.receipt = receipt
    }
}

/// The proof that a batch is complete: `commits/N`.
public struct CommitEntry: Sendable, Equatable {
    /// The batch.
    public var batch: BatchID
    /// The watermark that the next batch may run with, in milliseconds since the epoch.
    public var nextWatermarkMs: Int64
    /// For each watermark, the largest (event time - delay) including this batch, milliseconds.
    public var watermarkMaximaMs: [String: Int64]
    /// When the newest rows of the splits came that have a watermark of their own, milliseconds
    /// since the epoch, where the source knows.
    public var newestReceiptsMs: [String: Int64]
    /// Totals since the query's first batch, by name: rows read, dropped as late, rejected.
    public var counters: [String: Int64]
    /// What stands in each source before the end of the batch, as the source says it; none of a
    /// source that says nothing, or whose commit is older than this record.
    public var tails: [String: String]
    /// The state files written by this batch.
    public var state: [Owned<FileReceipt>]
    /// What the sinks published.
    public var sinks: [Owned<Receipt>]

    /// The outcome of a batch.
    public init(
        batch: BatchID, nextWatermarkMs: Int64, watermarkMaximaMs: [String: Int64] = [:],
        newestReceiptsMs: [String: Int64] = [:], counters: [String: Int64] = [:],
        tails: [String: String] = [:],
        state: [Owned<FileReceipt>] = [], sinks: [Owned<Receipt>] = []
    ) {
        self.batch = batch
        self.nextWatermarkMs = nextWatermarkMs
        self.watermarkMaximaMs = watermarkMaximaMs
        self.newestReceiptsMs = newestReceiptsMs
        self.counters = counters
        self.tails = tails
        self.state = state
        self.sinks = sinks
    }
}
