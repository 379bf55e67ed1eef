import Storage
import Synchronization

/// When a pump syncs, and how it waits: in short pieces, so that a stop is noticed at once.
final class PumpWait {
    let time: any TimeSource
    let stop = StopRequest()
    private let syncNanos: UInt64
    private var lastSync: MonotonicTime

    /// The longest that a stop may go unnoticed.
    private static let pieceNanos: UInt64 = 5_000_000

    init(_ time: any TimeSource, syncIntervalMs: Int64) {
        self.time = time
        syncNanos =
            UInt64(max(0, syncIntervalMs)).multipliedReportingOverflow(by: 1_000_000)
            .partialValue
        lastSync = time.now
    }

    func noteSync() { lastSync = time.now }

    var isSyncDue: Bool { time.now >= lastSync.advanced(byNanos: syncNanos) }

    /// When a feed that has nothing to give comes back: for the next sync, or for a look around.
    func deadline(hasUnsynced: Bool, idleMs: UInt64) -> MonotonicTime {
        hasUnsynced
            ? lastSync.advanced(byNanos: syncNanos) : time.now.advanced(byNanos: idleMs * 1_000_000)
    }

    func isStopped(_ shouldStop: () -> Bool) -> Bool { stop.isRequested || shouldStop() }

    /// Sleeps, at most for one piece or to the next sync.
    func sleep(nanos: UInt64) {
        let piece = max(50_000, min(Self.pieceNanos, syncNanos))
        time.sleep(nanos: min(max(nanos, 50_000), piece))
    }

    /// Sleeps until a moment, or until it is to stop.
    func sleep(until moment: MonotonicTime, or shouldStop: () -> Bool) {
        while case let left = moment.nanos(since: time.now), left > 0, !isStopped(shouldStop) {
            time.sleep(nanos: min(left, Self.pieceNanos))
        }
    }
}

/// A request to stop, from any thread.
final class StopRequest: Sendable {
    private let requested = Atomic<Bool>(false)

    func request() { requested.store(true, ordering: .releasing) }

    var isRequested: Bool { requested.load(ordering: .acquiring) }
}
