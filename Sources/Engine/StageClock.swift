import Storage

/// Measures the stages of a batch one after the other.
struct StageClock {
    private let time: any TimeSource
    private var last: UInt64

    init(_ time: any TimeSource) {
        self.time = time
        last = time.monotonicNanos()
    }

    /// The monotonic clock in nanoseconds.
    var now: UInt64 { time.monotonicNanos() }

    /// Nanoseconds since the last lap, or since the start.
    mutating func lap() -> UInt64 {
        let now = time.monotonicNanos()
        defer { last = now }
        return now - last
    }
}
