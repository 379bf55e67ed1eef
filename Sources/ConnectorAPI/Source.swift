public import Columnar
public import Storage

/// A replayable source of rows in one or more splits, each with an order and offsets of its own.
///
/// The rows of a batch have one order: by split, then by offset. Offsets grow from row to row, with
/// gaps allowed. Reading a range gives the same rows whenever it is read: that is what makes a batch
/// repeatable. A split may appear between two batches; none goes while its offsets are needed. All
/// calls may come from any thread.
public protocol Source: Sendable {
    /// What the source is, for progress reports: `log[log/ticks]`.
    var description: String { get }

    /// The columns of every row.
    var columns: SourceColumns { get }

    /// The oldest offset of every split that can still be read.
    func earliest() throws(ConnectorError) -> SourceOffsets

    /// Where a job begins that leaves it to the source: ``StartingOffsets/sourceDecides``.
    func start() throws(ConnectorError) -> SourceOffsets

    /// One past the newest row of every split that is durable now.
    ///
    /// It is asked for many times a batch, and so waits for nothing but local files.
    func latest() throws(ConnectorError) -> SourceOffsets

    /// In every split the offset of the first row with this event time or a later one; the split's
    /// end if none has.
    func offsets(atOrAfter time: EventTime) throws(ConnectorError) -> SourceOffsets

    /// Where a batch ends that may read a range, by limits of the source's own.
    func end(of range: OffsetRange) throws(ConnectorError) -> SourceOffsets

    /// Told once, before the first row is read, that only rows in all of these ranges of ``columns``
    /// are wanted: others may be left out, and count as read (``SourceBlock/leftOutCount``).
    func want(_ ranges: [ColumnRange])

    /// How much there is to read from one position to another.
    func unread(from start: SourceOffsets, to end: SourceOffsets) -> Unread

    /// Checks, before the first batch, that the rows of a range can still, and already, be read.
    ///
    /// - Throws: ``ConnectorError`` that says how many are lost, or how far the source goes.
    func require(_ range: OffsetRange) throws(ConnectorError)

    /// The parts of a range, each of about `rowsMax` rows, in the order of the rows and without a
    /// gap.
    func plan(_ range: OffsetRange, rowsMax: Int) throws(ConnectorError) -> [BlockPlan]

    /// Waits until there are rows beyond a position, or until a deadline; may return early.
    func wait(beyond seen: SourceOffsets, until deadline: MonotonicTime)

    /// Told after a commit that no batch needs rows before a position unless it is run again.
    func release(before offsets: SourceOffsets) throws(ConnectorError)

    /// What identifies the rows before a position, as one line of text: a log's identity, a checksum
    /// of the last messages. `commits/N` keeps it.
    func tail(at end: SourceOffsets) throws(ConnectorError) -> String?

    /// Told once, before the first batch, where the job goes on, and what ``tail(at:)`` said there.
    ///
    /// - Throws: when the rows before `end` are not those that were read: another log, a topic made
    ///   anew, a changed file.
    func resume(at end: SourceOffsets, tail: String?) throws(ConnectorError)

    /// What a user should know of what was read so far, one line each: files that were left out, a
    /// column that nothing was found for. Asked when a run is over.
    func notices() -> [String]

    /// Gives up what the source holds.
    func close()
}

extension Source {
    /// At the oldest rows.
    public func start() throws(ConnectorError) -> SourceOffsets { try earliest() }

    /// The end of the range: a source without limits.
    public func end(of range: OffsetRange) throws(ConnectorError) -> SourceOffsets { range.end }

    /// All rows are given.
    public func want(_ ranges: [ColumnRange]) {}

    /// A row an offset.
    public func unread(from start: SourceOffsets, to end: SourceOffsets) -> Unread {
        Unread(rows: start.distance(to: end))
    }

    /// Compares with ``earliest()`` and ``latest()``.
    public func require(_ range: OffsetRange) throws(ConnectorError) {
        let (earliest, latest) = (try earliest(), try latest())
        for split in range.start.splits {
            guard let offsets = range[split] else { continue }
            guard let first = earliest[split], let last = latest[split] else {
                throw ConnectorError(
                    Self.offsetsLost,
                    "\(description): the job needs offset \(offsets.lowerBound)\(split.ofIt), which "
                        + "the source no longer has. Restore it, or clear the job's checkpoint and "
                        + "lake and start over", fault: .damage)
            }
            if offsets.lowerBound < first {
                throw ConnectorError(
                    Self.offsetsLost,
                    "\(description): the job needs offset \(offsets.lowerBound)\(split.ofIt), but "
                        + "the source starts at \(first): \(first - offsets.lowerBound) rows are "
                        + "lost. Put what was removed back from a copy, or clear the job's checkpoint and "
                        + "lake and start over", fault: .damage)
            }
            if offsets.upperBound > last {
                throw ConnectorError(
                    Self.sourceTooShort,
                    "\(description): the job has read up to offset "
                        + "\(offsets.upperBound)\(split.ofIt), but the source ends at \(last). It is "
                        + "not the source this checkpoint was made with, or it was cut; restore it, "
                        + "or clear the job's checkpoint and lake", fault: .damage)
            }
        }
    }

    /// The code of the fault that rows which the job needs are gone.
    public static var offsetsLost: String { "offsetsLost" }

    /// The code of the fault that a source is shorter than what the job has read of it.
    public static var sourceTooShort: String { "sourceTooShort" }

    /// Sleeps a millisecond, at most until the deadline.
    public func wait(beyond seen: SourceOffsets, until deadline: MonotonicTime) {
        let time = SystemTime()
        time.sleep(nanos: min(1_000_000, deadline.nanos(since: time.now)))
    }

    /// Nothing is held back for batches that are committed.
    public func release(before offsets: SourceOffsets) throws(ConnectorError) {}

    /// Nothing is known of the rows.
    public func tail(at end: SourceOffsets) throws(ConnectorError) -> String? { nil }

    /// Whatever is there is gone on with.
    public func resume(at end: SourceOffsets, tail: String?) throws(ConnectorError) {}

    /// Nothing.
    public func notices() -> [String] { [] }

    /// Nothing is held.
    public func close() {}
}
