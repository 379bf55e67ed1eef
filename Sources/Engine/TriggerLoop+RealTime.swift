import Columnar
import ConnectorAPI
import Jobs
import Operators
import Storage

// A batch in real time grows while it runs: rows are read, folded and shown as they come. When its
// time is up it is ended as any other: its offsets are logged, its state and its sinks made durable,
// its commit logged. Nothing of it is durable before its offsets are, so an interrupted one that was
// not logged never was, and one that was logged is run again as a batch of the rows it had read.
extension TriggerLoop {
    /// The most rows of one batch: what bounds the memory of a query that keeps its rows until then,
    /// and what is done again after a crash.
    static let liveRowsMax: Int64 = 1 << 20

    /// Runs a batch that begins with the plan's rows and takes in what comes while it lasts.
    ///
    /// It ends early when a stop is asked for, when the limits allow no more rows, or when it has so
    /// many that memory matters.
    func runLive(_ first: BatchPlan, lastingMs: Int64) throws {
        let available = try sources.availability(limits)
        try runner.run(first, latest: available.latest) { batch in
            var scan = graph.begin(first, isLive: true)
            batch.plan.offsets = [
                try takeIn(from: first.offsets[0].start, lastingMs, available, &scan, &batch)
            ]
            batch.timer.lap(nil, .other)
            return try graph.finish(batch.plan, scan, &batch.timer)
        }
    }

    /// Reads, folds and shows rows as they come; gives what was read.
    private func takeIn(
        from start: SourceOffsets, _ lastingMs: Int64, _ available: Availability,
        _ scan: inout BatchScan, _ batch: inout BatchRunner.RunningBatch
    ) throws -> OffsetRange {
        let begun = time.now
        // A job may ask for more milliseconds than 64 bits hold nanoseconds of.
        let (lasting, overflow) = UInt64(lastingMs).multipliedReportingOverflow(by: 1_000_000)
        let end = overflow ? .distantFuture : begun.advanced(byNanos: lasting)
        let rowsMax = min(Self.liveRowsMax, sources.maxOffsets[0] ?? .max)
        var (available, next) = (available, start)
        while true {
            let more = SourceFacts(
                next: next, availableEnd: available.ends[0],
                maxOffsets: rowsMax - start.distance(to: next)
            ).range
            if more.isEmpty {
                waitForRows(beyond: available.latest, until: end)
                // Who did not want the last rows may want them now.
                try graph.show(scan)
            } else {
                var part = batch.plan
                part.offsets = [more]
                try graph.read(
                    part, from: sources.all, runner.workers.sharing(rows: Int(more.count)),
                    into: &scan, &batch.timer)
                try graph.show(scan)
                next = more.end
                idle.note([more], at: time.now)
            }
            batch.latest = available.latest
            if shouldStop() || time.now >= end || start.distance(to: next) >= rowsMax { break }
            if try sources.isAtLimit(limits, at: [next]) { break }
            available = try sources.availability(limits)
        }
        return OffsetRange(from: start, to: next)
    }
}
