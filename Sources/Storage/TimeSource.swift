import Glibc

/// Where the time comes from: the machine, or a test.
public protocol TimeSource: Sendable {
    /// Wall-clock time in microseconds since the epoch, UTC. It may jump either way.
    func nowMicros() -> Int64

    /// A time that only goes forward, in nanoseconds since some moment.
    func monotonicNanos() -> UInt64

    /// Waits. It may return early, when a signal arrives.
    func sleep(nanos: UInt64)
}

/// The machine's clocks.
public struct SystemTime: TimeSource {
    /// The machine's clocks.
    public init() {}

    /// The real-time clock.
    public func nowMicros() -> Int64 {
        let now = SystemTime.read(CLOCK_REALTIME)
        return Int64(now.tv_sec) * 1_000_000 + Int64(now.tv_nsec) / 1000
    }

    /// The monotonic clock.
    public func monotonicNanos() -> UInt64 {
        let now = SystemTime.read(CLOCK_MONOTONIC)
        return UInt64(now.tv_sec) * 1_000_000_000 + UInt64(now.tv_nsec)
    }

    /// Waits with nanosleep, which a signal ends early.
    public func sleep(nanos: UInt64) {
        var time = timespec(
            tv_sec: Int(nanos / 1_000_000_000), tv_nsec: Int(nanos % 1_000_000_000))
        unsafe nanosleep(&time, nil)
    }

    private static func read(_ clock: clockid_t) -> timespec {
        var now = timespec()
        let result = unsafe clock_gettime(clock, &now)
        precondition(result == 0, "the machine has no clock \(clock)")
        return now
    }
}
