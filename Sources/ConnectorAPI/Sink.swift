public import Columnar
public import Storage

/// What a sink left behind for one batch, as the commit remembers it.
public typealias SinkReceipt = Receipt

/// A place where one query's results go.
///
/// Writing is idempotent on the batch number: writing batch N again, with the same rows, leaves
/// what writing it once leaves.
public protocol Sink: AnyObject, Sendable {
    /// Which sink of its job it is: what commits name it by.
    var id: SinkID { get }

    /// What the sink is, for people: `parquet[lake/ohlcv]`.
    var description: String { get }

    /// What of its batches is still there to be compared.
    var history: SinkHistory { get }

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

/// What a sink keeps of the batches before the newest.
public enum SinkHistory: Hashable, Sendable {
    /// All of them.
    case everyBatch
    /// None: each takes the place of the one before.
    case newestBatch
}

/// A sink that can show rows while their batch is still running.
///
/// What it shows may come again: a batch that fails shows its rows again when it runs again.
public protocol LiveSink: Sink {
    /// Shows rows that are new, or whose values changed, since the last call for the batch.
    func show(batch: Int64, rows: RecordBatch)
}
