public import Columnar
public import ConnectorAPI
public import Storage
public import TickLog

/// The tick log as a source of one split: offsets are the log's own.
public struct LogSource: Source {
    private let reader: TickLogReader
    private let polling: PollingWait

    /// A source over an open log, which is waited for by a clock.
    public init(_ reader: TickLogReader, time: any TimeSource) {
        self.reader = reader
        polling = PollingWait(time)
    }

    /// `log[path]`.
    public var description: String { "log[\(reader.path)]" }
    /// The log's columns.
    public var columns: SourceColumns {
        SourceColumns(schema: reader.schema, timeColumn: reader.timeColumn)
    }

    /// The oldest offset that is kept.
    public func earliest() throws(ConnectorError) -> SourceOffsets {
        try connectorErrors {
            try reader.refresh()
            return SourceOffsets(only: reader.startOffset)
        }
    }

    /// One past the newest durable row.
    public func latest() throws(ConnectorError) -> SourceOffsets {
        try connectorErrors { SourceOffsets(only: try reader.refresh()) }
    }

    /// The first row at or after a time; the end when there is none yet.
    public func offsets(atOrAfter time: EventTime) throws(ConnectorError) -> SourceOffsets {
        try connectorErrors {
            let end = try reader.refresh()
            return SourceOffsets(only: try reader.offset(atOrAfter: time.micros) ?? end)
        }
    }

    /// The record batches of the log that hold the range, cut to it.
    public func plan(
        _ range: OffsetRange, rowsMax: Int
    ) throws(ConnectorError) -> [BlockPlan] {
        try connectorErrors {
            try range.splits.flatMap { _, offsets in
                try reader.plan(offsets, rowsMax: rowsMax).map { plan in
                    BlockPlan(offsets: plan.offsets) {
                        let block = try plan.load()
                        return SourceBlock(baseOffset: block.baseOffset, rows: block.batch)
                    }
                }
            }
        }
    }

    /// Looks how far the log is durable, again and again.
    public func wait(beyond seen: SourceOffsets, until deadline: MonotonicTime) {
        polling.wait(for: self, beyond: seen, until: deadline)
    }

    /// The log's identity: what was appended stays as it is, so that it says all.
    public func tail(at end: SourceOffsets) throws(ConnectorError) -> String? { reader.uuid }

    /// Refuses another log than the one that was read.
    public func resume(at end: SourceOffsets, tail: String?) throws(ConnectorError) {
        guard let tail, tail != reader.uuid else { return }
        throw ConnectorError(
            "anotherLog",
            "this is not the log that the checkpoint was made with: its identity is "
                + "\(reader.uuid), the checkpoint has read \(tail). Put the log back, or clear the "
                + "job's checkpoint and lake and start over", at: reader.path.string,
            fault: .damage)
    }
}
