public import Storage
import Synchronization

/// Waits for the rows of a source that can only be looked at: soon again while rows come, since the
/// next ones are expected soon, else every millisecond.
///
/// Spark's `pollingDelay` is 10 ms; a look is one small read, and an update should be visible within
/// a few milliseconds.
public final class PollingWait: Sendable {
    private static let idleNanos: UInt64 = 1_000_000
    private static let busyNanos: UInt64 = 50_000
    /// For how long after rows the next ones are expected soon.
    private static let expectingNanos: UInt64 = 100_000_000

    private let time: any TimeSource
    /// When a position was first waited beyond: rows came then.
    private let progress: Mutex<(position: SourceOffsets, since: MonotonicTime)?> = Mutex(nil)

    /// A wait by a clock.
    public init(_ time: any TimeSource) { self.time = time }

    /// Waits until the source has rows beyond a position, or until a deadline.
    public func wait(
        for source: some Source, beyond seen: SourceOffsets, until deadline: MonotonicTime
    ) {
        let since = since(seen)
        while true {
            let now = time.now
            guard now < deadline else { return }
            let isBusy = now.nanos(since: since) < Self.expectingNanos
            time.sleep(
                nanos: min(deadline.nanos(since: now), isBusy ? Self.busyNanos : Self.idleNanos))
            // What cannot be looked at is for who reads it to say.
            guard let latest = try? source.latest(), latest == seen else { return }
        }
    }

    private func since(_ seen: SourceOffsets) -> MonotonicTime {
        progress.withLock { progress in
            if let known = progress, known.position == seen { return known.since }
            let now = time.now
            progress = (seen, now)
            return now
        }
    }
}
