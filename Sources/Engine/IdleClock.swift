import ConnectorAPI
import Storage

/// When rows of each source were last seen: what says that a source is idle.
struct IdleClock {
    /// By source, in the job's order, and by split; a source without an entry had no row since the
    /// run began.
    private var lastRows: [[SplitID: MonotonicTime]]
    private let begun: MonotonicTime

    /// Begins a run: silence counts from now.
    init(sources: Int, now: MonotonicTime) {
        lastRows = Array(repeating: [:], count: sources)
        begun = now
    }

    /// Notes that a batch, or a part of it, had the rows of these ranges.
    mutating func note(_ ranges: [OffsetRange], at now: MonotonicTime) {
        for (source, range) in ranges.enumerated() {
            for (split, _) in range.splits { lastRows[source][split] = now }
        }
    }

    /// When a source last had rows, or the run began.
    func last(_ source: Int) -> MonotonicTime { lastRows[source].values.max() ?? begun }

    /// When a split last had rows, or the run began.
    func last(_ source: Int, _ split: SplitID) -> MonotonicTime {
        lastRows[source][split] ?? begun
    }

    /// When any source last had rows.
    var newest: MonotonicTime { lastRows.indices.map(last).max() ?? begun }
}
