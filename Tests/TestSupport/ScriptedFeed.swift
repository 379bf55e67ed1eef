public import Columnar
public import ConnectorAPI
public import Storage

/// A feed that does what a script says, as a peer on a network would: gives rows, falls silent,
/// fails, loses rows.
///
/// Row `i` has the id `i` and the event time `i` milliseconds after the epoch. The position counts
/// rows, malformed records and gaps that were given, and events that are done: a fault that was
/// thrown does not come again when the feed is asked again, but does in a new feed.
public final class ScriptedFeed: Feed {
    /// What happens next.
    public enum Event: Sendable {
        /// So many rows are there.
        case rows(Int)
        /// So many records are there that do not parse.
        case malformed(Int)
        /// Rows may be missing.
        case gap(FeedGap)
        /// Nothing but a new position.
        case progress
        /// Nothing comes for some milliseconds of the clock.
        case silence(ms: Int64)
        /// The feed fails, once.
        case fault(ConnectorError)
        /// Nothing comes any more, and no end either.
        case hangs
    }

    /// `id` and `t`.
    public let schema = Schema([
        Field("id", .long, isNullable: false), Field("t", .timestamp, isNullable: false),
    ])
    /// `t`.
    public let eventTime = "t"
    /// As given.
    public let pace: Double?
    /// As given.
    public let replay: Replay
    /// Ends a silence.
    public var interrupt: @Sendable () -> Void { { [asked] in asked.ask() } }
    /// How often `next` was called.
    public private(set) var calls = 0

    private let asked = FeedInterrupt()
    private let script: [Event]
    private let time: any TimeSource
    private var event = 0
    private var rowsOfEvent = 0
    private var rows: Int64 = 0
    private var malformed: Int64 = 0
    private var gaps: Int64 = 0
    private var silentUntil: MonotonicTime?

    /// A feed at the start of its script.
    ///
    /// - Parameters:
    ///   - script: what happens, in order; then the feed ends.
    ///   - time: the clock of silences.
    ///   - replay: from any position by default.
    ///   - pace: rows a second; as fast as it can by default.
    public init(
        _ script: [Event], time: any TimeSource,
        replay: Replay = .from(FeedIdentity("scripted", [])), pace: Double? = nil
    ) {
        self.script = script
        self.time = time
        self.replay = replay
        self.pace = pace
    }

    /// Goes on behind a position; a feed that cannot go back says that rows may be missing.
    public func resume(from position: FeedPosition) throws(ConnectorError) {
        let numbers = position.text.split(separator: " ").compactMap { Int64($0) }
        guard numbers.count == 5, numbers.allSatisfy({ $0 >= 0 }), numbers[0] <= script.count else {
            throw ConnectorError("badPosition", "no position of the script", fault: .damage)
        }
        event = Int(numbers[0])
        rowsOfEvent = Int(clamping: numbers[1])
        (rows, malformed, gaps) = (numbers[2], numbers[3], numbers[4])
    }

    /// What the script says next.
    public func next(
        rowsMax: Int, until deadline: MonotonicTime
    ) throws(ConnectorError) -> FeedStep {
        calls += 1
        while event < script.count {
            switch script[event] {
            case .rows(let count):
                let taken = min(rowsMax, count - rowsOfEvent)
                rowsOfEvent += taken
                finish(rowsOfEvent == count)
                return .rows(batch(rowCount: taken))
            case .malformed(let count):
                finish(true)
                return .rows(batch(malformedCount: count))
            case .gap(let gap):
                finish(true)
                return .rows(batch(gap: gap))
            case .progress:
                finish(true)
                return .rows(batch())
            case .fault(let error):
                finish(true)
                throw error
            case .silence(let ms):
                let end = silentUntil ?? time.now.advanced(byNanos: UInt64(ms) * 1_000_000)
                silentUntil = end
                guard waits(until: min(end, deadline)), time.now >= end else {
                    return .idle(until: end)
                }
                finish(true)
            case .hangs:
                _ = waits(until: deadline)
                return .idle(until: nil)
            }
        }
        return .ended
    }

    private func finish(_ isDone: Bool) {
        guard isDone else { return }
        event += 1
        rowsOfEvent = 0
        silentUntil = nil
    }

    /// Sleeps until a moment; `false` when somebody wants the feed back before.
    private func waits(until moment: MonotonicTime) -> Bool {
        while case let left = moment.nanos(since: time.now), left > 0 {
            if asked.take() { return false }
            time.sleep(nanos: min(left, 1_000_000))
        }
        return true
    }

    private func batch(
        rowCount: Int = 0, malformedCount: Int = 0, gap: FeedGap? = nil
    ) -> FeedBatch {
        let ids = rows..<rows + Int64(rowCount)
        let numbers = malformed..<malformed + Int64(malformedCount)
        let gapsBefore = gaps
        rows = ids.upperBound
        malformed = numbers.upperBound
        gaps += gap == nil ? 0 : 1
        return FeedBatch(
            rows: RecordBatch(schema, rows: ids.map { [.long($0), .timestamp($0 * 1_000)] }),
            position: FeedPosition("\(event) \(rowsOfEvent) \(rows) \(malformed) \(gaps)"),
            malformed: numbers.map {
                MalformedRecord(
                    reason: "no number", source: "script", byteOffset: $0, line: $0 + 1, text: "x")
            }, malformedBefore: numbers.lowerBound, gaps: gap.map { [$0] } ?? [],
            gapsBefore: gapsBefore)
    }
}
