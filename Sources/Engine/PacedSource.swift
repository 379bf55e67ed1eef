public import Columnar
public import ConnectorAPI
public import Storage

/// A recorded source that lets its rows come as they came: as event time passes by a pace.
public final class PacedSource: Source {
    private let source: any Source
    private let pace: ReplayPace
    private let polling: PollingWait

    /// Lets rows of a source come by a pace.
    ///
    /// - Parameters:
    ///   - source: what is read.
    ///   - pace: how fast.
    ///   - time: the clock.
    public init(_ source: any Source, _ pace: ReplayPace, time: any TimeSource) {
        self.source = source
        self.pace = pace
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
        guard let moment = pace.state.moment else { return try source.latest() }
        return try source.offsets(atOrAfter: moment)
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
