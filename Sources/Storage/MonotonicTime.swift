/// A moment of the monotonic clock, in nanoseconds since some moment before the program began.
///
/// It says how long to wait and how long something took, never what time of day it is.
public struct MonotonicTime: Hashable, Comparable, Sendable {
    /// Nanoseconds of ``TimeSource/monotonicNanos()``.
    public let nanos: UInt64

    /// The moment at which the monotonic clock shows that many nanoseconds.
    public init(nanos: UInt64) { self.nanos = nanos }

    /// A moment that never comes.
    public static let distantFuture = MonotonicTime(nanos: .max)

    /// The moment that many nanoseconds later; at most ``distantFuture``.
    public func advanced(byNanos nanos: UInt64) -> MonotonicTime {
        let (sum, overflow) = self.nanos.addingReportingOverflow(nanos)
        return overflow ? .distantFuture : MonotonicTime(nanos: sum)
    }

    /// The nanoseconds from an earlier moment to this one; 0 when it is not earlier.
    public func nanos(since earlier: MonotonicTime) -> UInt64 {
        nanos > earlier.nanos ? nanos - earlier.nanos : 0
    }

    /// The order of time.
    public static func < (left: MonotonicTime, right: MonotonicTime) -> Bool {
        left.nanos < right.nanos
    }
}

extension TimeSource {
    /// The moment that it is now.
    public var now: MonotonicTime { MonotonicTime(nanos: monotonicNanos()) }
}
