import Columnar
import ConnectorAPI
import Jobs
import Operators
import Storage

// A batch in real time grows while it runs: rows are read, folded and shown as they come. When its
// time is up it is ended as any other: its offsets are logged, its state and its sinks made durable,
// its commit logged. Nothing of it is durable before its offsets are, so an interrupted one that was
// not logged never was, and one that was logged is run again as a batch of the rows it had read.
extension MicroBatchEngine {
    /// The most rows of one batch: what bounds the memory of a query that keeps its rows until then,
    /// and what is done again after a crash.
    static let liveRowsMax: Int64 = 1 << 20

    /// Runs a batch that begins with the plan's rows and takes in what comes while it lasts.
    ///
    /// It ends early when a stop is asked for, when the limits allow no more rows, or when it has so
    /// many that memory matters.
    func executeLive(
        _ first: BatchPlan, lastingMs: Int64, _ limits: RunLimits, _ shouldStop: () -> Bool
    ) throws {
        var plan = first
        var clock = StageClock(time)
        let begun = clock.now
        let start = first.offsets[0].lowerBound
        let rowsMax = min(Self.liveRowsMax, job.job.sources[0].maxOffsetsPerTrigger ?? .max)
        let batch: ComputedBatch
        var available = try availability(limits)
        do {
            var scan = graph.begin(plan, isLive: true)
            var next = start
            while true {
                let end = min(available.ends[0], start + rowsMax)
                if end > next {
                    var part = plan
                    part.offsets = [next..<end]
                    let rows = Int(end - next)
                    try graph.read(
                        part, from: sources, workers.sharing(rows: rows), into: &scan, &clock)
                    try graph.show(scan)
                    next = end
                    lastRowsNanos[0] = time.monotonicNanos()
                } else {
                    waitForRows()
                }
                // A job may ask for more milliseconds than 64 bits hold nanoseconds of.
                let lastedMs = (time.monotonicNanos() - begun) / 1_000_000
                if shouldStop() || lastedMs >= UInt64(lastingMs) { break }
                if next - start >= rowsMax { break }
                if try isAtLimit(limits, at: [next]) { break }
                available = try availability(limits)
            }
            plan.offsets = [start..<next]
            let waited = clock.lap()
            scan.profile.add(wall: waited, [(.other, waited)])
            let logged = try storage.log(entry(plan), &clock)
            var outcome = try graph.finish(plan, scan, &clock)
            outcome.add(logged)
            batch = try complete(plan, outcome, begun, available.latest, &clock)
        } catch {
            throw BatchError(plan, sources: sourceNames, error)
        }
        try end(batch, storage.store(batch))
    }
}
