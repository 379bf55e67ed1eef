import Checkpoints
public import Columnar
public import ConnectorAPI
public import Storage
import Synchronization

/// A directory of history, then the live log: the history's rows before a time, and the log's rows
/// from that time on, as one order of rows without a gap and without a row twice.
///
/// When the first offset is asked for, the hand-off is recorded in the checkpoint: where the
/// history ends and where the log is entered. Later files of the history are not looked at.
/// Offsets below the history's end are the history's, the others the log's, moved.
public final class BackfilledSource: StreamSource {
    private let history: any StreamSource
    private let live: any StreamSource
    private let until: Int64
    private let timeColumn: Int
    private let record: HandOffRecord
    private let handOff: Mutex<HandOff?> = Mutex(nil)

    /// Joins a history to a log.
    ///
    /// - Parameters:
    ///   - history: the directory; its columns are the log's.
    ///   - live: the log.
    ///   - untilMicros: the event time, µs, from which on rows are the log's.
    ///   - timeColumn: the event-time column.
    ///   - checkpoint: the job's checkpoint.
    ///   - name: the source's name in the job.
    ///   - files: where the checkpoint lies.
    /// - Throws: ``FeedError`` when the two have different columns.
    public init(
        history: any StreamSource, live: any StreamSource, untilMicros: Int64, timeColumn: String,
        checkpoint: Path, name: String, files: any FileSystem
    ) throws {
        let names = live.schema.fields.map { "\($0.name) \($0.type)" }
        guard history.schema.fields.map({ "\($0.name) \($0.type)" }) == names,
            let time = live.schema.index(of: timeColumn)
        else {
            throw FeedError(
                .otherColumns,
                "the history has the columns (\(history.schema)), the log (\(live.schema)); give "
                    + "the backfill the log's columns as its \"schema\"", at: history.description)
        }
        self.history = history
        self.live = live
        until = untilMicros
        self.timeColumn = time
        record = HandOffRecord(checkpoint: checkpoint, source: name, files: files)
    }

    /// `parquet[history] then log[log/ticks]`.
    public var description: String { "\(history.description) then \(live.description)" }
    /// The log's columns; any may be null in the history.
    public var schema: Schema { history.schema }

    /// The oldest offset that can still be read.
    public func earliestOffset() throws -> Int64 { 0 }

    /// One past the newest row of both.
    public func latestOffset() throws -> Int64 {
        try madeHandOff().offset(ofLog: live.latestOffset())
    }

    /// The first row of the log at or after a time; the history has no order of times.
    public func offset(atOrAfter timestampMicros: Int64) throws -> Int64 {
        let handOff = try madeHandOff()
        guard timestampMicros > until else {
            return try history.offset(atOrAfter: timestampMicros)
        }
        return try handOff.offset(ofLog: live.offset(atOrAfter: timestampMicros))
    }

    /// The history's own limits; a batch does not read both.
    public func batchEnd(_ offsets: Range<Int64>) throws -> Int64 {
        let end = try madeHandOff().historyEnd
        guard offsets.lowerBound < end else { return offsets.upperBound }
        return try history.batchEnd(offsets.clamped(to: 0..<end))
    }

    /// The parts of both that lie in a range.
    public func blocks(_ offsets: Range<Int64>, rowsMax: Int) throws -> [SourceBlockPlan] {
        let handOff = try madeHandOff()
        let (end, moved) = (handOff.historyEnd, handOff.historyEnd - handOff.logStart)
        let old = offsets.clamped(to: 0..<end)
        let new = offsets.clamped(to: end..<Int64.max)
        var plans: [SourceBlockPlan] = []
        if !old.isEmpty {
            plans += try history.blocks(old, rowsMax: rowsMax).map {
                part($0, of: .history, movedBy: 0)
            }
        }
        if !new.isEmpty {
            let range =
                handOff.logOffset(of: new.lowerBound)..<handOff.logOffset(of: new.upperBound)
            plans += try live.blocks(range, rowsMax: rowsMax).map {
                part($0, of: .log, movedBy: moved)
            }
        }
        return plans
    }

    /// The sides of the hand-off.
    private enum Side { case history, log }

    /// A part with those rows whose event time is on its side of the hand-off; a row without one is
    /// the history's.
    private func part(
        _ plan: SourceBlockPlan, of side: Side, movedBy distance: Int64
    ) -> SourceBlockPlan {
        let range = plan.offsets.lowerBound + distance..<plan.offsets.upperBound + distance
        return SourceBlockPlan(offsets: range) { [until, timeColumn, schema] in
            let block = try plan.load()
            let times = block.rows.columns[timeColumn]
            let values = times.int64s
            var kept: [Int32] = []
            for row in 0..<times.count {
                let isHistory = times.isNull(row) || values[row] < until
                if isHistory == (side == .history) { kept.append(Int32(row)) }
            }
            let rows = kept.count == times.count ? block.rows : block.rows.gather(kept)
            return SourceBlock(
                baseOffset: block.baseOffset + distance,
                rows: RecordBatch(schema, rows.columns, count: rows.count),
                malformedCount: block.malformedCount)
        }
    }

    private func madeHandOff() throws -> HandOff {
        try handOff.withLock { handOff in
            if let handOff { return handOff }
            let made =
                try record.read()
                ?? record.write(
                    HandOff(
                        until: until, historyEnd: history.latestOffset(),
                        logStart: live.offset(atOrAfter: until)))
            guard made.until == until else {
                throw FeedError(
                    .badOptions,
                    "the hand-off to the log was made at another time, \(made.until) µs; put "
                        + "\"until\" back, or clear the job", at: description)
            }
            handOff = made
            return made
        }
    }
}
