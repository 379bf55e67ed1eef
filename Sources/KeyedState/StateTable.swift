public import Columnar

/// A table of state that ``StateStore`` keeps in files: it remembers what changed since the last
/// `markCommitted()`.
///
/// Both schemas have unique names. The same changes of the same rows give the same tables.
public protocol StateTable: AnyObject {
    /// The number of rows.
    var count: Int { get }
    /// Bytes that the table takes in memory, about.
    var memoryBytes: Int { get }
    /// The columns of `snapshot`.
    var snapshotSchema: Schema { get }
    /// The columns of `delta`, others than those of `snapshot`.
    var deltaSchema: Schema { get }
    /// The bound of the rows that were removed at once, besides those that `delta` lists; `nil` for
    /// none.
    var removedUpTo: Int64? { get }

    /// All rows, in an order that depends on them alone.
    func snapshot(_ workers: Workers) throws(KeyedStateError) -> RecordBatch
    /// What changed, besides `removedUpTo`.
    func delta(_ workers: Workers) throws(KeyedStateError) -> RecordBatch
    /// Makes the changes that a `snapshot` of no rows or a `delta` of these has recorded.
    ///
    /// - Throws: `.fileCorrupt` where they do not fit.
    func apply(_ rows: RecordBatch, removedUpTo: Int64?) throws(KeyedStateError)
    /// Forgets what changed: the rows are now what a commit would restore.
    func markCommitted()
    /// Removes everything.
    func removeAll()
}
