import Columnar
import Storage
import Synchronization

/// One file of a log that holds rows.
public struct LogFileListing: Sendable {
    /// What a file is.
    public enum Kind: String, Sendable {
        /// A segment that takes no more rows.
        case sealed
        /// The segment that takes more rows.
        case active
        /// Rows of small appends that are to become part of the active segment.
        case journal
    }

    /// The file's name.
    public let name: String
    /// What it is.
    public let kind: Kind
    /// The offsets of its durable rows.
    public let offsets: Range<Int64>
    /// Its size.
    public let bytes: Int64
    /// The event times that occur, µs; `nil` where there is none.
    public let times: ClosedRange<Int64>?
}

extension TickLogReader {
    /// The files of the log that hold rows, oldest first, as of the last refresh.
    ///
    /// - Complexity: some hundred bytes of each sealed segment, and the active one's batches; their
    ///   rows are not read.
    /// - Throws: `.damaged` when a file is missing or does not end as it must.
    public func listing() throws(TickLogError) -> [LogFileListing] {
        var sizes: [String: Int64] = [:]
        for entry in try storage({ () throws(StorageError) in try files.list(path) }) {
            sizes[entry.name] = entry.size
        }
        return try withSegments { (state) throws(TickLogError) in
            var found: [LogFileListing] = []
            for (index, segment) in state.segments.enumerated() {
                let base = segment.baseOffset
                let isActive = base == state.mark.segmentBase
                let end =
                    isActive ? state.mark.segmentEnd : state.segments[index + 1].baseOffset
                // One that was begun and has no rows yet is not of interest, unless it is all.
                if isActive, end == base, base > 0 { continue }
                let name = SegmentHeader.fileName(base)
                let times =
                    try isActive ? activeTimes(index, &state) : sealedTimes(base, to: end)
                found.append(
                    LogFileListing(
                        name: name, kind: isActive ? .active : .sealed, offsets: base..<end,
                        bytes: sizes[name] ?? 0, times: times))
            }
            try listJournals(sizes, &state, into: &found)
            return found
        }
    }

    private func sealedTimes(
        _ base: Int64, to end: Int64
    ) throws(TickLogError) -> ClosedRange<Int64>? {
        let segment = try storage { () throws(StorageError) in
            try path.appending(SegmentHeader.fileName(base))
        }
        let summary = try SegmentSummary.read(segment, baseOffset: base, log, files)
        guard summary.endOffset == end else {
            throw TickLogError.damaged(
                "the segment ends at offset \(summary.endOffset), the next begins at \(end)",
                file: segment, position: Int(summary.dataBytes))
        }
        return summary.times
    }

    private func activeTimes(
        _ index: Int, _ state: inout State
    ) throws(TickLogError) -> ClosedRange<Int64>? {
        guard state.mark.segmentEnd > state.segments[index].baseOffset else { return nil }
        try load(index, &state)
        return union(state.segments[index].groups.lazy.map(\.times))
    }

    private func listJournals(
        _ sizes: [String: Int64], _ state: inout State, into found: inout [LogFileListing]
    ) throws(TickLogError) {
        for (index, journal) in state.journals.enumerated() {
            let isLast = index == state.journals.count - 1
            let end = isLast ? state.mark.endOffset : state.journals[index + 1].baseOffset
            guard end > journal.baseOffset else { continue }
            var plans: [LogBlockPlan] = []
            let offsets = journal.baseOffset..<end
            try planFrames(offsets, [log.timeIndex], .max, &state, into: &plans)
            var times: [ClosedRange<Int64>?] = []
            for plan in plans { times.append(try plan.frameTimes()) }
            let name = JournalFile.fileName(journal.baseOffset)
            found.append(
                LogFileListing(
                    name: name, kind: .journal, offsets: offsets, bytes: sizes[name] ?? 0,
                    times: union(times)))
        }
    }

    /// Whether a sealed segment has a row with a time at or after a moment; only its end is read.
    func mayHold(
        timeAtOrAfter micros: Int64, segment base: Int64
    ) throws(TickLogError) -> Bool {
        let segment = try storage { () throws(StorageError) in
            try path.appending(SegmentHeader.fileName(base))
        }
        let summary = try SegmentSummary.read(segment, baseOffset: base, log, files)
        return summary.times.map { $0.upperBound >= micros } ?? false
    }
}

/// The smallest range that holds all of some ranges.
private func union(_ ranges: some Sequence<ClosedRange<Int64>?>) -> ClosedRange<Int64>? {
    var whole: ClosedRange<Int64>?
    for case let range? in ranges {
        let known = whole ?? range
        whole =
            min(known.lowerBound, range.lowerBound)...max(known.upperBound, range.upperBound)
    }
    return whole
}
