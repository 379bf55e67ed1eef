import Checkpoints
import ConnectorAPI
import Storage

/// Where a job goes on, with its state and its sources brought there.
struct RecoveredJob {
    /// What the next batch depends on.
    let cursor: BatchRunner.Cursor
    /// Totals since batch 0.
    let counters: [String: Int64]
    /// The batch to run again before anything else, if there is one.
    let pending: BatchPlan?

    /// Follows a checkpoint's decision.
    ///
    /// - Throws: when state is damaged, or a source is not the one that was read.
    init(
        _ checkpoint: CheckpointStore, _ job: EngineJob, _ sources: JobSources, _ graph: QueryGraph
    ) throws {
        switch checkpoint.recovery {
        case .fresh:
            cursor = BatchRunner.Cursor(
                nextOffsets: try sources.first(job.startingOffsets), startMayMove: true)
            (counters, pending) = ([:], nil)
            try sources.resume(at: cursor.nextOffsets, tails: [:])
        case .resume(let point):
            let ends = try point.lastOffsets.ranges(of: sources.names).map(\.end)
            cursor = BatchRunner.Cursor(
                nextBatch: point.next.number, nextOffsets: ends, watermarkMs: point.watermarkMs,
                lastWatermarkMs: point.lateWatermarkMs)
            (counters, pending) = (point.lastCommit.counters, nil)
            graph.restoreWatermark(
                WatermarkRecord(
                    maximaMs: point.lastCommit.watermarkMaximaMs,
                    receiptsMs: point.lastCommit.newestReceiptsMs), watermarkMs: point.watermarkMs)
            try graph.restoreState(before: cursor.nextBatch, commit: checkpoint.recordedCommit)
            try sources.resume(at: ends, tails: point.lastCommit.tails)
            try sources.require(ends.map { OffsetRange(emptyAt: $0) })
        case .rerun(let point):
            let plan = try BatchPlan(point, sources: sources.names)
            cursor = BatchRunner.Cursor(
                nextBatch: plan.batch, nextOffsets: plan.offsets.map(\.start),
                watermarkMs: plan.watermarkMs, lastWatermarkMs: plan.lateWatermarkMs)
            (counters, pending) = (point.lastCommit?.counters ?? [:], plan)
            try graph.restoreState(before: plan.batch, commit: checkpoint.recordedCommit)
            graph.restoreWatermark(
                WatermarkRecord(
                    maximaMs: point.offsets.watermarkMaximaMs,
                    receiptsMs: point.lastCommit?.newestReceiptsMs ?? [:]),
                watermarkMs: plan.watermarkMs)
            try sources.resume(at: cursor.nextOffsets, tails: point.lastCommit?.tails ?? [:])
            try sources.require(plan.offsets)
        }
    }
}
