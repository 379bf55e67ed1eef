public import Storage
import Synchronization

/// A clock that a test moves; sleeping moves it too and takes no time.
///
/// What is planned for a time is done by the sleep that reaches it.
public final class ManualTime: TimeSource {
    private struct Clocks {
        var wallMicros: Int64
        var monotonicNanos: UInt64 = 0
        var planned: [(nanos: UInt64, action: @Sendable () -> Void)] = []

        mutating func takeDue() -> [@Sendable () -> Void] {
            let due = planned.filter { $0.nanos <= monotonicNanos }.map(\.action)
            planned.removeAll { $0.nanos <= monotonicNanos }
            return due
        }
    }

    private let clocks: Mutex<Clocks>

    /// A clock that stands at a time, microseconds since the epoch.
    public init(nowMicros: Int64 = 1_767_600_000_000_000) {
        clocks = Mutex(Clocks(wallMicros: nowMicros))
    }

    /// The wall clock.
    public func nowMicros() -> Int64 { clocks.withLock { $0.wallMicros } }

    /// Nanoseconds since the clock was made.
    public func monotonicNanos() -> UInt64 { clocks.withLock { $0.monotonicNanos } }

    /// Lets the time pass at once.
    public func sleep(nanos: UInt64) {
        let due = clocks.withLock {
            $0.wallMicros += Int64(nanos / 1000)
            $0.monotonicNanos += nanos
            return $0.takeDue()
        }
        for action in due { action() }
    }

    /// Plans something for when so many milliseconds have been slept.
    public func after(ms: Int64, _ action: @escaping @Sendable () -> Void) {
        clocks.withLock {
            $0.planned.append(($0.monotonicNanos + UInt64(ms) * 1_000_000, action))
        }
    }

    /// Sets the wall clock, forward or back, without time passing.
    public func jump(toMicros micros: Int64) { clocks.withLock { $0.wallMicros = micros } }
}
