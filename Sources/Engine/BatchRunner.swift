import Checkpoints
import Columnar
import ConnectorAPI
import Jobs
import KeyedState
import Operators
import Storage

/// Computes batches one after the other and has them stored, each beside the computation of the
/// next one where that gains time.
///
/// Invariants:
/// - `cursor` and the graph's state are those after the last computed batch. It is committed, or
///   `storing`, or it failed, and then the runner is spent: make a new engine.
/// - Batches are stored one after the other: nothing of a batch is durable before the batch before
///   it is committed.
final class BatchRunner {
    /// A batch while it is computed.
    struct RunningBatch {
        /// Its plan; it grows while rows are taken in as they come.
        var plan: BatchPlan
        /// The sources' ends, for its report.
        var latest: [SourceOffsets]
        /// What is still to be logged of the plan, but for rows that are yet to be taken in.
        var entry: OffsetsEntry?
        var timer: BatchTimer
    }

    // Set once.
    let job: EngineJob
    let sources: JobSources
    let graph: QueryGraph
    let checkpoint: CheckpointStore
    let maintenance: SinkMaintenance
    let time: any TimeSource
    let runId: String
    private let observe: (EngineEvent) -> Void

    // Changing.
    private(set) var cursor: Cursor
    private(set) var totals: RunTotals
    /// The batch before the next one, while it is being stored.
    private var storing: (batch: ComputedBatch, work: Background<BatchTimer>)?
    /// The removal of old files, while it runs.
    private var removing: Background<Void>?

    /// What the next batch depends on.
    struct Cursor {
        /// The next batch's number.
        var nextBatch: Int64 = 0
        /// The next offsets of each source.
        var nextOffsets: [SourceOffsets]
        /// The watermark the next batch runs with, ms.
        var watermarkMs: Int64 = 0
        /// The watermark the last batch ran with, ms: against it the next batch's rows are late.
        var lastWatermarkMs: Int64 = 0
        /// Whether no batch was planned yet, so that the job may yet begin elsewhere.
        var startMayMove = false
        /// Whether the run that this engine makes has executed a batch.
        var hasRunBatch = false
    }

    /// When a batch is stored.
    enum Storing {
        /// Before the next one begins.
        case atOnce
        /// While the next one is computed, which begins at once.
        case besideTheNext
    }

    init(
        job: EngineJob, sources: JobSources, graph: QueryGraph, checkpoint: CheckpointStore,
        time: any TimeSource, runId: String, cursor: Cursor, counters: [String: Int64],
        observe: @escaping (EngineEvent) -> Void
    ) {
        self.job = job
        self.sources = sources
        self.graph = graph
        self.checkpoint = checkpoint
        maintenance = SinkMaintenance(
            graph.sinks, threads: job.threads, time, notice: job.notice)
        self.time = time
        self.runId = runId
        self.cursor = cursor
        self.observe = observe
        totals = RunTotals(counters: counters)
    }

    /// Batches that are committed, or will be if what is stored now can be.
    var batches: Int { totals.summary.batches + (storing == nil ? 0 : 1) }

    var workers: Workers { Workers(threads: job.threads) }

    // MARK: Planning

    /// The plan of the next batch, which reads these ranges.
    func plan(_ offsets: [OffsetRange]) -> BatchPlan {
        BatchPlan(
            batch: cursor.nextBatch, offsets: offsets, lateWatermarkMs: cursor.lastWatermarkMs,
            watermarkMs: cursor.watermarkMs, timestampMs: time.nowMicros() / 1_000,
            isRerun: false)
    }

    /// Finds the place again that a new job begins at: the rows that it depends on may have come
    /// since; `isComplete` says that no more can.
    func placeStart(isComplete: Bool) throws {
        guard cursor.startMayMove else { return }
        cursor.nextOffsets = try sources.first(
            job.startingOffsets, again: cursor.nextOffsets, isComplete: isComplete)
    }

    /// Takes in which watermarks are idle, and moves the watermark to where the others let it go.
    ///
    /// - Parameters:
    ///   - isIdle: by watermark, whether all of its sources are.
    ///   - splits: by watermark, which splits are, where the slowest one decides.
    func setIdle(_ isIdle: [Bool], splits: [Set<Lane>]) {
        for (index, isIdle) in isIdle.enumerated() { graph.tracker.setIdle(index, isIdle) }
        for (index, splits) in splits.enumerated() {
            graph.tracker.setIdle(index, splits: splits)
        }
        cursor.watermarkMs = max(cursor.watermarkMs, graph.tracker.move())
    }

    /// Moves the watermark forward.
    func raiseWatermark(toMs watermarkMs: Int64) {
        cursor.watermarkMs = watermarkMs
        graph.raiseWatermark(toMs: watermarkMs)
    }

    // MARK: Running

    /// Runs one batch that reads the rows of its plan.
    ///
    /// The plan is logged before anything is computed, so that a batch that cannot be computed keeps
    /// it; while the batch before is not committed, no plan comes after it, and it is logged then.
    func run(_ plan: BatchPlan, latest: [SourceOffsets], storing when: Storing) throws {
        try run(plan, latest: latest, storing: when) { batch in
            if storing == nil, let entry = batch.entry {
                try storage.log(entry, &batch.timer)
                batch.entry = nil
            }
            return try graph.run(
                batch.plan, from: sources.all, workers: workers, timer: &batch.timer)
        }
    }

    /// Runs one batch from its plan to its commit, or up to where it is stored beside the next one.
    ///
    /// - Parameters:
    ///   - plan: the batch.
    ///   - latest: the sources' ends when it was planned, for its report.
    ///   - when: when it is stored.
    ///   - compute: computes it, and may extend its plan.
    /// - Throws: ``BatchError`` when it, or the batch before it, fails before its commit.
    func run(
        _ plan: BatchPlan, latest: [SourceOffsets], storing when: Storing = .atOnce,
        compute: (inout RunningBatch) throws -> BatchOutcome
    ) throws {
        observe(.began(plan.batch))
        let computed = Result { try self.compute(plan, latest, compute) }
        // What is wrong with the batch before comes first, as if this one had waited for it.
        try finishStoring()
        let batch = try computed.get()
        if case .besideTheNext = when, job.threads > 1 {
            let storage = storage
            storing = (batch, Background(threads: job.threads) { try storage.store(batch) })
        } else {
            try end(batch, storage.store(batch))
        }
    }

    /// Computes a batch, up to where nothing is left but to store it.
    private func compute(
        _ plan: BatchPlan, _ latest: [SourceOffsets],
        _ compute: (inout RunningBatch) throws -> BatchOutcome
    ) throws -> ComputedBatch {
        // What the plan records of watermarks is what was before the batch moves them.
        var batch = RunningBatch(
            plan: plan, latest: latest, entry: plan.isRerun ? nil : entry(plan),
            timer: BatchTimer(time))
        do {
            let outcome = try compute(&batch)
            return try complete(&batch, outcome)
        } catch {
            throw BatchError(batch.plan, sources: sources.names, error)
        }
    }

    /// Takes everything out of the graph that is to be stored of a batch, and goes on to the next.
    private func complete(
        _ batch: inout RunningBatch, _ outcome: BatchOutcome
    ) throws -> ComputedBatch {
        let plan = batch.plan
        let changes = try graph.takeChanges(plan.batch)
        batch.timer.lap(\.stateCommit, .state)

        cursor.nextBatch = plan.batch + 1
        cursor.nextOffsets = plan.offsets.map(\.end)
        cursor.lastWatermarkMs = plan.watermarkMs
        cursor.watermarkMs = max(plan.watermarkMs, graph.watermarkMs)
        cursor.startMayMove = false
        cursor.hasRunBatch = true
        totals.count(outcome, sourceNames: job.job.hasNamedSources ? sources.names : nil)
        var entry = batch.entry
        entry?.sources = ranges(plan)
        let record = graph.watermarkRecord
        return ComputedBatch(
            plan: plan, entry: entry,
            changes: changes, publications: graph.publications(outcome),
            commit: CommitEntry(
                batch: BatchID(plan.batch), nextWatermarkMs: cursor.watermarkMs,
                watermarkMaximaMs: record.maximaMs, newestReceiptsMs: record.receiptsMs,
                counters: totals.counters,
                tails: try sources.tails(at: cursor.nextOffsets)),
            outcome: outcome, sources: sourceProgress(outcome, plan, batch.latest),
            timer: batch.timer)
    }

    /// The plan as `offsets/N` records it.
    private func entry(_ plan: BatchPlan) -> OffsetsEntry {
        OffsetsEntry(
            batch: BatchID(plan.batch), watermarkMs: plan.watermarkMs,
            timestampMs: plan.timestampMs,
            conf: ["spark.sql.streaming.multipleWatermarkPolicy": graph.policy.rawValue],
            sources: ranges(plan), watermarkMaximaMs: graph.watermarkRecord.maximaMs)
    }

    private func ranges(_ plan: BatchPlan) -> [SourceRange] {
        zip(sources.names, plan.offsets).map { SourceRange(name: $0, offsets: $1) }
    }

    // MARK: Storing

    /// Waits for the batch that is being stored, if one is, and reports it.
    func finishStoring() throws {
        guard let (batch, work) = storing else { return }
        storing = nil
        try end(batch, work.wait())
    }

    /// Waits until old files are removed, if any are.
    func finishRemoving() throws {
        guard let work = removing else { return }
        removing = nil
        try work.wait()
    }

    /// Old files are removed every few batches, beside the next ones.
    private func removeOld(after batch: Int64) throws {
        let period = min(10, Int64(job.job.options.stateSnapshotIntervalBatches))
        guard (batch + 1) % period == 0 else { return }
        try finishRemoving()
        let (storage, retained) = (storage, checkpoint.retainedFrom)
        removing = Background(threads: job.threads) { try storage.removeOld(retained: retained) }
        if job.threads == 1 { try finishRemoving() }
    }

    /// What makes a batch durable.
    private var storage: BatchStorage {
        BatchStorage(
            checkpoint: checkpoint, graph: graph, workers: workers, time: time,
            retry: SinkRetry(time, note: job.noteRetry), sourceNames: sources.names)
    }

    /// Reports a committed batch; then what it made old may go.
    private func end(_ batch: ComputedBatch, _ storing: BatchTimer) throws {
        var batch = batch
        batch.timer.add(storing)
        batch.timer.end(wall: totals.wall(from: batch.timer.begunNanos, to: storing.lapNanos))
        report(batch)
        try sources.release(before: batch.plan.offsets.map(\.end))
        try removeOld(after: batch.plan.batch)
        try maintain(BatchID(batch.plan.batch))
    }

    /// Tells who keeps tables small how far the checkpoint is.
    func maintain(_ committed: BatchID) throws {
        try maintenance.note(
            CheckpointMoment(committed: committed, keptFrom: checkpoint.keptFrom))
    }

    private func report(_ batch: ComputedBatch) {
        let (plan, outcome) = (batch.plan, batch.outcome)
        let sincePrevious = totals.report(
            outcome, begunNanos: batch.timer.begunNanos,
            readsSources: job.plan.queries.map { $0.upstream == nil })
        observe(
            .progress(
                BatchProgress(
                    id: checkpoint.identity.id, runId: runId, name: job.job.name,
                    timestampMs: plan.timestampMs, batchId: plan.batch,
                    durations: batch.timer.durations, profile: batch.timer.profile,
                    sincePreviousMs: sincePrevious,
                    sources: batch.sources,
                    eventTime: outcome.eventTime, watermarkMs: plan.watermarkMs,
                    nextWatermarkMs: batch.commit.nextWatermarkMs, queries: outcome.queries,
                    sinkMetrics: graph.sinks.flatMap { sink in
                        sink.metrics.map { ("\($0.name).\(sink.description)", $0.value) }
                    })))
    }

    private func sourceProgress(
        _ outcome: BatchOutcome, _ plan: BatchPlan, _ latest: [SourceOffsets]
    ) -> [SourceProgress] {
        sources.all.indices.map { index in
            let watermark = graph.inputs[index].watermarkIndex.map { graph.tracker.inputs[$0] }
            return SourceProgress(
                name: job.job.hasNamedSources ? sources.names[index] : nil,
                description: sources.all[index].description, offsets: plan.offsets[index],
                latest: latest[index], rowsIn: outcome.tally.rowsIn[index],
                rowsMalformed: outcome.tally.rowsMalformed[index],
                rowsBeyondSkew: outcome.tally.rowsBeyondSkew[index],
                rowsLost: outcome.tally.rowsLost[index],
                watermarkMs: watermark?.watermarkMs, isIdle: watermark?.isIdle ?? false,
                unread: sources.all[index].unread(from: plan.offsets[index].end, to: latest[index]))
        }
    }
}
