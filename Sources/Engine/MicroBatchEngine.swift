import Checkpoints
import Jobs
public import Storage
public import Streams

/// Runs a job batch by batch: log the offsets, run, make state durable, publish, log the commit.
///
/// Whatever stops it, the next engine on the same checkpoint runs an uncommitted batch again from
/// its logged plan, computes the same rows and leaves the same files: exactly once.
///
/// Invariants:
/// - `cursor` is the state after the last committed batch; it changes only after a commit.
/// - The graph's state is that of `cursor`, or of a batch that failed, and then the engine is
///   spent: make a new one.
public final class MicroBatchEngine {
    // Set once.
    let job: EngineJob
    let source: any StreamSource
    let time: any TimeSource
    let observe: (EngineEvent) -> Void
    let checkpoint: CheckpointStore
    let runId: String

    // Changing.
    let graph: QueryGraph
    var cursor: Cursor
    var pending: BatchPlan?
    var summary = RunSummary()
    var lastTriggerNanos: UInt64?

    /// What the next batch depends on.
    struct Cursor {
        /// The next batch's number.
        var nextBatch: Int64 = 0
        /// The next source offset.
        var nextOffset: Int64
        /// The watermark the next batch runs with, ms.
        var watermarkMs: Int64 = 0
        /// The watermark the last batch ran with, ms: against it the next batch's rows are late.
        var lastWatermarkMs: Int64 = 0
        /// Whether the run that this engine makes has executed a batch.
        var hasRunBatch = false
        /// Totals since batch 0, as commits record them.
        var counters: [String: Int64] = [:]
    }

    /// Opens the checkpoint, decides how to go on, and restores state.
    ///
    /// - Parameters:
    ///   - job: the planned job.
    ///   - source: what it reads.
    ///   - checkpointPath: the checkpoint's directory, made if it does not exist.
    ///   - files: where the checkpoint lies.
    ///   - time: the clocks.
    ///   - observe: told what happens, on the calling thread.
    /// - Throws: when the checkpoint is locked, damaged or of a job that this one cannot continue,
    ///   or the source has lost rows that it needs. Nothing is changed then.
    public init(
        job: EngineJob, source: any StreamSource, checkpointPath: Path, files: any FileSystem,
        time: any TimeSource, observe: @escaping (EngineEvent) -> Void
    ) throws {
        self.job = job
        self.source = source
        self.time = time
        self.observe = observe
        var random = SystemRandomNumberGenerator()
        runId = CheckpointIdentity.random(using: &random).id
        let reader = try CheckpointReader(checkpointPath, files: files)
        try checkCanContinue(
            with: job.job, input: job.plan.input, at: reader.path, files,
            environment: job.environment)
        // Before anything is made: a job that cannot begin leaves nothing behind.
        if try reader.plannedBatches().isEmpty { _ = try Self.firstOffset(of: job, in: source) }
        checkpoint = try CheckpointStore.open(
            checkpointPath, files: files, minBatchesToRetain: job.job.options.minBatchesToRetain,
            newIdentity: .random(using: &random))
        graph = try QueryGraph(
            job: job, checkpointID: checkpoint.identity.id, files: files,
            stateDirectory: reader.stateDirectory())
        cursor = Cursor(nextOffset: 0)
        try recover()
        try checkpoint.saveJob(job.job.canonicalText)
    }

    /// Gives up the checkpoint's lock.
    public func close() { checkpoint.close() }

    /// Where the run begins, as told to observers; `end` is how far it may read for now.
    func start(end: Int64) -> RunStart {
        RunStart(
            name: job.job.name, id: checkpoint.identity.id,
            nextBatch: pending?.batch ?? cursor.nextBatch, nextOffset: cursor.nextOffset,
            latestOffset: max(end, cursor.nextOffset), watermarkMs: cursor.watermarkMs,
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

extension MicroBatchEngine {
    /// Brings state and cursor to where the last committed batch left them.
    private func recover() throws {
        switch checkpoint.recovery {
        case .fresh:
            cursor = Cursor(nextOffset: try Self.firstOffset(of: job, in: source))
        case .resume(let point):
            cursor = try Cursor(after: point.lastOffsets, point.lastCommit)
            graph.restoreWatermark(
                maximaMs: point.lastCommit.watermarkMaximaMs, watermarkMs: cursor.watermarkMs)
            try graph.restoreState(before: cursor.nextBatch, commit: recordedCommit)
            try checkSource(needs: cursor.nextOffset)
        case .rerun(let point):
            let range = try offsetRange(of: point.offsets)
            cursor = Cursor(nextOffset: range.lowerBound)
            cursor.nextBatch = point.offsets.batch.number
            cursor.watermarkMs = point.offsets.watermarkMs
            cursor.lastWatermarkMs = point.lateWatermarkMs
            cursor.counters = point.lastCommit?.counters ?? [:]
            try graph.restoreState(before: cursor.nextBatch, commit: recordedCommit)
            graph.restoreWatermark(
                maximaMs: point.offsets.watermarkMaximaMs, watermarkMs: point.offsets.watermarkMs)
            try checkSource(needs: range.lowerBound)
            try checkSource(needs: range.upperBound)
            pending = BatchPlan(
                batch: point.offsets.batch.number, offsets: range,
                lateWatermarkMs: point.lateWatermarkMs, watermarkMs: point.offsets.watermarkMs,
                timestampMs: point.offsets.timestampMs, isRerun: true)
        }
    }

    /// What the commit of a batch recorded, `nil` when it is not kept or cannot be read.
    func recordedCommit(_ batch: Int64) -> CommitEntry? {
        try? checkpoint.reader.commit(BatchID(batch))
    }

    /// Where a job without a checkpoint begins.
    private static func firstOffset(
        of job: EngineJob, in source: any StreamSource
    ) throws -> Int64 {
        let earliest = try source.earliestOffset()
        switch job.startingOffsets {
        case .earliest: return earliest
        case .latest: return try source.latestOffset()
        case .timestamp(let micros): return try source.offset(atOrAfter: micros)
        case .offset(let offset):
            let latest = try source.latestOffset()
            guard offset >= earliest, offset <= latest else {
                throw EngineError(
                    .noSuchOffset,
                    "\(source.description): startingOffsets is \(offset), but the source has the "
                        + "offsets \(earliest) to \(latest); begin at one of them, at "
                        + "\"earliest\" or at \"latest\"")
            }
            return offset
        }
    }

    /// Checks that an offset can still, or already, be read.
    func checkSource(needs offset: Int64) throws {
        let earliest = try source.earliestOffset()
        let latest = try source.latestOffset()
        if offset < earliest {
            throw EngineError(
                .offsetsLost,
                "\(source.description): the job needs offset \(offset), but the source starts at "
                    + "\(earliest): \(earliest - offset) rows are lost. Restore the removed "
                    + "segments, or clear the job's checkpoint and lake and start over")
        }
        if offset > latest {
            throw EngineError(
                .sourceTooShort,
                "\(source.description): the job has read up to offset \(offset), but the source "
                    + "ends at \(latest). It is not the source this checkpoint was made with, or "
                    + "it was cut; restore it, or clear the job's checkpoint and lake")
        }
    }
}

extension MicroBatchEngine.Cursor {
    /// The state after a committed batch.
    init(after offsets: OffsetsEntry, _ commit: CommitEntry) throws {
        self.init(nextOffset: try offsetRange(of: offsets).upperBound)
        nextBatch = offsets.batch.number + 1
        watermarkMs = max(offsets.watermarkMs, commit.nextWatermarkMs)
        lastWatermarkMs = offsets.watermarkMs
        counters = commit.counters
    }
}

/// The source's name in `offsets/N`.
let sourceName = "source"

/// The offsets that a logged plan covers.
func offsetRange(of entry: OffsetsEntry) throws -> Range<Int64> {
    guard let range = entry.sources.first, entry.sources.count == 1,
        let start = Int64(range.start), let end = Int64(range.end), 0 <= start, start <= end
    else {
        throw CheckpointError(
            .damaged, path: "offsets/\(entry.batch)",
            detail: "expected one source with a start and an end offset",
            remedy: "clear the checkpoint together with its outputs and start over")
    }
    return start..<end
}
