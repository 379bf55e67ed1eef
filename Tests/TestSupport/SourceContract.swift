import Columnar
public import ConnectorAPI
import Dispatch
import Storage
import Synchronization

/// What every source promises, as checks that name the promise that is broken.
///
/// The rows are read in many ways: whole, again, by another reader, on several threads, in any cut.
public struct SourceContract {
    /// A promise of `Source`.
    public enum Clause: String, Sendable, CaseIterable {
        /// A range that is read again has the same rows, whoever reads it and in whatever parts.
        case rereading
        /// Any cut into ranges gives the same rows.
        case cuts
        /// Rows come by split, then by offset, within the parts that say so, without a gap.
        case order
        /// A position's text is the position.
        case text
        /// Rows that are not there are an error: lost ones, and those that never were.
        case missingRows
        /// Rows that come leave those before as they are.
        case growth
        /// A wait ends when rows come, and at its deadline when none do.
        case waiting
        /// The rows that were read are known again.
        case resuming
    }

    /// A row and where it stands.
    private struct Row: Equatable {
        let split: SplitID
        let offset: Int64
        let values: [Value]
    }

    private let time: ManualTime
    private let open: () throws -> any Source
    private let grow: @Sendable () throws -> Void
    private let lose: (() throws -> Void)?
    private let throughText: (SourceOffsets) throws -> SourceOffsets

    /// The promises of a source.
    ///
    /// - Parameters:
    ///   - time: the source's clock.
    ///   - open: opens it again, over the same rows.
    ///   - grow: lets rows come.
    ///   - lose: makes the oldest rows go away, where a source can lose some.
    ///   - throughText: writes a position as a checkpoint does, and reads it again.
    public init(
        time: ManualTime, open: @escaping () throws -> any Source,
        grow: @escaping @Sendable () throws -> Void, lose: (() throws -> Void)? = nil,
        throughText: @escaping (SourceOffsets) throws -> SourceOffsets = {
            try SourceOffsets(parsing: $0.text)
        }
    ) {
        self.time = time
        self.open = open
        self.grow = grow
        self.lose = lose
        self.throughText = throughText
    }

    /// The promises that a source with some rows does not keep.
    ///
    /// - Throws: what stops the source from being read at all.
    public func violations(seed: UInt64 = 1) throws -> Set<Clause> {
        var broken: Set<Clause> = []
        let source = try open()
        defer { source.close() }
        let whole = OffsetRange(from: try source.earliest(), to: try source.latest())
        let rows = try read(source, whole)
        if !hasOrder(rows) { broken.insert(.order) }
        if try !partsFit(source, whole) { broken.insert(.order) }
        if try !isReadAgain(source, whole, rows) { broken.insert(.rereading) }
        if try !isCutAnywhere(source, whole, rows, seed, &broken) { broken.insert(.cuts) }
        if try !isKnownAgain(source, at: whole.end) { broken.insert(.resuming) }
        if try !growthKeeps(rows, of: whole, source) { broken.insert(.growth) }
        if try !waitsForRows(source) { broken.insert(.waiting) }
        if try !missingRowsAreErrors(source, whole) { broken.insert(.missingRows) }
        return broken
    }

    // MARK: Reading

    private func read(
        _ source: any Source, _ range: OffsetRange, rowsMax: Int = 65_536
    ) throws -> [Row] {
        try source.plan(range, rowsMax: rowsMax).flatMap { rows(of: try $0.load(), $0.split) }
    }

    private func rows(of block: SourceBlock, _ split: SplitID) -> [Row] {
        block.rows.rows.enumerated().map { index, values in
            let offset =
                switch block.offsets {
                case .from(let first): first + Int64(index)
                case .each(let offsets): offsets[index]
                }
            return Row(split: split, offset: offset, values: values)
        }
    }

    /// Reads a range with its parts loaded on several threads, the last ones first.
    private func readAtOnce(_ source: any Source, _ range: OffsetRange) throws -> [Row] {
        let plans = try source.plan(range, rowsMax: 7)
        let loaded = Mutex([Int: Result<SourceBlock, any Error>]())
        DispatchQueue.concurrentPerform(iterations: plans.count) { index in
            let place = plans.count - 1 - index
            let block = Result { try plans[place].load() as SourceBlock }
            loaded.withLock { $0[place] = block.mapError { $0 as any Error } }
        }
        return try plans.indices.flatMap { index -> [Row] in
            guard let block = try loaded.withLock({ try $0[index]?.get() }) else { return [] }
            return rows(of: block, plans[index].split)
        }
    }

    // MARK: Clauses

    private func hasOrder(_ rows: [Row]) -> Bool {
        zip(rows, rows.dropFirst()).allSatisfy { ($0.split, $0.offset) < ($1.split, $1.offset) }
    }

    private func partsFit(_ source: any Source, _ range: OffsetRange) throws -> Bool {
        var next = range.start.bySplit
        for plan in try source.plan(range, rowsMax: 5) {
            guard next[plan.split] == plan.offsets.lowerBound else { return false }
            next[plan.split] = plan.offsets.upperBound
            let offsets = rows(of: try plan.load(), plan.split).map(\.offset)
            guard offsets.allSatisfy(plan.offsets.contains) else { return false }
        }
        return next == range.end.bySplit
    }

    private func isReadAgain(
        _ source: any Source, _ range: OffsetRange, _ rows: [Row]
    ) throws -> Bool {
        let other = try open()
        defer { other.close() }
        _ = try other.latest()
        guard try read(source, range) == rows, try read(other, range, rowsMax: 3) == rows else {
            return false
        }
        return try readAtOnce(source, range) == rows
    }

    /// Reads the range in random pieces, each of which ends where the source lets it end.
    private func isCutAnywhere(
        _ source: any Source, _ whole: OffsetRange, _ rows: [Row], _ seed: UInt64,
        _ broken: inout Set<Clause>
    ) throws -> Bool {
        var random = SeededGenerator(seed: seed)
        for _ in 0..<8 {
            var (position, found) = (whole.start, [Row]())
            while position != whole.end {
                let target = position.bySplit.reduce(into: [SplitID: Int64]()) { ends, split in
                    let end = max(split.value, whole.end[split.key] ?? 0)
                    ends[split.key] = Int64.random(in: split.value...end, using: &random)
                }
                let wanted = OffsetRange(from: position, to: SourceOffsets(target))
                if wanted.isEmpty { continue }
                let range = OffsetRange(from: position, to: try source.end(of: wanted))
                if (try? throughText(range.end)) != range.end { broken.insert(.text) }
                guard !range.isEmpty else { return false }
                found += try read(source, range)
                position = range.end
            }
            // A cut goes through the splits side by side; the rows of each have their order.
            let bySplit = whole.start.splits.flatMap { split in found.filter { $0.split == split } }
            guard bySplit == rows else { return false }
        }
        return true
    }

    private func isKnownAgain(_ source: any Source, at end: SourceOffsets) throws -> Bool {
        let tail = try source.tail(at: end)
        let other = try open()
        defer { other.close() }
        guard tail?.utf8.contains(UInt8(ascii: "\n")) != true else { return false }
        return (try? other.resume(at: end, tail: tail)) != nil
    }

    private func growthKeeps(
        _ rows: [Row], of range: OffsetRange, _ source: any Source
    ) throws -> Bool {
        try grow()
        time.sleep(nanos: 1_000_000_000)
        let latest = try source.latest()
        guard latest.hasReached(range.end), latest != range.end else { return false }
        guard try read(source, range) == rows else { return false }
        let start = range.end.filled(from: try source.earliest())
        return try !read(source, OffsetRange(from: start, to: latest)).isEmpty
    }

    private func waitsForRows(_ source: any Source) throws -> Bool {
        let second: UInt64 = 1_000_000_000
        let (seen, begun) = (try source.latest(), time.now)
        // None come: a wait may return early, but it sleeps.
        var waits = 0
        while time.now < begun.advanced(byNanos: second) {
            let before = time.now
            source.wait(beyond: seen, until: begun.advanced(byNanos: second))
            waits += 1
            guard time.now > before, waits < 100_000 else { return false }
        }
        guard time.now.nanos(since: begun) <= 2 * second else { return false }
        let failure = Mutex<(any Error)?>(nil)
        time.after(ms: 500) { [grow] in
            do { try grow() } catch { failure.withLock { $0 = error } }
        }
        let again = time.now
        while try source.latest() == seen, time.now.nanos(since: again) < 60 * second {
            source.wait(beyond: seen, until: again.advanced(byNanos: 60 * second))
        }
        if let failure = failure.withLock({ $0 }) { throw failure }
        return time.now.nanos(since: again) < second
    }

    private func missingRowsAreErrors(
        _ source: any Source, _ whole: OffsetRange
    ) throws -> Bool {
        let beyond = try source.latest().bySplit.mapValues { $0 + 1 }
        let ahead = OffsetRange(from: try source.earliest(), to: SourceOffsets(beyond))
        guard isRefused(ahead, by: source) else { return false }
        guard let lose else { return true }
        try lose()
        return isRefused(whole, by: try open())
    }

    private func isRefused(_ range: OffsetRange, by source: any Source) -> Bool {
        do {
            try source.require(range)
            _ = try read(source, range)
            return false
        } catch {
            return true
        }
    }
}
