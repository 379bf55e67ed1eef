public import Columnar

/// Something that produces rows for a tick log, in an order that never changes.
///
/// A feed belongs to one thread. Its content is a function of its options and inputs, and a
/// position says exactly where to go on: the rows after `resume(from: p)` are those that follow
/// the batch that carried `p`. A log that stores the position with the rows therefore has every
/// row exactly once, whatever was interrupted.
public protocol Feed: AnyObject {
    /// The columns of every batch.
    var schema: Schema { get }

    /// The name of the event-time column, a timestamp without nulls.
    var timeColumn: String { get }

    /// What determines the feed's content, as a short hash; empty when the feed cannot be read
    /// again (standard input) and so has no place to go back to.
    var identity: String { get }

    /// How many rows a second of real time the feed wants to deliver; `nil` is as fast as it can.
    var rowsPerSecond: Double? { get }

    /// The next rows, at most `maxRows`, or `nil` at the end of the feed.
    ///
    /// A batch may have fewer rows, even none when it only carries rejects.
    /// - Throws: ``FeedError`` when the feed cannot go on. The rows before the fault were
    ///   delivered by earlier calls.
    func next(maxRows: Int) throws -> FeedBatch?

    /// Goes to a position that an earlier batch of a feed with this identity carried.
    ///
    /// - Throws: ``FeedError`` `.badPosition` when it does not belong to this feed's inputs.
    func resume(from position: String) throws
}

extension Feed {
    /// As fast as it can.
    public var rowsPerSecond: Double? { nil }
}

/// Rows of a feed, and the place right after them.
public struct FeedBatch: Sendable {
    /// The rows, of the feed's schema.
    public let rows: RecordBatch
    /// Where the feed goes on after these rows.
    public let position: String
    /// The rows of the input that did not parse, met on the way, in input order.
    public let rejects: [Reject]
    /// How many rows the feed had rejected before these rejects: the number of the first of them.
    public let firstReject: Int64

    /// The number of rejected rows.
    public var rejectedRows: Int { rejects.count }

    /// A batch of rows with the position after it.
    public init(
        rows: RecordBatch, position: String, rejects: [Reject] = [], firstReject: Int64 = 0
    ) {
        self.rows = rows
        self.position = position
        self.rejects = rejects
        self.firstReject = firstReject
    }
}
