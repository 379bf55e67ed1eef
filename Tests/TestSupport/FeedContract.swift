import Columnar
public import ConnectorAPI
import Dispatch
import Feeds
public import Storage
import Synchronization
import TickLog

/// What every feed promises, checked on one that is made again and again over the same inputs.
///
/// The feeds must come to an end, or fall silent for good.
public struct FeedContract {
    /// A promise that was broken, and how.
    public struct Violation: Hashable, Sendable, CustomStringConvertible {
        /// The promises.
        public enum Clause: String, Sendable, CaseIterable {
            /// What follows a position follows the batch that carried it.
            case resume
            /// Malformed records and gaps are numbered without holes, the same every time.
            case numbers
            /// An interrupt ends a wait at once, a deadline in time.
            case interrupt
            /// After a fault that may be retried a feed goes on where it was.
            case retry
            /// Rows come no faster than the feed's pace.
            case pace
        }

        /// The promise.
        public let clause: Clause
        /// How it was broken.
        public let detail: String
        /// The promise and how it was broken.
        public var description: String { "\(clause): \(detail)" }
    }

    /// Everything a feed gives, in order.
    private struct Content: Equatable {
        var rows: [[Value]] = []
        var malformed: [MalformedRecord] = []
        var gaps: [FeedGap] = []
    }

    private let rowsMax: Int
    private let make: (any TimeSource) throws -> any Feed
    /// How long a feed may take to come back, in nanoseconds.
    private let promptNanos: UInt64

    /// The contract of some feeds.
    ///
    /// - Parameters:
    ///   - rowsMax: the most rows of a batch; small, so that there are several.
    ///   - promptMs: how long an interrupted feed may take to come back, in milliseconds.
    ///   - make: a new feed at its start, by a clock; always of the same content.
    public init(
        rowsMax: Int, promptMs: Int = 1_000, make: @escaping (any TimeSource) throws -> any Feed
    ) {
        self.rowsMax = rowsMax
        promptNanos = UInt64(promptMs) * 1_000_000
        self.make = make
    }

    /// The promises that are not kept; none for a feed that keeps all.
    public func violations() throws -> [Violation] {
        let whole = try read(make(ManualTime()))
        return try checkResume(whole.batches) + checkNumbers(whole.batches) + checkInterrupt()
            + checkRetry(whole.content) + checkPace(whole.content)
    }

    private func read(
        _ feed: any Feed, before deadline: MonotonicTime? = nil
    ) throws -> (content: Content, batches: [FeedBatch]) {
        var content = Content()
        var batches: [FeedBatch] = []
        var idle = 0
        loop: while true {
            switch try feed.next(rowsMax: rowsMax, until: MonotonicTime(nanos: 0)) {
            case .rows(let batch):
                content.rows += batch.rows.rows
                content.malformed += batch.malformed
                content.gaps += batch.gaps
                batches.append(batch)
                idle = 0
            case .idle:
                idle += 1
                if idle == 3 { break loop }
            case .ended: break loop
            }
        }
        return (content, batches)
    }

    private func checkResume(_ batches: [FeedBatch]) throws -> [Violation] {
        guard case .from = try make(ManualTime()).replay else { return [] }
        for (index, batch) in batches.enumerated() {
            let feed = try make(ManualTime())
            try feed.resume(from: batch.position)
            var expected = Content()
            for later in batches[(index + 1)...] {
                expected.rows += later.rows.rows
                expected.malformed += later.malformed
                expected.gaps += later.gaps
            }
            let found = try read(feed)
            let numbers = found.batches.first.map { ($0.malformedBefore, $0.gapsBefore) }
            let counted = (
                batch.malformedBefore + Int64(batch.malformed.count),
                batch.gapsBefore + Int64(batch.gaps.count)
            )
            if let numbers, numbers != counted {
                return [
                    Violation(
                        clause: .numbers,
                        detail: "after a resume behind batch \(index) they go on "
                            + "at \(numbers), not at \(counted)")
                ]
            }
            if found.content != expected {
                return [
                    Violation(
                        clause: .resume,
                        detail: "behind batch \(index) there are \(expected.rows.count) rows, "
                            + "\(found.content.rows.count) came, or others")
                ]
            }
        }
        return []
    }

    private func checkNumbers(_ batches: [FeedBatch]) throws -> [Violation] {
        var (malformed, gaps) = (0 as Int64, 0 as Int64)
        for (index, batch) in batches.enumerated() {
            if (batch.malformedBefore, batch.gapsBefore) != (malformed, gaps) {
                return [
                    Violation(
                        clause: .numbers,
                        detail: "batch \(index) begins at \(batch.malformedBefore) and "
                            + "\(batch.gapsBefore), not at \(malformed) and \(gaps)")
                ]
            }
            malformed += Int64(batch.malformed.count)
            gaps += Int64(batch.gaps.count)
        }
        return []
    }

    /// Handed to the thread that waits for the feed's answer, which alone uses it meanwhile.
    private struct Lent: @unchecked Sendable {
        let feed: any Feed
    }

    /// Reads up to where nothing comes, and interrupts a call that has all the time of the world.
    private func checkInterrupt() throws -> [Violation] {
        let feed = try make(SystemTime())
        _ = try read(feed)
        let interrupt = feed.interrupt
        let lent = Lent(feed: feed)
        let isBack = DispatchSemaphore(value: 0)
        let rowsMax = rowsMax
        DispatchQueue(label: "feed").async {
            _ = try? lent.feed.next(rowsMax: rowsMax, until: .distantFuture)
            isBack.signal()
        }
        let time = SystemTime()
        time.sleep(nanos: 20_000_000)
        interrupt()
        let end = DispatchTime.now() + .nanoseconds(Int(promptNanos))
        guard isBack.wait(timeout: end) == .timedOut else { return [] }
        return [Violation(clause: .interrupt, detail: "a call goes on after an interrupt")]
    }

    /// Pumps the feed with a fault before every other call.
    private func checkRetry(_ whole: Content) throws -> [Violation] {
        let time = ManualTime()
        let feed = FaultyFeed(try make(time))
        let pumped = try pump(feed, time) { time.monotonicNanos() > 600_000_000_000 }
        guard pumped.rows != whole.rows else { return [] }
        return [
            Violation(
                clause: .retry,
                detail: "with faults between \(pumped.rows.count) rows came, or others than the "
                    + "\(whole.rows.count) without")
        ]
    }

    private func checkPace(_ whole: Content) throws -> [Violation] {
        let time = ManualTime()
        let feed = try make(time)
        guard let pace = feed.pace else { return [] }
        var violation: Violation?
        let start = time.monotonicNanos()
        let pumped = try pump(feed, time) {
            time.monotonicNanos() > 600_000_000_000
        } onBatch: {
            let due = Double(time.monotonicNanos() - start) / 1e9 * pace
            if Double($0) > due + 1 {
                violation = Violation(clause: .pace, detail: "\($0) rows came, \(due) were due")
            }
        }
        if violation == nil, pumped.rows != whole.rows {
            violation = Violation(clause: .pace, detail: "other rows came at a pace")
        }
        return violation.map { [$0] } ?? []
    }

    private func pump(
        _ feed: any Feed, _ time: ManualTime, until shouldStop: @escaping () -> Bool,
        onBatch: (Int64) -> Void = { _ in }
    ) throws -> (rows: [[Value]], report: FeedReport) {
        let files = SimulatedFileSystem()
        let log = try Path("log/contract")
        try TickLogWriter.create(log, schema: feed.schema, timeColumn: feed.eventTime, files)
        let writer = try TickLogWriter(log, files, time: time)
        var options = FeedPump.Options()
        options.batchRowsMax = rowsMax
        options.backoff.mostMs = 1_000
        let pump = try FeedPump(feed, into: writer, options: options, time: time) { _ in }
        let report = try pump.run(until: shouldStop) { onBatch($0.rows) }
        let reader = try TickLogReader(log, files)
        let rows = try reader.read(reader.startOffset..<reader.endOffset).flatMap { $0.batch.rows }
        try writer.close()
        return (rows, report)
    }
}

/// A feed that fails before every other call, in a way that may be tried again.
private final class FaultyFeed: Feed {
    private let feed: any Feed
    private var calls = 0

    init(_ feed: any Feed) { self.feed = feed }

    var schema: Schema { feed.schema }
    var eventTime: String { feed.eventTime }
    var replay: Replay { feed.replay }
    var interrupt: @Sendable () -> Void { feed.interrupt }

    func resume(from position: FeedPosition) throws(ConnectorError) {
        try feed.resume(from: position)
    }

    func next(rowsMax: Int, until deadline: MonotonicTime) throws(ConnectorError) -> FeedStep {
        calls += 1
        if calls % 2 == 1 { throw ConnectorError("planted", "tried again", retry: .now) }
        return try feed.next(rowsMax: rowsMax, until: deadline)
    }
}
