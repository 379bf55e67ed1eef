/// A point in event time: microseconds since 1970-01-01T00:00:00Z, as in a timestamp column.
public struct EventTime: Hashable, Comparable, Sendable {
    /// Microseconds since the epoch.
    public let micros: Int64

    /// That many microseconds since the epoch.
    public init(micros: Int64) { self.micros = micros }

    /// That many milliseconds since the epoch; times that a timestamp cannot hold are cut to the
    /// earliest or the latest that it can.
    public init(_ milliseconds: Milliseconds) {
        let (micros, overflow) = milliseconds.count.multipliedReportingOverflow(by: 1_000)
        self.micros = overflow ? (milliseconds.count < 0 ? .min : .max) : micros
    }

    /// The order of time.
    public static func < (left: EventTime, right: EventTime) -> Bool { left.micros < right.micros }
}

/// A number of milliseconds: a duration, or a time since the epoch, as Spark counts watermarks.
public struct Milliseconds: Hashable, Comparable, Sendable {
    /// How many.
    public let count: Int64

    /// That many milliseconds.
    public init(_ count: Int64) { self.count = count }

    /// The order of length.
    public static func < (left: Milliseconds, right: Milliseconds) -> Bool {
        left.count < right.count
    }
}
