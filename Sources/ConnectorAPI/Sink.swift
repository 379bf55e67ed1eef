public import Columnar

/// What a sink left behind for one batch: enough to check later that it is still there, unchanged.
public struct SinkReceipt: Hashable, Sendable {
    /// The file, as a path below the sink's directory.
    public let path: String
    /// The size of the file.
    public let bytes: Int64
    /// XXH3-64 of the file's bytes.
    public let checksum: UInt64

    /// A receipt for one file.
    public init(path: String, bytes: Int64, checksum: UInt64) {
        self.path = path
        self.bytes = bytes
        self.checksum = checksum
    }
}

/// A place where one query's results go.
///
/// Writing is idempotent on the batch number: writing batch N again, with the same rows, leaves
/// what writing it once leaves.
public protocol Sink: AnyObject, Sendable {
    /// What the sink is, for progress reports: `parquet[lake/ohlcv]`.
    var description: String { get }

    /// Whether a batch's results take the place of those of the batch before.
    var keepsOnlyLatestBatch: Bool { get }

    /// Publishes a batch's rows. When this returns they are durable and visible.
    ///
    /// - Parameters:
    ///   - batch: the batch's number.
    ///   - rows: its rows.
    ///   - timestampMs: its time as the plan recorded it, the same when the batch runs again.
    ///   - isRerun: whether an earlier attempt at this batch may have left something; it must not
    ///     remain beside what this attempt writes.
    /// - Returns: what the commit has to remember.
    /// - Throws: when not everything is there; the batch is then run again.
    func write(
        batch: Int64, rows: RecordBatch, timestampMs: Int64, isRerun: Bool
    ) throws -> [SinkReceipt]

    /// Computes what `write` would publish and compares it with what is published: a sentence for
    /// each difference, none when every byte is the same. Changes nothing.
    func verify(batch: Int64, rows: RecordBatch, receipts: [SinkReceipt]) throws -> [String]
}

/// A sink that can show rows while their batch is still running.
///
/// What it shows may come again: a batch that fails shows its rows again when it runs again.
public protocol LiveSink: Sink {
    /// Shows rows that are new, or whose values changed, since the last call for the batch.
    func show(batch: Int64, rows: RecordBatch)
}
