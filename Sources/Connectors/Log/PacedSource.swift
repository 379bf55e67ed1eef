public import Columnar
public import ConnectorAPI
public import Storage

/// A recorded source that lets its rows come as they came: event time passes at a multiple of wall
/// time.
public final class PacedSource: StreamSource {
    private let source: any StreamSource
    private let time: any TimeSource
    private let speed: Double
    private let firstMicros: Int64
    private let startedNanos: UInt64

    /// Lets rows from `firstMicros` (event time, µs) on come at `speed` times the pace of their
    /// event times, from now on.
    public init(
        _ source: any StreamSource, firstMicros: Int64, speed: Double, time: any TimeSource
    ) {
        precondition(speed > 0 && speed.isFinite, "a pace is a positive number")
        self.source = source
        self.time = time
        self.speed = speed
        self.firstMicros = firstMicros
        startedNanos = time.monotonicNanos()
    }

    /// The source's own description.
    public var description: String { source.description }
    /// The source's columns.
    public var schema: Schema { source.schema }

    /// The oldest offset of the source.
    public func earliestOffset() throws -> Int64 { try source.earliestOffset() }

    /// The end of the rows whose event time has come.
    public func latestOffset() throws -> Int64 {
        let elapsedMicros = Double(time.monotonicNanos() - startedNanos) / 1_000 * speed
        // Beyond the range of a timestamp everything has come.
        guard let passed = Int64(exactly: elapsedMicros.rounded()) else {
            return try source.latestOffset()
        }
        let (moment, overflow) = firstMicros.addingReportingOverflow(passed)
        return overflow
            ? try source.latestOffset() : try source.offset(atOrAfter: moment)
    }

    /// The source's own answer.
    public func offset(atOrAfter timestampMicros: Int64) throws -> Int64 {
        try source.offset(atOrAfter: timestampMicros)
    }

    /// The source's own limits.
    public func batchEnd(_ offsets: Range<Int64>) throws -> Int64 {
        try source.batchEnd(offsets)
    }

    /// The source's own blocks.
    public func blocks(_ offsets: Range<Int64>, rowsMax: Int) throws -> [SourceBlockPlan] {
        try source.blocks(offsets, rowsMax: rowsMax)
    }
}
