import ConnectorAPI
import Connectors
import Dispatch
import Feeds
import Jobs
import Storage
import Synchronization
import TickLog

/// Fills a job's log from its feed: all of it before a run, or beside a run.
final class FeedRun: Sendable {
    private struct State {
        var report: FeedReport?
        var error: (any Error)?
        /// Ends the pump's waits.
        var stopPump: (@Sendable () -> Void)?
    }

    private let spec: FeedSpec
    /// The log that it fills.
    let logPath: Path
    private let state = Mutex(State())
    private let stop = StopSignal()
    private let done = DispatchSemaphore(value: 0)

    init(_ spec: FeedSpec, logPath: Path) {
        self.spec = spec
        self.logPath = logPath
    }

    /// Whether the feed comes to an end by itself.
    var isBounded: Bool {
        if case .simulator(let spec) = spec { spec.ticks != nil } else { true }
    }

    /// Whether the feed has failed.
    var hasFailed: Bool { state.withLock { $0.error != nil } }

    /// Fills the log until the feed ends or a stop is asked for.
    func fill(shouldStop: () -> Bool, onBatch: (FeedReport) -> Void) throws -> FeedReport {
        let feed = try spec.makeFeed(files: machineFiles)
        let writer = try openLogWriter(logPath, for: feed)
        let tables = try FeedTables(malformed: spec.rejectsPath, machineFiles)
        let pump = try FeedPump(feed, into: writer, publish: tables.publish)
        state.withLock { $0.stopPump = pump.stopping }
        let report = try pump.run(until: shouldStop, onBatch: onBatch)
        feed.close()
        try writer.close()
        return report
    }

    /// Fills the log on a thread of its own.
    func start() {
        DispatchQueue(label: "feed").async { [self] in
            do {
                let report = try fill(shouldStop: { stop.isRequested }, onBatch: { _ in })
                state.withLock { $0.report = report }
            } catch {
                state.withLock { $0.error = error }
            }
            done.signal()
        }
    }

    /// Ends what `start` began: what it did, or, thrown, what it failed with.
    func finish() throws -> FeedReport? {
        stop.request()
        state.withLock { $0.stopPump }?()
        done.wait()
        return try state.withLock { state in
            if let error = state.error { throw error }
            return state.report
        }
    }
}

extension FeedSpec {
    /// The table for rows that do not parse; a simulator has none.
    var rejectsPath: String? {
        switch self {
        case .simulator: nil
        case .csv(let spec): spec.input.rejectsPath
        case .json(let spec): spec.input.rejectsPath
        }
    }
}
