import Checkpoints
public import ConnectorAPI
import Jobs
public import Storage

/// Runs a job batch by batch: log the offsets, run, make state durable, publish, log the commit.
///
/// Whatever stops it, the next engine on the same checkpoint runs an uncommitted batch again from
/// its logged plan, computes the same rows and leaves the same files: exactly once.
///
/// Invariants:
/// - `cursor` and the graph's state are those after the last computed batch. It is committed, or
///   `storing`, or it failed, and then the engine is spent: make a new one.
/// - Batches are stored one after the other: no plan is logged before the batch before it is
///   committed.
public final class MicroBatchEngine {
    // Set once.
    let job: EngineJob
    let sources: [any StreamSource]
    let time: any TimeSource
    let observe: (EngineEvent) -> Void
    let checkpoint: CheckpointStore
    let runId: String

    // Changing.
    let graph: QueryGraph
    var cursor: Cursor
    var pending: BatchPlan?
    /// The batch before the next one, while it is being stored.
    var storing: (batch: ComputedBatch, work: Background<StoredBatch>)?
    /// The removal of old files, while it runs.
    var removing: Background<Void>?
    /// When the last batch ended.
    var lastEndNanos: UInt64 = 0
    var summary = RunSummary()
    var lastTriggerNanos: UInt64?
    /// When each source was last seen to have new rows.
    var lastRowsNanos: [UInt64]

    /// What the next batch depends on.
    struct Cursor {
        /// The next batch's number.
        var nextBatch: Int64 = 0
        /// The next offset of each source.
        var nextOffsets: [Int64]
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
    ///   - sources: what it reads, in the job's order.
    ///   - checkpointPath: the checkpoint's directory, made if it does not exist.
    ///   - files: where the checkpoint lies.
    ///   - time: the clocks.
    ///   - observe: told what happens, on the calling thread.
    /// - Throws: when the checkpoint is locked, damaged or of a job that this one cannot continue,
    ///   or the source has lost rows that it needs. Nothing is changed then.
    public init(
        job: EngineJob, sources: [any StreamSource], checkpointPath: Path, files: any FileSystem,
        time: any TimeSource, observe: @escaping (EngineEvent) -> Void
    ) throws {
        self.job = job
        precondition(sources.count == job.job.sources.count, "a source for each of the job's")
        self.sources = sources
        self.time = time
        lastRowsNanos = sources.map { _ in time.monotonicNanos() }
        self.observe = observe
        var random = SystemRandomNumberGenerator()
        runId = CheckpointIdentity.random(using: &random).id
        let reader = try CheckpointReader(checkpointPath, files: files)
        try checkCanContinue(
            with: job.job, columns: job.plan.columns, at: reader.path, files,
            environment: job.environment)
        // Before anything is made: a job that cannot begin leaves nothing behind.
        if try reader.plannedBatches().isEmpty { _ = try Self.firstOffsets(of: job, in: sources) }
        checkpoint = try CheckpointStore.open(
            checkpointPath, files: files, minBatchesToRetain: job.job.options.minBatchesToRetain,
            newIdentity: .random(using: &random))
        graph = try QueryGraph(
            job: job, checkpointID: checkpoint.identity.id, files: files,
            stateDirectory: reader.stateDirectory())
        cursor = Cursor(nextOffsets: [])
        try recover()
        try checkpoint.saveJob(job.job.canonicalText)
    }

    /// Gives up the checkpoint's lock.
    public func close() { checkpoint.close() }

    /// Where the run begins, as told to observers; `ends` are how far it may read for now.
    func start(ends: [Int64]) -> RunStart {
        RunStart(
            name: job.job.name, id: checkpoint.identity.id,
            nextBatch: pending?.batch ?? cursor.nextBatch, nextOffsets: cursor.nextOffsets,
            rowsLeft: zip(ends, cursor.nextOffsets).reduce(0) { $0 + max(0, $1.0 - $1.1) },
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

extension MicroBatchEngine {
    /// Brings state and cursor to where the last committed batch left them.
    private func recover() throws {
        switch checkpoint.recovery {
        case .fresh:
            cursor = Cursor(nextOffsets: try Self.firstOffsets(of: job, in: sources))
        case .resume(let point):
            cursor = try Cursor(after: point.lastOffsets, point.lastCommit, sourceNames)
            graph.restoreWatermark(
                maximaMs: point.lastCommit.watermarkMaximaMs, watermarkMs: cursor.watermarkMs)
            try graph.restoreState(before: cursor.nextBatch, commit: checkpoint.recordedCommit)
            try checkSources(need: cursor.nextOffsets)
        case .rerun(let point):
            let ranges = try point.offsets.ranges(of: sourceNames)
            cursor = Cursor(nextOffsets: ranges.map(\.lowerBound))
            cursor.nextBatch = point.offsets.batch.number
            cursor.watermarkMs = point.offsets.watermarkMs
            cursor.lastWatermarkMs = point.lateWatermarkMs
            cursor.counters = point.lastCommit?.counters ?? [:]
            try graph.restoreState(before: cursor.nextBatch, commit: checkpoint.recordedCommit)
            graph.restoreWatermark(
                maximaMs: point.offsets.watermarkMaximaMs, watermarkMs: point.offsets.watermarkMs)
            try checkSources(need: ranges.map(\.lowerBound))
            try checkSources(need: ranges.map(\.upperBound))
            pending = BatchPlan(
                batch: point.offsets.batch.number, offsets: ranges,
                lateWatermarkMs: point.lateWatermarkMs, watermarkMs: point.offsets.watermarkMs,
                timestampMs: point.offsets.timestampMs, isRerun: true)
        }
    }

    /// The sources' names in checkpoints, in the job's order.
    var sourceNames: [String] { job.job.sources.map(\.name) }

    /// Where a job without a checkpoint begins to read each source.
    private static func firstOffsets(
        of job: EngineJob, in sources: [any StreamSource]
    ) throws -> [Int64] {
        try sources.indices.map { index in
            try firstOffset(
                job.startingOffsets[index], in: sources[index],
                mayGrow: job.job.sources[index].feed != nil)
        }
    }

    /// Where a new job begins to read a source; one that a feed fills may yet grow to an offset.
    static func firstOffset(
        _ starting: SourceSpec.StartingOffsets, in source: any StreamSource, mayGrow: Bool
    ) throws -> Int64 {
        let earliest = try source.earliestOffset()
        switch starting {
        case .earliest: return earliest
        case .latest: return try source.latestOffset()
        case .timestamp(let micros): return try source.offset(atOrAfter: micros)
        case .offset(let offset):
            let latest = try source.latestOffset()
            guard offset >= earliest, offset <= latest || mayGrow else {
                throw EngineError(
                    .noSuchOffset,
                    "\(source.description): startingOffsets is \(offset), but the source has the "
                        + "offsets \(earliest) to \(latest); begin at one of them, at "
                        + "\"earliest\" or at \"latest\"")
            }
            return offset
        }
    }

    /// Checks that an offset of each source can still, or already, be read.
    func checkSources(need offsets: [Int64]) throws {
        for (source, offset) in zip(sources, offsets) { try check(source, needs: offset) }
    }

    private func check(_ source: any StreamSource, needs offset: Int64) throws {
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
    init(after offsets: OffsetsEntry, _ commit: CommitEntry, _ sources: [String]) throws {
        self.init(nextOffsets: try offsets.ranges(of: sources).map(\.upperBound))
        nextBatch = offsets.batch.number + 1
        watermarkMs = max(offsets.watermarkMs, commit.nextWatermarkMs)
        lastWatermarkMs = offsets.watermarkMs
        counters = commit.counters
    }
}

extension OffsetsEntry {
    /// The offsets that a logged plan covers of each source, in the order of their names.
    func ranges(of names: [String]) throws -> [Range<Int64>] {
        guard sources.map(\.name) == names else {
            throw CheckpointError(
                .damaged, path: "offsets/\(batch)",
                detail: "it has offsets of \(sources.map(\.name).joined(separator: ", ")), not of "
                    + names.joined(separator: ", "),
                remedy: "clear the checkpoint together with its outputs and start over")
        }
        return try sources.map { source in
            guard let start = Int64(source.start), let end = Int64(source.end),
                0 <= start, start <= end
            else {
                throw CheckpointError(
                    .damaged, path: "offsets/\(batch)",
                    detail: "expected a start and an end offset of \(source.name)",
                    remedy: "clear the checkpoint together with its outputs and start over")
            }
            return start..<end
        }
    }
}
