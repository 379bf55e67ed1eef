public import Columnar
public import ConnectorAPI
public import TickLog

/// The tick log as a source: offsets are the log's own.
public struct LogSource: StreamSource {
    private let reader: TickLogReader

    /// A source over an open log.
    public init(_ reader: TickLogReader) { self.reader = reader }

    /// `log[path]`.
    public var description: String { "log[\(reader.path)]" }
    /// The log's columns.
    public var schema: Schema { reader.schema }

    /// The oldest offset that is kept.
    public func earliestOffset() throws -> Int64 {
        _ = try reader.refresh()
        return reader.startOffset
    }

    /// One past the newest durable row.
    public func latestOffset() throws -> Int64 { try reader.refresh() }

    /// The first row at or after a time; the end when there is none yet.
    public func offset(atOrAfter timestampMicros: Int64) throws -> Int64 {
        let end = try reader.refresh()
        return try reader.offset(atOrAfter: timestampMicros) ?? end
    }

    /// The groups of the log that hold the range, cut to it.
    public func blocks(_ offsets: Range<Int64>, rowsMax: Int) throws -> [SourceBlockPlan] {
        try reader.plan(offsets, rowsMax: rowsMax).map { plan in
            SourceBlockPlan(offsets: plan.offsets) {
                let block = try plan.load()
                return SourceBlock(baseOffset: block.baseOffset, rows: block.batch)
            }
        }
    }
}
