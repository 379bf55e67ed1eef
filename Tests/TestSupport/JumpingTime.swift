public import Storage
import Synchronization

/// Clocks as bad as they may be: the wall clock jumps by seconds or years either way whenever it
/// is read, the monotonic one goes forward by chance; both as a seed says.
public final class JumpingTime: TimeSource {
    private struct Clocks {
        var generator: SeededGenerator
        var monotonicNanos: UInt64 = 0
        var sleeps = 0
    }

    private static let startMicros: Int64 = 1_767_600_000_000_000
    private static let yearMicros: Int64 = 31_557_600_000_000
    private let clocks: Mutex<Clocks>

    /// The clocks that belong to a seed.
    public init(seed: UInt64) {
        clocks = Mutex(Clocks(generator: SeededGenerator(seed: seed)))
    }

    /// How often somebody slept.
    public var sleeps: Int { clocks.withLock { $0.sleeps } }

    /// The wall clock: mostly near one moment, at times ten years before or after it.
    public func nowMicros() -> Int64 {
        clocks.withLock { clocks in
            let reaches: [Int64] = [1_000_000, 86_400_000_000, 10 * Self.yearMicros]
            let reach = reaches.randomElement(using: &clocks.generator) ?? 0
            return Self.startMicros + Int64.random(in: -reach...reach, using: &clocks.generator)
        }
    }

    /// Nanoseconds since the clock was made.
    public func monotonicNanos() -> UInt64 {
        clocks.withLock { clocks in
            clocks.monotonicNanos += UInt64.random(in: 0...3_000_000, using: &clocks.generator)
            return clocks.monotonicNanos
        }
    }

    /// Lets the time pass at once.
    public func sleep(nanos: UInt64) {
        clocks.withLock {
            $0.monotonicNanos += nanos
            $0.sleeps += 1
        }
    }
}
