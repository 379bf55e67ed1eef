import Columnar
import ConnectorAPI
import Storage
import Synchronization
import TestSupport
import Testing

/// The contract of sources finds what breaks it.
@Suite struct SourceContractTests {
    private static let schema = Schema([Field("ts", .timestamp), Field("value", .long)])
    private static let splits = [SplitID("t", 0), SplitID("t", 3), SplitID("u", 0)]

    private static func filled(
        splits: [SplitID] = splits, step: Int64 = 1, clock: ManualTime
    ) -> MemorySource {
        let source = MemorySource(schema, splits: splits, offsetStep: step, clock: clock)
        for (index, split) in splits.enumerated() { add(40 + index, to: split, of: source) }
        return source
    }

    private static func add(_ count: Int, to split: SplitID, of source: MemorySource) {
        source.append(
            (0..<count).map { [.timestamp(Int64($0) * 1_000_000), .long(Int64($0))] }, to: split)
    }

    private func violations(
        splits: [SplitID] = splits, step: Int64 = 1, text: String? = nil,
        _ breaking: @escaping (MemorySource, ManualTime) -> any Source
    ) throws -> Set<SourceContract.Clause> {
        let time = ManualTime()
        let source = Self.filled(splits: splits, step: step, clock: time)
        return try SourceContract(
            time: time, open: { breaking(source, time) },
            grow: { Self.add(3, to: splits[0], of: source) },
            lose: { source.trim(splits[0], before: 5 * step) },
            throughText: { try SourceOffsets(parsing: text ?? $0.text) }
        ).violations()
    }

    @Test(arguments: [1, 3] as [Int64])
    func aSourceInMemoryKeepsIt(_ step: Int64) throws {
        #expect(try violations(step: step) { source, _ in source } == [])
        #expect(try violations(splits: [.only], step: step) { source, _ in source } == [])
    }

    @Test(arguments: SourceContract.Clause.allCases)
    func whateverBreaksItIsFound(_ clause: SourceContract.Clause) throws {
        let found = try violations(text: clause == .text ? "17" : nil) { source, time in
            BrokenSource(source, breaking: clause, time)
        }
        #expect(found.contains(clause), "\(found)")
    }
}

/// A source that breaks one promise.
private final class BrokenSource: Source {
    private let source: MemorySource
    private let clause: SourceContract.Clause
    private let time: ManualTime
    private let reads = Mutex(0)

    init(_ source: MemorySource, breaking clause: SourceContract.Clause, _ time: ManualTime) {
        self.source = source
        self.clause = clause
        self.time = time
    }

    var description: String { "broken" }
    var columns: SourceColumns { source.columns }

    func earliest() throws(ConnectorError) -> SourceOffsets { try source.earliest() }

    func latest() throws(ConnectorError) -> SourceOffsets { try source.latest() }

    func offsets(atOrAfter time: EventTime) throws(ConnectorError) -> SourceOffsets {
        try source.offsets(atOrAfter: time)
    }

    func require(_ range: OffsetRange) throws(ConnectorError) {
        if clause != .missingRows { try source.require(range) }
    }

    func plan(_ range: OffsetRange, rowsMax: Int) throws(ConnectorError) -> [BlockPlan] {
        let plans = try source.plan(clause == .missingRows ? there(range) : range, rowsMax: rowsMax)
        switch clause {
        case .order: return plans.reversed()
        case .rereading:
            let read = reads.withLock { reads in
                reads += 1
                return reads
            }
            return plans.map { changing($0, by: read) }
        case .cuts:
            // The first row of a range is left out unless the range begins at the beginning.
            let isFirst = range.start.bySplit.values.allSatisfy { $0 == 0 }
            return isFirst ? plans : Array(plans.dropFirst())
        case .growth:
            // The first row changes with how many there are.
            let count = Int64(source.count)
            return plans.map { changing($0, by: Int(count)) }
        default: return plans
        }
    }

    /// What there is of a range.
    private func there(_ range: OffsetRange) throws(ConnectorError) -> OffsetRange {
        let end = range.end.limited(to: try source.latest())
        let first = try source.earliest().bySplit.map { split, first in
            (split, min(max(first, range.start[split] ?? first), end[split] ?? first))
        }
        return OffsetRange(
            from: SourceOffsets(Dictionary(uniqueKeysWithValues: first)), to: end)
    }

    private func changing(_ plan: BlockPlan, by change: Int) -> BlockPlan {
        BlockPlan(split: plan.split, offsets: plan.offsets) {
            let block = try plan.load()
            let rows = block.rows.rows.map { [$0[0], .long(Int64(change))] }
            return SourceBlock(
                rows: RecordBatch(block.rows.schema, rows: rows), offsets: block.offsets)
        }
    }

    func wait(beyond seen: SourceOffsets, until deadline: MonotonicTime) {
        if clause == .waiting {
            time.sleep(nanos: deadline.nanos(since: time.now))
        } else {
            source.wait(beyond: seen, until: deadline)
        }
    }

    func tail(at end: SourceOffsets) throws(ConnectorError) -> String? {
        clause == .resuming ? "rows" : nil
    }

    func resume(at end: SourceOffsets, tail: String?) throws(ConnectorError) {
        guard clause == .resuming else { return }
        throw ConnectorError("another", "this is another source")
    }
}
