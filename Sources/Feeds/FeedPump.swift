public import Columnar
public import ConnectorAPI
public import Storage
public import TickLog

/// Rows that did not parse, to be published in the `rejects` table.
///
/// `feed` and `firstNumber` name the publication: after a crash the same one may come again, with
/// the same or more rows, and takes the place of what was published under its name.
public struct RejectedRows: Sendable {
    /// The feed's identity, or a name of its own for one that cannot be read again.
    public let feed: String
    /// How many rows the feed had rejected before.
    public let firstNumber: Int64
    /// The rows, of ``Reject/schema``.
    public let rows: RecordBatch
}

/// What a pump did.
public struct FeedReport: Sendable, Equatable {
    /// Rows appended to the log.
    public var rows: Int64 = 0
    /// Rows rejected.
    public var rejected: Int64 = 0
    /// Where the feed went on, when it was not at its start.
    public var resumedFrom: String?
    /// Whether the feed came to its end.
    public var reachedEnd = false
}

/// Moves rows from a feed into a tick log, each exactly once.
///
/// Every append carries the feed's position, so that a pump that is started again goes on after
/// the last row that is durable. Rejects of a batch are published before its rows are appended,
/// and after everything before them is durable: a crash in between repeats exactly that
/// publication, under the same name.
public final class FeedPump {
    /// How much is done at a time.
    public struct Options: Sendable {
        /// The most rows of one append.
        public var batchRowsMax = 1 << 16
        /// The longest that appended rows wait to be made durable together, in milliseconds.
        ///
        /// Readers see them only then.
        public var syncIntervalMs: Int64 = 5

        /// Appends of 65,536 rows, durable every 5 ms.
        public init() {}
    }

    private let feed: any Feed
    private let writer: TickLogWriter
    private let options: Options
    private let time: any TimeSource
    private let publishRejects: (RejectedRows) throws -> Void
    private let producerName: String

    private var report = FeedReport()
    private var lastSyncNanos: UInt64 = 0

    /// A pump, with the feed at the place that the log says.
    ///
    /// - Parameters:
    ///   - feed: the feed, at its start.
    ///   - writer: a log with the feed's schema.
    ///   - options: how much is done at a time.
    ///   - time: the clock for pace and syncs.
    ///   - publishRejects: makes rejects durable before it returns, in place of those it has
    ///     under the same feed and number.
    /// - Throws: ``FeedError`` when the log's columns are not the feed's, or the feed cannot go
    ///   back to where it was.
    public init(
        _ feed: any Feed, into writer: TickLogWriter, options: Options = Options(),
        time: any TimeSource = SystemTime(),
        publishRejects: @escaping (RejectedRows) throws -> Void
    ) throws {
        precondition(options.batchRowsMax > 0, "a batch has at least one row")
        guard feed.schema == writer.schema, feed.timeColumn == writer.timeColumn else {
            throw FeedError(
                .badOptions,
                "the feed gives (\(feed.schema)) with the event time '\(feed.timeColumn)', the log "
                    + "holds (\(writer.schema)) with '\(writer.timeColumn)'; change the feed's "
                    + "columns, or fill another log", at: writer.path.string)
        }
        self.feed = feed
        self.writer = writer
        self.options = options
        self.time = time
        self.publishRejects = publishRejects
        producerName =
            feed.identity.isEmpty
            ? "stdin-\(Checksum.hex(UInt64(bitPattern: time.nowMicros())))" : feed.identity
        if !feed.identity.isEmpty, let position = writer.producerPosition(feed.identity) {
            try feed.resume(from: position)
            report.resumedFrom = position
        }
    }

    /// Moves rows until the feed ends or `shouldStop` says so, and makes all of them durable.
    ///
    /// - Parameters:
    ///   - shouldStop: asked before every batch.
    ///   - onBatch: called after every append with the report so far.
    /// - Returns: what this pump has done in all.
    /// - Throws: what the feed or the log throws; what was appended before is durable.
    @discardableResult
    public func run(
        until shouldStop: () -> Bool = { false }, onBatch: (FeedReport) -> Void = { _ in }
    ) throws -> FeedReport {
        do {
            try pump(shouldStop, onBatch)
        } catch {
            // A log that cannot sync has its own fault; the first one tells more.
            _ = try? writer.sync()
            throw error
        }
        try writer.sync()
        return report
    }

    private func pump(_ shouldStop: () -> Bool, _ onBatch: (FeedReport) -> Void) throws {
        let start = time.monotonicNanos()
        let rowsBefore = report.rows
        lastSyncNanos = start
        while !shouldStop() {
            var rowsMax = options.batchRowsMax
            if let pace = feed.rowsPerSecond {
                let due = rowsDue(pace, since: start) - (report.rows - rowsBefore)
                guard due > 0 else {
                    try waitForNextRow(pace, start, rowsBefore)
                    continue
                }
                rowsMax = Int(min(Int64(rowsMax), due))
            }
            guard let batch = try feed.next(maxRows: rowsMax) else {
                report.reachedEnd = true
                return
            }
            try take(batch)
            // A batch that is not full means that the input has nothing more for now.
            if batch.rows.count < rowsMax || isSyncDue { try sync() }
            onBatch(report)
        }
    }

    private func take(_ batch: FeedBatch) throws {
        if !batch.rejects.isEmpty {
            // What precedes must be durable first, or a crash would repeat these rejects as part
            // of a larger publication under another name.
            try sync()
            try publishRejects(
                RejectedRows(
                    feed: producerName, firstNumber: batch.firstReject,
                    rows: Reject.batch(
                        batch.rejects, feed: producerName, firstNumber: batch.firstReject)))
        }
        let producer =
            feed.identity.isEmpty
            ? nil : ProducerPosition(id: feed.identity, position: batch.position)
        try writer.append(batch.rows, producer: producer)
        report.rows += Int64(batch.rows.count)
        report.rejected += Int64(batch.rejectedRows)
    }

    private func sync() throws {
        try writer.sync()
        lastSyncNanos = time.monotonicNanos()
    }

    private var isSyncDue: Bool {
        time.monotonicNanos() - lastSyncNanos >= UInt64(options.syncIntervalMs) * 1_000_000
    }

    private func rowsDue(_ pace: Double, since start: UInt64) -> Int64 {
        let seconds = Double(time.monotonicNanos() - start) / 1e9
        return Int64(min(pace * seconds, 1e18))
    }

    /// Sleeps until a row is due or a sync is, and no longer than a second at a time, so that
    /// `shouldStop` is asked.
    private func waitForNextRow(_ pace: Double, _ start: UInt64, _ rowsBefore: Int64) throws {
        if isSyncDue { try sync() }
        let seconds = Double(report.rows - rowsBefore + 1) / pace
        let elapsed = Double(time.monotonicNanos() - start) / 1e9
        let wait = min(max(seconds - elapsed, 0.000_05), Double(options.syncIntervalMs) / 1e3, 1)
        time.sleep(nanos: UInt64(max(wait, 0.000_05) * 1e9))
    }
}
