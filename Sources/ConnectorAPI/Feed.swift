public import Columnar
public import Storage

/// Something that produces rows for a tick log, in an order that never changes.
///
/// A feed is used by one thread; only ``interrupt`` may be called from any. Its content is a
/// function of its options and inputs, and a position says exactly where to go on: the rows after
/// `resume(from: p)` are those that follow the batch that carried `p`. A log that stores the
/// position with the rows therefore has every row exactly once, whatever was interrupted.
///
/// Pace, syncs, retries, and the tables of malformed records and of gaps are the pump's.
public protocol Feed: AnyObject {
    /// The columns of every batch.
    var schema: Schema { get }

    /// The name of the event-time column, a timestamp without nulls.
    var eventTime: String { get }

    /// How many rows a second of real time the feed wants to deliver; `nil` is as fast as it can.
    var pace: Double? { get }

    /// Whether the feed can go back to a position, and what names its position in a log.
    var replay: Replay { get }

    /// Makes the call of ``next(rowsMax:until:)`` that is under way, or else the one after it,
    /// return at once; to be called from any thread, as often as wanted.
    var interrupt: @Sendable () -> Void { get }

    /// Goes on behind the batch that carried a position; called at most once, before the first
    /// batch.
    ///
    /// - Throws: ``ConnectorError`` when the position does not belong to this feed's inputs, or
    ///   what was read of them has changed.
    func resume(from position: FeedPosition) throws(ConnectorError)

    /// Begins at the start, whatever of it was read before: a feed that counts its records counts on
    /// from a position; called instead of ``resume(from:)``.
    func restart(after position: FeedPosition)

    /// Why the rows of another feed in the same log would come twice with this feed's, or `nil`.
    ///
    /// Asked at a feed's start, for each of the log's other positions; for a feed that goes on from a
    /// position, after ``resume(from:)``.
    func conflict(with other: FeedIdentity, at position: FeedPosition) -> ConnectorError?

    /// The next step: rows, at most `rowsMax`, or none now, or the end.
    ///
    /// - Parameters:
    ///   - rowsMax: the most rows of the batch, at least 1; only the rows of one record may be more,
    ///     since they come together.
    ///   - deadline: when to come back at the latest if there is nothing to give; what is there is
    ///     given at once.
    /// - Returns: what there is.
    /// - Throws: ``ConnectorError``; after one that may be retried the call may be repeated. The
    ///   rows before the fault were delivered by earlier calls.
    func next(rowsMax: Int, until deadline: MonotonicTime) throws(ConnectorError) -> FeedStep

    /// What a user should know of what was read so far, one line each: a column that nothing was
    /// found for, fields that no column reads.
    func notices() -> [String]

    /// Ends connections and closes files; called once, last.
    func close()
}

extension Feed {
    /// As fast as it can.
    public var pace: Double? { nil }
    /// Nothing: for a feed whose ``next(rowsMax:until:)`` never waits.
    public var interrupt: @Sendable () -> Void { {} }
    /// Nothing: for a feed that counts nothing.
    public func restart(after position: FeedPosition) {}
    /// None: for a feed whose rows are no other feed's.
    public func conflict(
        with other: FeedIdentity, at position: FeedPosition
    ) -> ConnectorError? { nil }
    /// Nothing.
    public func notices() -> [String] { [] }
    /// Nothing to close.
    public func close() {}
}

/// Whether a feed can be read again, and the name under which a log keeps its position.
public enum Replay: Sendable, Hashable {
    /// The feed goes back to any position: its rows are the same whenever they are read.
    case from(FeedIdentity)
    /// The feed keeps a position, but never goes back (a socket): what was not taken is lost.
    case onward(FeedIdentity)
    /// There is no place to go back to (standard input): no position is kept.
    case never

    /// What names the feed's position, if it keeps one.
    public var identity: FeedIdentity? {
        switch self {
        case .from(let identity), .onward(let identity): identity
        case .never: nil
        }
    }
}

/// What a feed answers when it is asked for rows.
public enum FeedStep: Sendable {
    /// Rows, or only records without rows, gaps, or a position.
    case rows(FeedBatch)
    /// Nothing now: ask again at that moment, or, when it is `nil` or later, at the deadline.
    case idle(until: MonotonicTime?)
    /// There is nothing more, ever.
    case ended
}
