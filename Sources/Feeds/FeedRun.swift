import Columnar
public import ConnectorAPI
import Dispatch
public import Storage
import Synchronization
import TickLog

/// Fills a job's log from its feed: all of it before a run, or beside a run.
public final class FeedRun: Sendable {
    private struct State {
        var report: FeedReport?
        var error: (any Error)?
        /// Ends the pump's waits.
        var stopPump: (@Sendable () -> Void)?
    }

    /// How the log is filled.
    public struct Options: Sendable {
        /// How much is done at a time.
        public var pump = FeedPump.Options()
        /// The lowest offset of the log that somebody still needs.
        public var needed: @Sendable () throws -> LogNeed? = { nil }

        /// As a pump does by itself; nobody needs anything.
        public init() {}
    }

    private let spec: any FeedSpec
    private let place: FeedPlace
    private let options: Options
    /// The log that it fills.
    public let logPath: Path
    private let state = Mutex(State())
    private let isStopRequested = Atomic<Bool>(false)
    private let done = DispatchSemaphore(value: 0)

    /// A run that has not begun.
    ///
    /// - Parameters:
    ///   - spec: what fills the log.
    ///   - logPath: the log's directory.
    ///   - place: what the feed needs.
    ///   - options: how the log is filled.
    public init(
        _ spec: any FeedSpec, logPath: Path, _ place: FeedPlace, options: Options = Options()
    ) {
        self.spec = spec
        self.options = options
        self.logPath = logPath
        self.place = place
    }

    /// Whether the feed comes to an end by itself.
    public var isBounded: Bool { spec.isBounded }

    /// Whether the feed has failed.
    public var hasFailed: Bool { state.withLock { $0.error != nil } }

    /// Fills the log until the feed ends or a stop is asked for.
    public func fill(
        shouldStop: () -> Bool, onBatch: (FeedReport) -> Void
    ) throws -> FeedReport {
        let feed = try spec.make(place)
        let writer = try openLogWriter(logPath, for: feed, place.files)
        return try fill(writer, from: feed, shouldStop: shouldStop, onBatch: onBatch)
    }

    /// Fills the log with rows as they come, and keeps it small meanwhile.
    private func fillLive() throws -> FeedReport {
        let feed = try spec.make(place)
        var log = TickLogOptions(journal: JournalOptions())
        log.isMaintained = true
        if let retention = try? LogRetention.read(logPath, place.files) {
            log.segmentBytesMax = retention.segmentBytesMax
        }
        let writer = try openLogWriter(logPath, for: feed, options: log, place.files)
        let maintenance = LogMaintenance(writer, time: place.time, needed: options.needed)
        maintenance.start()
        do {
            var report = try fill(
                writer, from: feed,
                shouldStop: { isStopRequested.load(ordering: .relaxed) }, onBatch: { _ in },
                beforeClose: { _ = maintenance.stop() })
            report.notices += maintenance.stop()
            return report
        } catch {
            _ = maintenance.stop()
            throw error
        }
    }

    private func fill(
        _ writer: TickLogWriter, from feed: any Feed, shouldStop: () -> Bool,
        onBatch: (FeedReport) -> Void, beforeClose: () -> Void = {}
    ) throws -> FeedReport {
        let tables = try FeedTables(malformed: spec.malformedTable?.directory, place.files)
        let pump = try FeedPump(
            feed, into: writer, options: options.pump, publish: tables.publish)
        state.withLock { $0.stopPump = pump.stopping }
        let report = try pump.run(until: shouldStop, onBatch: onBatch)
        feed.close()
        beforeClose()
        try writer.close()
        return report
    }

    /// Fills the log on a thread of its own.
    ///
    /// - Throws: ``ConnectorError`` when the system gives no thread; nothing is filled then.
    public func start() throws(ConnectorError) {
        let code = startThread { [self] in
            do {
                let report = try fillLive()
                state.withLock { $0.report = report }
            } catch {
                state.withLock { $0.error = error }
            }
            done.signal()
        }
        guard code == 0 else {
            done.signal()
            throw ConnectorError(
                "noThread",
                "cannot create a thread for the feed (error \(code)); raise the limit of processes "
                    + "(ulimit -u) or of memory (ulimit -v)", at: logPath.string)
        }
    }

    /// Ends what `start` began: what it did, or, thrown, what it failed with.
    public func finish() throws -> FeedReport? {
        isStopRequested.store(true, ordering: .relaxed)
        state.withLock { $0.stopPump }?()
        done.wait()
        return try state.withLock { state in
            if let error = state.error { throw error }
            return state.report
        }
    }
}
