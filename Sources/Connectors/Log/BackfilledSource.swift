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
public final class BackfilledSource: Source {
    private let history: any Source
    private let live: any Source
    private let until: Int64
    private let timeColumn: Int
    private let record: BackfillBoundaryRecord
    private let keepsFindings: Bool
    private let boundary: Mutex<BackfillBoundary?> = Mutex(nil)

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
    ///   - keepsFindings: whether a new hand-off is recorded there.
    /// - Throws: ``ConnectorError`` when the two have different columns.
    public init(
        history: any Source, live: any Source, untilMicros: Int64, timeColumn: String,
        checkpoint: Path, name: String, files: any FileSystem, keepsFindings: Bool = true
    ) throws {
        let names = live.columns.schema.fields.map { "\($0.name) \($0.type)" }
        guard history.columns.schema.fields.map({ "\($0.name) \($0.type)" }) == names,
            let time = live.columns.schema.index(of: timeColumn)
        else {
            throw ConnectorError(
                "otherColumns",
                "the history has the columns (\(history.columns.schema)), the log "
                    + "(\(live.columns.schema)); give the backfill the log's columns as its "
                    + "\"schema\"", at: history.description)
        }
        self.history = history
        self.live = live
        until = untilMicros
        self.timeColumn = time
        self.keepsFindings = keepsFindings
        record = BackfillBoundaryRecord(checkpoint: checkpoint, source: name, files: files)
    }

    /// `parquet[history] then log[log/ticks]`.
    public var description: String { "\(history.description) then \(live.description)" }
    /// The log's columns; any may be null in the history.
    public var columns: SourceColumns {
        SourceColumns(schema: history.columns.schema, timeColumn: live.columns.timeColumn)
    }

    /// The oldest offset that can still be read.
    public func earliest() throws(ConnectorError) -> SourceOffsets { SourceOffsets(only: 0) }

    /// One past the newest row of both.
    public func latest() throws(ConnectorError) -> SourceOffsets {
        try connectorErrors { try madeBoundary().offsets(ofLog: live.latest()) }
    }

    /// What is left of the history, and of the log.
    public func unread(from start: SourceOffsets, to end: SourceOffsets) -> Unread {
        guard let handOff = try? madeBoundary().historyEnd, let first = start.only,
            let last = end.only
        else { return history.unread(from: start, to: end) }
        let old = history.unread(
            from: SourceOffsets(only: min(first, handOff)),
            to: SourceOffsets(only: min(last, handOff)))
        let new = max(0, max(last, handOff) - max(first, handOff))
        return old.isEmpty ? Unread(rows: new) : old + Unread(rows: new)
    }

    /// The first row of the log at or after a time; the history has no order of times.
    public func offsets(atOrAfter time: EventTime) throws(ConnectorError) -> SourceOffsets {
        try connectorErrors {
            let boundary = try madeBoundary()
            guard time.micros > until else { return try history.offsets(atOrAfter: time) }
            return boundary.offsets(ofLog: try live.offsets(atOrAfter: time))
        }
    }

    /// The history's own limits; a batch does not read both.
    public func end(of range: OffsetRange) throws(ConnectorError) -> SourceOffsets {
        try connectorErrors {
            let end = try madeBoundary().historyEnd
            guard let offsets = range.only, offsets.lowerBound < end else { return range.end }
            return try history.end(of: OffsetRange(only: offsets.clamped(to: 0..<end)))
        }
    }

    /// The parts of both that lie in a range.
    public func plan(
        _ range: OffsetRange, rowsMax: Int
    ) throws(ConnectorError) -> [BlockPlan] {
        try connectorErrors {
            try range.splits.flatMap { _, offsets in try plans(offsets, rowsMax: rowsMax) }
        }
    }

    private func plans(_ offsets: Range<Int64>, rowsMax: Int) throws -> [BlockPlan] {
        let boundary = try madeBoundary()
        let (end, moved) = (boundary.historyEnd, boundary.historyEnd - boundary.logStart)
        let old = offsets.clamped(to: 0..<end)
        let new = offsets.clamped(to: end..<Int64.max)
        var plans: [BlockPlan] = []
        if !old.isEmpty {
            plans += try history.plan(OffsetRange(only: old), rowsMax: rowsMax).map {
                part($0, of: .history, movedBy: 0)
            }
        }
        if !new.isEmpty {
            let range =
                boundary.logOffset(of: new.lowerBound)..<boundary.logOffset(of: new.upperBound)
            plans += try live.plan(OffsetRange(only: range), rowsMax: rowsMax).map {
                part($0, of: .log, movedBy: moved)
            }
        }
        return plans
    }

    /// Waits for rows of the log: no more come of the history.
    public func wait(beyond seen: SourceOffsets, until deadline: MonotonicTime) {
        guard let boundary = try? madeBoundary(), let offset = seen.only else { return }
        live.wait(
            beyond: SourceOffsets(only: boundary.logOffset(of: offset)), until: deadline)
    }

    /// What stands before a place in the log; a file of the history is checked when it is read.
    public func tail(at end: SourceOffsets) throws(ConnectorError) -> String? {
        try live.tail(at: end)
    }

    /// Refuses another log than the one that was read.
    public func resume(at end: SourceOffsets, tail: String?) throws(ConnectorError) {
        try live.resume(at: end, tail: tail)
    }

    /// What is to be known of both.
    public func notices() -> [String] { history.notices() + live.notices() }

    /// Closes both.
    public func close() {
        history.close()
        live.close()
    }

    /// The sides of the hand-off.
    private enum Side { case history, log }

    /// A part with those rows whose event time is on its side of the hand-off; a row without one is
    /// the history's.
    private func part(
        _ plan: BlockPlan, of side: Side, movedBy distance: Int64
    ) -> BlockPlan {
        let range = plan.offsets.lowerBound + distance..<plan.offsets.upperBound + distance
        let schema = columns.schema
        return BlockPlan(offsets: range) { [until, timeColumn] in
            let block = try plan.load()
            let times = block.rows.columns[timeColumn]
            let values = times.int64s
            var kept: [Int32] = []
            for row in 0..<times.count {
                let isHistory = times.isNull(row) || values[row] < until
                if isHistory == (side == .history) { kept.append(Int32(row)) }
            }
            let rows = kept.count == times.count ? block.rows : block.rows.gather(kept)
            guard case .from(let base) = block.offsets else {
                preconditionFailure("rows of a log and of files have consecutive offsets")
            }
            return SourceBlock(
                baseOffset: base + distance,
                rows: RecordBatch(schema, rows.columns, count: rows.count),
                malformedCount: block.malformedCount)
        }
    }

    private func madeBoundary() throws -> BackfillBoundary {
        try boundary.withLock { boundary in
            if let boundary { return boundary }
            let made = try record.read() ?? newBoundary()
            guard made.until == until else {
                throw ConnectorError(
                    "badOptions",
                    "the hand-off to the log was made at another time, \(made.until) µs; put "
                        + "\"until\" back, or clear the job", at: description)
            }
            boundary = made
            return made
        }
    }

    private func newBoundary() throws -> BackfillBoundary {
        let new = BackfillBoundary(
            until: until, historyEnd: try history.latest().only ?? 0,
            logStart: try live.offsets(atOrAfter: EventTime(micros: until)).only ?? 0)
        return keepsFindings ? try record.write(new) : new
    }
}

extension BackfillBoundary {
    /// A position in the log as one in both.
    fileprivate func offsets(ofLog position: SourceOffsets) -> SourceOffsets {
        SourceOffsets(only: offset(ofLog: position.only ?? logStart))
    }
}
