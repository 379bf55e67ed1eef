public import Storage

/// What one source gives to a batch: everything from `start` up to, not including, `end`.
public struct SourceRange: Sendable, Equatable {
    /// The source's name in the job.
    public let name: String
    /// Where the batch starts: the source's own JSON text, on one line.
    public let start: String
    /// Where the batch ends, in the same form.
    public let end: String

    /// The range of a source; the offsets are JSON texts without line breaks.
    public init(name: String, start: String, end: String) {
        precondition(
            !start.utf8.contains(0x0a) && !end.utf8.contains(0x0a),
            "an offset is one line of text")
        self.name = name
        self.start = start
        self.end = end
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

/// A file that a batch published, as it was then.
public struct FileReceipt: Sendable, Equatable {
    /// The query whose state it is, or the sink that it belongs to.
    public let owner: String
    /// The path relative to the checkpoint (state) or to the sink's directory.
    public let path: String
    /// Size in bytes.
    public let size: Int64
    /// XXH3 of the content.
    public let checksum: UInt64

    /// A published file.
    public init(owner: String, path: String, size: Int64, checksum: UInt64) {
        self.owner = owner
        self.path = path
        self.size = size
        self.checksum = checksum
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
    /// Totals since the query's first batch, by name: rows read, dropped as late, rejected.
    public var counters: [String: Int64]
    /// The state files written by this batch.
    public var state: [FileReceipt]
    /// The files that the sinks published.
    public var sinks: [FileReceipt]

    /// The outcome of a batch.
    public init(
        batch: BatchID, nextWatermarkMs: Int64, watermarkMaximaMs: [String: Int64] = [:],
        counters: [String: Int64] = [:], state: [FileReceipt] = [], sinks: [FileReceipt] = []
    ) {
        self.batch = batch
        self.nextWatermarkMs = nextWatermarkMs
        self.watermarkMaximaMs = watermarkMaximaMs
        self.counters = counters
        self.state = state
        self.sinks = sinks
    }
}
