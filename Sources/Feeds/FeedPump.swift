import Columnar
public import ConnectorAPI
public import Storage
public import TickLog

/// Moves rows from a feed into a tick log, each exactly once.
///
/// Every append carries the feed's position, so that a pump that is started again goes on after
/// the last row that is durable; the position behind a batch without rows is kept, too. What a
/// batch has besides rows is published before its rows are appended, and after everything before
/// them is durable: a crash in between repeats exactly that publication, under the same name.
///
/// A pump is used by one thread, but for ``stop()``.
public final class FeedPump {
    /// How much is done at a time.
    public struct Options: Sendable {
        /// The most rows of one append.
        public var batchRowsMax = 1 << 16
        /// The longest that rows wait for others, so that they are one append, in microseconds.
        public var appendDelayMicros: Int64 = 1_000
        /// The longest that appended rows wait to be made durable together, in milliseconds.
        ///
        /// Readers see them only then.
        public var syncIntervalMs: Int64 = 5
        /// How long to wait before a feed is asked again after a fault.
        public var backoff = RetryBackoff()

        /// Appends of 65,536 rows, or of what comes within 1 ms; durable every 5 ms.
        public init() {}
    }

    private let feed: any Feed
    private let writer: TickLogWriter
    private let options: Options
    private let wait: PumpWait
    private let publish: (SideRows) throws -> Void
    private let producerName: String

    private var report = FeedReport()
    private var faults = FaultCount()
    /// Rows that wait for others.
    private var held = HeldRows()
    /// A position that no append carries, to be kept with the next sync.
    private var rowless: ProducerPosition?

    /// The longest that a feed without rows is left alone, so that a stop is noticed.
    private static let idleMs: UInt64 = 100

    /// A pump, with the feed at the place that the log says.
    ///
    /// - Parameters:
    ///   - feed: the feed, at its start.
    ///   - writer: a log with the feed's schema.
    ///   - options: how much is done at a time.
    ///   - again: whether all rows come again that the log has of the feed or of others.
    ///   - time: the clock for pace, syncs and waits.
    ///   - publish: makes side rows durable before it returns, in place of those it has under the
    ///     same kind, feed and number.
    /// - Throws: ``ConnectorError`` when the log's columns are not the feed's, when the feed
    ///   cannot go back to where it was, or when the log has its rows from another feed.
    public init(
        _ feed: any Feed, into writer: TickLogWriter, options: Options = Options(),
        again: Bool = false, time: any TimeSource = SystemTime(),
        publish: @escaping (SideRows) throws -> Void
    ) throws {
        precondition(options.batchRowsMax > 0, "a batch has at least one row")
        guard feed.schema == writer.schema, feed.eventTime == writer.timeColumn else {
            throw ConnectorError(
                "badOptions",
                "the feed gives (\(feed.schema)) with the event time '\(feed.eventTime)', the log "
                    + "holds (\(writer.schema)) with '\(writer.timeColumn)'; change the feed's "
                    + "columns, or fill another log", at: writer.path.string)
        }
        self.feed = feed
        self.writer = writer
        self.options = options
        self.publish = publish
        wait = PumpWait(time, syncIntervalMs: options.syncIntervalMs)
        let identity = feed.replay.identity
        producerName =
            identity?.text ?? "stdin-\(Checksum.hex(UInt64(bitPattern: time.nowMicros())))"
        guard let identity else { return }
        let positions = writer.producerPositions
        let own = positions[identity.text]
        if again {
            if let own { feed.restart(after: FeedPosition(own)) }
            return
        }
        if let own {
            try feed.resume(from: FeedPosition(own))
            report.resumedFrom = own
        }
        for (other, position) in positions.sorted(by: { $0.key < $1.key })
        where other != identity.text {
            let conflict = feed.conflict(
                with: FeedIdentity(stored: other), at: FeedPosition(position))
            if let conflict { throw conflict }
        }
    }

    /// Ends ``run(until:onBatch:)`` soon, from any thread: a feed that waits is interrupted, a wait
    /// for its next try ends at once.
    public func stop() { stopping() }

    /// What ``stop()`` does, to be given to another thread.
    public var stopping: @Sendable () -> Void {
        { [stop = wait.stop, interrupt = feed.interrupt] in
            stop.request()
            interrupt()
        }
    }

    /// Moves rows until the feed ends or `shouldStop` says so, and makes all of them durable.
    ///
    /// - Parameters:
    ///   - shouldStop: asked before every batch, and again and again while there is none.
    ///   - onBatch: called after every append, and after every fault that is tried again, with the
    ///     report so far.
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
            _ = try? sync()
            throw error
        }
        try sync()
        report.notices = feed.notices()
        return report
    }

    private func pump(_ shouldStop: () -> Bool, _ onBatch: (FeedReport) -> Void) throws {
        let pace = feed.pace.map { Pace(rowsPerSecond: $0, from: wait.time.now, report.rows) }
        wait.noteSync()
        while !wait.isStopped(shouldStop) {
            var rowsMax = options.batchRowsMax - held.count
            if let pace {
                let due = pace.rowsDue(at: wait.time.now, of: report.rows)
                // The first row that is due waits for others, as far as it may.
                let left = pace.nanosToNextRow(
                    at: wait.time.now, after: report.rows, delay: delayNanos)
                guard due > 0, left == 0 || due >= Int64(rowsMax) else {
                    if wait.isSyncDue { try sync() }
                    wait.sleep(nanos: left)
                    continue
                }
                rowsMax = Int(min(Int64(rowsMax), due))
            }
            var deadline = wait.deadline(hasUnsynced: hasUnsynced, idleMs: Self.idleMs)
            if let since = held.since {
                deadline = min(deadline, since.advanced(byNanos: delayNanos))
            }
            switch try step(rowsMax, deadline, shouldStop) {
            case .rows(let batch):
                try take(batch)
                if try appendIfDue(isPaced: pace != nil) { onBatch(report) }
            case .idle(let moment):
                let hadRows = held.count > 0
                try sync()
                if hadRows { onBatch(report) }
                wait.sleep(until: min(moment ?? deadline, deadline), or: shouldStop)
            case .ended:
                try append()
                report.reachedEnd = true
                return
            case nil: onBatch(report)
            }
        }
    }

    private var delayNanos: UInt64 {
        UInt64(max(0, options.appendDelayMicros)).multipliedReportingOverflow(by: 1_000)
            .partialValue
    }

    /// Appends the rows that wait when they are many or have waited long enough.
    ///
    /// - Returns: whether nothing waits any more.
    private func appendIfDue(isPaced: Bool) throws -> Bool {
        let isFull = held.count >= options.batchRowsMax
        if let since = held.since, !isPaced, !isFull {
            guard wait.time.now >= since.advanced(byNanos: delayNanos) else { return false }
        }
        try append()
        // A batch that is not full means that the input has nothing more for now.
        if !isFull || wait.isSyncDue { try sync() }
        return true
    }

    /// The feed's next step, or `nil` after a fault that may be tried again and was waited out.
    private func step(
        _ rowsMax: Int, _ deadline: MonotonicTime, _ shouldStop: () -> Bool
    ) throws -> FeedStep? {
        do throws(ConnectorError) {
            return try feed.next(rowsMax: rowsMax, until: deadline)
        } catch {
            let count = faults.count(at: wait.time.now, healthyMs: options.backoff.healthyMs)
            guard let waitMs = options.backoff.wait(after: error, faults: count) else {
                throw error
            }
            report.retries += 1
            report.lastFault = "\(error)"
            // What came before is seen, however long the wait is.
            try sync()
            let (nanos, overflow) = UInt64(waitMs).multipliedReportingOverflow(by: 1_000_000)
            wait.sleep(
                until: wait.time.now.advanced(byNanos: overflow ? .max : nanos), or: shouldStop)
            faults.askAgain(at: wait.time.now)
            return nil
        }
    }

    private func take(_ batch: FeedBatch) throws {
        if !batch.malformed.isEmpty || !batch.gaps.isEmpty {
            // What precedes must be durable first, or a crash would repeat these as part of a
            // larger publication under another name.
            try sync()
            try publishSideRows(batch)
        }
        let producer = feed.replay.identity.map {
            ProducerPosition(id: $0.text, position: batch.position.text)
        }
        if batch.rows.count > 0 {
            held.add(batch.rows, producer, at: wait.time.now)
            faults.noteRows()
        } else if held.count > 0 {
            held.producer = producer
        } else {
            rowless = producer
        }
        report.rows += Int64(batch.rows.count)
        report.malformed += Int64(batch.malformed.count)
        report.gaps += Int64(batch.gaps.count)
    }

    private func publishSideRows(_ batch: FeedBatch) throws {
        if !batch.malformed.isEmpty {
            try publish(
                SideRows(
                    kind: .malformed, feed: producerName, firstNumber: batch.malformedBefore,
                    rows: MalformedRecord.batch(
                        batch.malformed, feed: producerName, firstNumber: batch.malformedBefore)))
        }
        if !batch.gaps.isEmpty {
            try publish(
                SideRows(
                    kind: .gaps, feed: producerName, firstNumber: batch.gapsBefore,
                    rows: FeedGap.batch(
                        batch.gaps, feed: producerName, firstNumber: batch.gapsBefore)))
        }
    }

    /// Appends the rows that wait.
    private func append() throws {
        guard held.count > 0 else { return }
        try writer.append(held.rows(writer.schema), producer: held.producer)
        held = HeldRows()
        rowless = nil
    }

    private var hasUnsynced: Bool {
        rowless != nil || writer.durableOffset < writer.endOffset
    }

    private func sync() throws {
        try append()
        try writer.sync()
        if let position = rowless {
            try writer.keep(position)
            rowless = nil
        }
        wait.noteSync()
    }
}

/// How many rows are due at a pace.
private struct Pace {
    private let rowsPerSecond: Double
    private let start: MonotonicTime
    private let rowsBefore: Int64

    init(rowsPerSecond: Double, from start: MonotonicTime, _ rowsBefore: Int64) {
        self.rowsPerSecond = rowsPerSecond
        self.start = start
        self.rowsBefore = rowsBefore
    }

    func rowsDue(at now: MonotonicTime, of rows: Int64) -> Int64 {
        let seconds = Double(now.nanos(since: start)) / 1e9
        return Int64(min(rowsPerSecond * seconds, 1e18)) - (rows - rowsBefore)
    }

    /// How long it is until the next row has been due for some time; at least 50 µs, or 0.
    func nanosToNextRow(at now: MonotonicTime, after rows: Int64, delay: UInt64) -> UInt64 {
        let due = Double(rows - rowsBefore + 1) / rowsPerSecond * 1e9 + Double(delay)
        let left = due - Double(now.nanos(since: start))
        return left <= 0 ? 0 : UInt64(min(max(left, 50_000), 1e9))
    }
}

/// Rows of a feed that wait for others, so that they are one append.
private struct HeldRows {
    private var batches: [RecordBatch] = []
    private(set) var count = 0
    /// When the first came.
    private(set) var since: MonotonicTime?
    /// How far the feed has come with the last.
    var producer: ProducerPosition?

    mutating func add(_ rows: RecordBatch, _ producer: ProducerPosition?, at now: MonotonicTime) {
        batches.append(rows)
        count += rows.count
        since = since ?? now
        self.producer = producer
    }

    /// All of them, in order.
    func rows(_ schema: Schema) throws(StringsTooLarge) -> RecordBatch {
        if batches.count == 1 { return batches[0] }
        return try RecordBatch.concatenate(batches, schema: schema)
    }
}
