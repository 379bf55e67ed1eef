public import Columnar
public import ConnectorAPI
public import Storage

/// A recorded source that lets its rows come as they came: event time passes at a multiple of wall
/// time.
public final class PacedSource: Source {
    private let source: any Source
    private let time: any TimeSource
    private let speed: Double
    private let firstMicros: Int64
    private let startedNanos: UInt64
    private let polling: PollingWait

    /// Lets rows from `firstMicros` (event time, µs) on come at `speed` times the pace of their
    /// event times, from now on.
    public init(_ source: any Source, firstMicros: Int64, speed: Double, time: any TimeSource) {
        precondition(speed > 0 && speed.isFinite, "a pace is a positive number")
        self.source = source
        self.time = time
        self.speed = speed
        self.firstMicros = firstMicros
        startedNanos = time.monotonicNanos()
        polling = PollingWait(time)
    }

    /// The source's own description.
    public var description: String { source.description }
    /// The source's columns.
    public var columns: SourceColumns { source.columns }

    /// The oldest offsets of the source.
    public func earliest() throws(ConnectorError) -> SourceOffsets { try source.earliest() }

    /// The end of the rows whose event time has come.
    public func latest() throws(ConnectorError) -> SourceOffsets {
        let elapsedMicros = Double(time.monotonicNanos() - startedNanos) / 1_000 * speed
        // Beyond the range of a timestamp everything has come.
        guard let passed = Int64(exactly: elapsedMicros.rounded()) else {
            return try source.latest()
        }
        let (moment, overflow) = firstMicros.addingReportingOverflow(passed)
        return overflow
            ? try source.latest() : try source.offsets(atOrAfter: EventTime(micros: moment))
    }

    /// The source's own answer.
    public func offsets(atOrAfter time: EventTime) throws(ConnectorError) -> SourceOffsets {
        try source.offsets(atOrAfter: time)
    }

    /// Hands on what is wanted.
    public func want(_ ranges: [ColumnRange]) { source.want(ranges) }

    /// The source's own count.
    public func unread(from start: SourceOffsets, to end: SourceOffsets) -> Unread {
        source.unread(from: start, to: end)
    }

    /// The source's own limits.
    public func end(of range: OffsetRange) throws(ConnectorError) -> SourceOffsets {
        try source.end(of: range)
    }

    /// The source's own parts.
    public func plan(
        _ range: OffsetRange, rowsMax: Int
    ) throws(ConnectorError) -> [BlockPlan] {
        try source.plan(range, rowsMax: rowsMax)
    }

    /// Looks which rows' time has come, again and again.
    public func wait(beyond seen: SourceOffsets, until deadline: MonotonicTime) {
        polling.wait(for: self, beyond: seen, until: deadline)
    }

    /// Passes on what is no longer needed.
    public func release(before offsets: SourceOffsets) throws(ConnectorError) {
        try source.release(before: offsets)
    }

    /// The source's own identity.
    public func tail(at end: SourceOffsets) throws(ConnectorError) -> String? {
        try source.tail(at: end)
    }

    /// The source's own check.
    public func resume(at end: SourceOffsets, tail: String?) throws(ConnectorError) {
        try source.resume(at: end, tail: tail)
    }

    /// What the source tells.
    public func notices() -> [String] { source.notices() }

    /// Closes the source.
    public func close() { source.close() }
}
