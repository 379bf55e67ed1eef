public import Columnar
public import ConnectorAPI
public import Storage
import Synchronization

/// A source of rows in memory: one split, or several that rows come to side by side, and that may
/// appear while it is read.
public final class MemorySource: Source {
    /// The columns of every row.
    public let columns: SourceColumns
    /// `memory`.
    public let description = "memory"

    private let polling: PollingWait
    /// The event-time column; without one no row has a time.
    private let time: Int?
    /// The distance from one row's offset to the next one's.
    private let step: Int64
    private let state: Mutex<State>
    private let whenRead = Mutex<@Sendable (Int64) -> Void>({ _ in })

    private struct State {
        var rows: [SplitID: [[Value]]]
        /// The rows of a split before this one are gone.
        var firstKept: [SplitID: Int] = [:]
        /// When rows of a split came, if the source says so.
        var receipts: [SplitID: Milliseconds] = [:]
        var closed = 0
        var released: [SourceOffsets] = []
    }

    /// A source without rows.
    ///
    /// - Parameters:
    ///   - schema: its columns.
    ///   - timeColumn: the event time; by default the first timestamp, if there is one.
    ///   - splits: the splits that are there from the beginning.
    ///   - offsetStep: how far rows lie apart; more than 1 leaves gaps.
    ///   - clock: by which it is waited for.
    public init(
        _ schema: Schema, timeColumn: String? = nil, splits: [SplitID] = [.only],
        offsetStep: Int64 = 1, clock: any TimeSource
    ) {
        let found =
            timeColumn.map(schema.index(of:))
            ?? schema.fields.firstIndex { $0.type == .timestamp }
        columns = SourceColumns(
            schema: schema, timeColumn: found.map { schema[$0].name }, hasSplits: splits != [.only])
        time = found
        step = offsetStep
        polling = PollingWait(clock)
        state = Mutex(State(rows: Dictionary(uniqueKeysWithValues: splits.map { ($0, []) })))
    }

    /// What happens when rows from an offset on are read.
    public func onRead(_ action: @escaping @Sendable (Int64) -> Void) {
        whenRead.withLock { $0 = action }
    }

    /// Adds rows to a split, which may be new.
    public func append(_ more: [[Value]], to split: SplitID = .only) {
        state.withLock { $0.rows[split, default: []] += more }
    }

    /// Forgets the rows of a split before an offset.
    public func trim(_ split: SplitID = .only, before offset: Int64) {
        state.withLock { $0.firstKept[split] = Int(offset / step) }
    }

    /// Says from now on when the rows of a split came.
    public func setReceipt(_ receipt: Milliseconds, of split: SplitID) {
        state.withLock { $0.receipts[split] = receipt }
    }

    /// What the source was told of committed batches.
    public var released: [SourceOffsets] { state.withLock { $0.released } }

    /// How many rows there are.
    public var count: Int { state.withLock { $0.rows.values.reduce(0) { $0 + $1.count } } }

    /// The oldest row of each split that is kept.
    public func earliest() throws(ConnectorError) -> SourceOffsets {
        state.withLock { state in
            SourceOffsets(
                Dictionary(
                    uniqueKeysWithValues: state.rows.keys.map {
                        ($0, Int64(state.firstKept[$0] ?? 0) * step)
                    }))
        }
    }

    /// One past the newest row of each split.
    public func latest() throws(ConnectorError) -> SourceOffsets {
        state.withLock { SourceOffsets($0.rows.mapValues { Int64($0.count) * step }) }
    }

    /// The first row of each split with a time or a later one.
    public func offsets(atOrAfter moment: EventTime) throws(ConnectorError) -> SourceOffsets {
        state.withLock { state in
            SourceOffsets(
                state.rows.mapValues { rows in
                    let first = rows.firstIndex { row in
                        time.map { isTime(row[$0], atOrAfter: moment) } ?? false
                    }
                    return Int64(first ?? rows.count) * step
                })
        }
    }

    private func isTime(_ value: Value, atOrAfter moment: EventTime) -> Bool {
        if case .timestamp(let micros) = value { micros >= moment.micros } else { false }
    }

    /// The rows of a range, in parts; all of them must be there.
    public func plan(
        _ range: OffsetRange, rowsMax: Int
    ) throws(ConnectorError) -> [BlockPlan] {
        try require(range)
        let (all, receipts) = state.withLock { ($0.rows, $0.receipts) }
        return range.splits.flatMap { split, offsets -> [BlockPlan] in
            let (first, end) = (index(offsets.lowerBound), index(offsets.upperBound))
            return stride(from: first, to: end, by: rowsMax).map { start in
                let last = min(start + rowsMax, end)
                let rows = Array((all[split] ?? [])[start..<last])
                let part = Int64(start) * step..<Int64(last) * step
                return BlockPlan(split: split, offsets: part) { [self] in
                    whenRead.withLock { $0 }(part.lowerBound)
                    let places: RowOffsets =
                        step == 1
                        ? .from(part.lowerBound)
                        : .each((start..<last).map { Int64($0) * step })
                    return SourceBlock(
                        rows: RecordBatch(columns.schema, rows: rows), offsets: places,
                        newestReceipt: receipts[split])
                }
            }
        }
    }

    /// The first row that does not lie before an offset.
    private func index(_ offset: Int64) -> Int { Int((offset + step - 1) / step) }

    /// Looks again and again.
    public func wait(beyond seen: SourceOffsets, until deadline: MonotonicTime) {
        polling.wait(for: self, beyond: seen, until: deadline)
    }

    /// Remembers what was committed.
    public func release(before offsets: SourceOffsets) throws(ConnectorError) {
        state.withLock { $0.released.append(offsets) }
    }
}
