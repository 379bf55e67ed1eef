import Operators
import Storage

/// What a run came to, batch by batch.
struct RunTotals {
    /// Totals over the batches that were reported.
    private(set) var summary = RunSummary()
    /// Totals since batch 0 by name, up to the last computed batch, as commits record them.
    private(set) var counters: [String: Int64]
    /// When the last batch was planned, ns.
    private var lastTriggerNanos: UInt64?
    /// When the last batch ended, ns.
    private var lastEndNanos: UInt64 = 0

    /// Goes on from the counters of a commit.
    init(counters: [String: Int64] = [:]) { self.counters = counters }

    /// Counts a computed batch, under the names of its sources if the job gives them names.
    mutating func count(_ outcome: BatchOutcome, sourceNames: [String]?) {
        let tally = outcome.tally
        add(tally.rowsIn.reduce(0, +), to: "rowsIn")
        addIfAny(tally.rowsBeyondSkew.reduce(0, +), to: "rowsRejected")
        addIfAny(tally.rowsMalformed.reduce(0, +), to: "rowsMalformed")
        addIfAny(tally.rowsLost.reduce(0, +), to: "rowsLost")
        for (name, count) in zip(sourceNames ?? [], tally.rowsIn) {
            add(count, to: "rowsIn.\(name)")
        }
        for query in outcome.queries {
            add(query.rowsLate, to: "rowsLate.\(query.name)")
            add(query.rowsOut, to: "rowsOut.\(query.name)")
            for total in query.operators.flatMap(\.totals) {
                add(total.count, to: "\(total.name).\(query.name)")
            }
        }
    }

    private mutating func addIfAny(_ amount: Int, to counter: String) {
        if amount > 0 { add(amount, to: counter) }
    }

    private mutating func add(_ amount: Int, to counter: String) {
        // Counters are for people; a total beyond 2^63 stays there.
        let (sum, overflow) = counters[counter, default: 0].addingReportingOverflow(Int64(amount))
        counters[counter] = overflow ? .max : sum
    }

    /// The wall time of a batch that ended, ns: what ran beside the batch before does not count, so
    /// that batches add up to the run.
    mutating func wall(from begunNanos: UInt64, to endedNanos: UInt64) -> UInt64 {
        defer { lastEndNanos = endedNanos }
        return endedNanos - max(begunNanos, lastEndNanos)
    }

    /// Adds a committed batch to the summary; the milliseconds since the batch before was planned,
    /// `nil` for the first of the run.
    ///
    /// `readsSources` says of each query whether its rows are those of the sources.
    mutating func report(
        _ outcome: BatchOutcome, begunNanos: UInt64, readsSources: [Bool]
    ) -> Double? {
        summary.batches += 1
        summary.rowsIn += outcome.tally.rowsIn.reduce(0, +)
        summary.rowsBeyondSkew += outcome.tally.rowsBeyondSkew.reduce(0, +)
        summary.rowsMalformed += outcome.tally.rowsMalformed.reduce(0, +)
        for (query, readsSources) in zip(outcome.queries, readsSources) {
            summary.rowsOut += query.rowsOut
            if readsSources { summary.rowsLate += query.rowsLate }
        }
        defer { lastTriggerNanos = begunNanos }
        return lastTriggerNanos.map { Double(begunNanos - $0) / 1e6 }
    }
}
