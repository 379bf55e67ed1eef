import Columnar
import Dispatch
public import Storage
import Synchronization
public import TickLog

/// Keeps a log small beside its appends, on a thread of its own that gives way to all others:
/// folds full journals, compresses sealed segments, and carries out the log's retention.
///
/// It works for at most a quarter of the time, so that it takes at most a quarter of a processor.
/// What fails for want of space leaves the files as they were and is tried again.
public final class LogMaintenance: Sendable {
    /// What a log's checkpoints still need of it: the lowest offset, and whose it is.
    public typealias Needed = @Sendable () throws -> LogNeed?

    private struct State {
        var notices: [String] = []
        var isRunning = false
    }

    private let writer: TickLogWriter
    private let time: any TimeSource
    private let needed: Needed
    private let state = Mutex(State())
    private let isStopRequested = Atomic<Bool>(false)
    private let done = DispatchSemaphore(value: 0)

    /// How long it waits between two looks, in nanoseconds.
    private static let waitNanos: UInt64 = 50_000_000
    /// How long it waits after a fault.
    private static let faultNanos: UInt64 = 30_000_000_000
    /// How often retention is looked at.
    private static let retentionNanos: UInt64 = 2_000_000_000
    /// It rests so many times as long as it works.
    private static let restFactor: UInt64 = 3
    /// With more full journals than this it does not rest.
    private static let journalsAtRest = 1
    private static let noticesMax = 20

    /// The maintenance of an open log, which has not begun.
    ///
    /// - Parameters:
    ///   - writer: the log; its options say that it is maintained.
    ///   - time: the clocks.
    ///   - needed: what its checkpoints still have to read.
    public init(
        _ writer: TickLogWriter, time: any TimeSource = SystemTime(), needed: @escaping Needed
    ) {
        self.writer = writer
        self.time = time
        self.needed = needed
    }

    /// Begins.
    ///
    /// Where the system gives no thread, the log is not maintained beside the appends, which
    /// then wait for the folding of journals.
    public func start() {
        state.withLock { $0.isRunning = true }
        let code = startThread { [self] in
            lowerPriorityOfThisThread()
            run()
            done.signal()
        }
        if code != 0 {
            state.withLock { $0.isRunning = false }
            note("the log is not compressed: there is no thread for it (error \(code))")
        }
    }

    /// Ends it, and says what went wrong.
    public func stop() -> [String] {
        isStopRequested.store(true, ordering: .releasing)
        if state.withLock({ $0.isRunning }) {
            done.wait()
            state.withLock { $0.isRunning = false }
        }
        return state.withLock { $0.notices }
    }

    private var isStopped: Bool { isStopRequested.load(ordering: .acquiring) }

    private func run() {
        var retention = RetentionRun(writer, time: time, needed: needed)
        var nextRetention = time.now
        while !isStopped {
            let begun = time.now
            var worked = false
            do {
                worked = try writer.foldNext()
                if time.now >= nextRetention {
                    nextRetention = time.now.advanced(byNanos: Self.retentionNanos)
                    if let notice = try retention.run() { note(notice) }
                }
                if !worked { worked = try writer.compressNext(pause: pause(since: begun)) }
            } catch let error as TickLogError where error.code == .writerFailed {
                return
            } catch {
                note("\(error)")
                rest(Self.faultNanos)
            }
            // Appends would have to wait if many journals did.
            if writer.fullJournals > Self.journalsAtRest { continue }
            rest(worked ? Self.restFactor * time.now.nanos(since: begun) : Self.waitNanos)
        }
    }

    /// Rests in proportion to what was worked since it was called last; `false` when it is to stop.
    private func pause(since begun: MonotonicTime) -> () -> Bool {
        var last = begun
        return { [self] in
            rest(Self.restFactor * time.now.nanos(since: last))
            last = time.now
            return !isStopped
        }
    }

    private func rest(_ nanos: UInt64) {
        let end = time.now.advanced(byNanos: nanos)
        while !isStopped, case let left = end.nanos(since: time.now), left > 0 {
            time.sleep(nanos: min(left, Self.waitNanos))
        }
    }

    private func note(_ notice: String) {
        state.withLock { state in
            guard state.notices.last != notice, state.notices.count < Self.noticesMax else {
                return
            }
            state.notices.append(notice)
        }
    }
}
