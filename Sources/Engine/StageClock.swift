import Storage

/// Measures the stages of a batch one after the other.
struct StageClock {
    /// Where it reads the time.
    let time: any TimeSource
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

/// The share of wall time that a stage had beside another, as threads were busy with them.
func share(of wall: UInt64, _ nanos: UInt64, beside other: UInt64) -> UInt64 {
    min(wall, UInt64(Double(wall) * (Double(nanos) / max(1, Double(nanos) + Double(other)))))
}
