import Checkpoints
public import ConnectorAPI
import Expressions
public import Jobs
public import Storage

/// Runs a job batch by batch: log the offsets, run, make state durable, publish, log the commit.
///
/// Whatever stops it, the next engine on the same checkpoint runs an uncommitted batch again from
/// its logged plan, computes the same rows and leaves the same files: exactly once.
public final class MicroBatchEngine {
    // Set once.
    let job: EngineJob
    let sources: JobSources
    let time: any TimeSource
    let checkpoint: CheckpointStore
    let graph: QueryGraph
    let runner: BatchRunner
    private let observe: (EngineEvent) -> Void

    // Changing.
    /// A batch of an earlier engine that is to be run again, and is so first.
    private var pending: BatchPlan?
    /// Whether the sinks are ready for batches.
    private var sinksAreReady = false

    /// Opens the checkpoint, decides how to go on, and restores state.
    ///
    /// - Parameters:
    ///   - job: the planned job.
    ///   - sources: what it reads, in the job's order; they are closed with the engine.
    ///   - checkpointPath: the checkpoint's directory, made if it does not exist.
    ///   - files: where the checkpoint lies.
    ///   - time: the clocks.
    ///   - observe: told what happens, on the calling thread.
    /// - Throws: when the checkpoint is locked, damaged or of a job that this one cannot continue,
    ///   or the source has lost rows that it needs. Nothing is changed then.
    public init(
        job: EngineJob, sources: [any Source], checkpointPath: Path, files: any FileSystem,
        time: any TimeSource, observe: @escaping (EngineEvent) -> Void
    ) throws {
        self.job = job
        self.sources = JobSources(sources, of: job.job, time)
        for (source, planned) in zip(sources, job.plan.sources) {
            if let filter = planned.shape?.filter { source.want(filter.ranges) }
        }
        self.time = time
        self.observe = observe
        var random = SystemRandomNumberGenerator()
        let reader = try CheckpointReader(checkpointPath, files: files)
        try checkCanContinue(
            with: job.job, columns: job.plan.columns, at: reader.path, files,
            environment: job.environment)
        // Before anything is made: a job that cannot begin leaves nothing behind.
        if try reader.plannedBatches().isEmpty { _ = try self.sources.first(job.startingOffsets) }
        if case .realTime = job.job.trigger { try self.sources.requireOneOrder(for: "realTime") }
        let checkpoint = try CheckpointStore.open(
            checkpointPath, files: files, minBatchesToRetain: job.job.options.minBatchesToRetain,
            newIdentity: .random(using: &random))
        do {
            self.checkpoint = checkpoint
            graph = try QueryGraph(
                job: job, checkpointID: checkpoint.identity.id, files: files,
                stateDirectory: reader.stateDirectory())
            let place = try RecoveredJob(checkpoint, job, self.sources, graph)
            pending = place.pending
            runner = BatchRunner(
                job: job, sources: self.sources, graph: graph, checkpoint: checkpoint, time: time,
                runId: CheckpointIdentity.random(using: &random).id, cursor: place.cursor,
                counters: place.counters, observe: observe)
            try checkpoint.saveJob(job.job.canonicalText)
        } catch {
            checkpoint.withdraw()
            checkpoint.close()
            throw error
        }
    }

    /// Takes away what opening a new checkpoint and beginning a run made, unless a batch was
    /// planned: for a job that cannot begin.
    public func withdraw() {
        guard !checkpoint.hasPlanned else { return }
        for sink in graph.sinks.reversed() { sink.withdraw() }
        checkpoint.withdraw()
    }

    /// Closes sinks and sources, and gives up the checkpoint's lock.
    public func close() {
        for sink in graph.sinks { sink.close() }
        for source in sources.all { source.close() }
        checkpoint.close()
    }

    /// Runs batches as the trigger says until everything is done or a stop is asked for.
    ///
    /// - Parameters:
    ///   - trigger: when batches run.
    ///   - limits: what else ends the run.
    ///   - shouldStop: asked between batches and while waiting; the running batch is finished.
    /// - Returns: what the run did.
    /// - Throws: when a sink cannot go on from where the checkpoint stands, or a batch fails; it is
    ///   run again by the next engine on the checkpoint.
    public func run(
        trigger: TriggerSpec, limits: RunLimits = RunLimits(), shouldStop: () -> Bool
    ) throws -> RunSummary {
        if case .realTime = trigger { try sources.requireOneOrder(for: "realTime") }
        try recoverSinks()
        defer { runner.maintenance.stop() }
        let begun = time.monotonicNanos()
        try withoutActuallyEscaping(shouldStop) { shouldStop in
            let loop = TriggerLoop(runner, limits, shouldStop: shouldStop, observe: observe)
            observe(.started(start(ends: try loop.availability().ends)))
            if let rerun = pending, !loop.isFinished {
                pending = nil
                try loop.run(rerun, latest: rerun.offsets.map(\.end))
            }
            let ended = Result { try loop.run(trigger) }
            let stored = Result { try runner.finishStoring() }
            let removed = Result { try runner.finishRemoving() }
            for result in [stored, ended, removed] { try result.get() }
            if !shouldStop() { runner.maintenance.finish() }
            try runner.maintenance.check()
        }
        var summary = runner.totals.summary
        summary.wasStopped = shouldStop()
        summary.elapsedNanos = time.monotonicNanos() - begun
        summary.watermarkMs = runner.cursor.watermarkMs
        summary.nextOffsets = runner.cursor.nextOffsets
        summary.lastBatch = runner.cursor.nextBatch > 0 ? runner.cursor.nextBatch - 1 : nil
        summary.openWindows = graph.openWindows
        observe(.stopped(summary))
        return summary
    }

    /// Makes the sinks ready for batches, once, in the order in which they will commit.
    private func recoverSinks() throws {
        guard !sinksAreReady else { return }
        var open: BatchID?
        if case .rerun(let point) = checkpoint.recovery { open = point.offsets.batch }
        for sink in graph.sinks {
            let receipts = try checkpoint.reader.newestReceipts { sink.id.isOwner($0) }
            let last = SinkRecovery(
                committed: lastCommit?.batch, open: open, receipts: receipts, assume: job.assume)
            try SinkRetry(time, note: job.noteRetry)(sink) { _ in try sink.recover(last) }
        }
        sinksAreReady = true
        if let committed = lastCommit?.batch { try runner.maintain(committed) }
    }

    /// The newest commit when the checkpoint was opened.
    private var lastCommit: CommitEntry? {
        switch checkpoint.recovery {
        case .fresh: nil
        case .resume(let point): point.lastCommit
        case .rerun(let point): point.lastCommit
        }
    }

    /// Where the run begins, as told to observers; `ends` are how far it may read for now.
    private func start(ends: [SourceOffsets]) -> RunStart {
        let cursor = runner.cursor
        return RunStart(
            name: job.job.name, id: checkpoint.identity.id,
            nextBatch: pending?.batch ?? cursor.nextBatch, nextOffsets: cursor.nextOffsets,
            unread: sources.unread(from: cursor.nextOffsets, to: ends),
            watermarkMs: cursor.watermarkMs,
            recovery: recoveryKind)
    }

    private var recoveryKind: RunStart.Recovery {
        switch checkpoint.recovery {
        case .fresh: .fresh
        case .resume: .resumed
        case .rerun: .rerun
        }
    }
}
