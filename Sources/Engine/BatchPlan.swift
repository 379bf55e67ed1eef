import Checkpoints
public import ConnectorAPI
import Expressions
import Storage

/// What one micro-batch does, decided before it runs and logged before any effect.
///
/// A batch is a function of its plan: run again with the same plan it computes the same rows.
public struct BatchPlan: Hashable, Sendable {
    /// The batch's number, from 0.
    public var batch: Int64
    /// What it reads of each source, in the job's order; all empty for a no-data batch.
    public var offsets: [OffsetRange]
    /// Rows at or below this event time (ms) are late: the watermark that the batch before ran
    /// with.
    public var lateWatermarkMs: Int64
    /// Windows that end at or below this event time (ms) close: the watermark this batch runs
    /// with.
    public var watermarkMs: Int64
    /// The wall clock (ms since the epoch) when the batch was planned: what `current_timestamp()`
    /// means in it.
    public var timestampMs: Int64
    /// Whether its plan is logged already: an earlier attempt at this batch may have left files.
    public var isRerun: Bool

    /// A plan of these parts.
    public init(
        batch: Int64, offsets: [OffsetRange], lateWatermarkMs: Int64, watermarkMs: Int64,
        timestampMs: Int64, isRerun: Bool
    ) {
        self.batch = batch
        self.offsets = offsets
        self.lateWatermarkMs = lateWatermarkMs
        self.watermarkMs = watermarkMs
        self.timestampMs = timestampMs
        self.isRerun = isRerun
    }

    /// A logged plan, to be followed to the letter; `sources` are the names of the job's.
    init(_ point: RerunPoint, sources: [String]) throws {
        self.init(
            batch: point.offsets.batch.number, offsets: try point.offsets.ranges(of: sources),
            lateWatermarkMs: point.lateWatermarkMs, watermarkMs: point.offsets.watermarkMs,
            timestampMs: point.offsets.timestampMs, isRerun: true)
    }

    /// What expressions see of the batch.
    var evaluation: EvaluationContext {
        EvaluationContext(batchTimestampMicros: timestampMs &* 1_000)
    }
}

extension OffsetsEntry {
    /// What a logged plan reads of each source, in the order of their names.
    func ranges(of names: [String]) throws -> [OffsetRange] {
        guard sources.map(\.name) == names else {
            throw CheckpointError(
                .damaged, path: "offsets/\(batch)",
                detail: "it has offsets of \(sources.map(\.name).joined(separator: ", ")), not of "
                    + names.joined(separator: ", "),
                remedy: "clear the checkpoint together with its outputs and start over")
        }
        return sources.map(\.offsets)
    }
}

/// What is known of a source when the next batch is to be planned.
struct SourceFacts {
    /// The position after the last row that a batch has read, of every split that may be read.
    var next: SourceOffsets
    /// One past the last row that may be read now.
    var availableEnd: SourceOffsets
    /// Its `maxOffsetsPerTrigger`, or `nil` for no limit.
    var maxOffsets: Int64?

    /// What a batch reads now.
    ///
    /// A limit is shared out over the splits as Spark does (`KafkaMicroBatchStream.rateLimit`): each
    /// gets the share that its backlog is of all backlogs, rounded down, but at least one offset.
    var range: OffsetRange {
        var left: [(split: SplitID, start: Int64, count: Int64)] = []
        for (split, start) in next.bySplit {
            let count = (availableEnd[split] ?? start) - start
            if count > 0 { left.append((split, start, count)) }
        }
        let total = left.reduce(0.0) { $0 + Double($1.count) }
        var ends = next.bySplit
        for (split, start, count) in left {
            ends[split] = start + min(count, share(of: count, total, among: left.count))
        }
        return OffsetRange(from: next, to: SourceOffsets(ends))
    }

    /// A backlog's share of the limit.
    private func share(of count: Int64, _ total: Double, among splits: Int) -> Int64 {
        guard let maxOffsets else { return .max }
        if splits == 1 { return maxOffsets }
        let share = Double(maxOffsets) * (Double(count) / total)
        return share < 1 ? 1 : Int64(exactly: share.rounded(.down)) ?? .max
    }
}

/// What is known when the next batch is to be planned.
struct PlanningFacts {
    /// The sources, in the job's order.
    var sources: [SourceFacts]
    /// Whether some query would close windows in a batch without new rows.
    var wantsNoDataBatch: Bool
}

/// What the next batch reads.
enum NextBatch: Equatable {
    case data([OffsetRange])
    case noData(at: [OffsetRange])
    case nothing
}

/// Which rows the next batch reads, if there is to be one: the new rows of every source, as many
/// as its limit allows; where there are none, an empty batch when windows can close (semantics:
/// no-data batches).
func nextBatch(_ facts: PlanningFacts) -> NextBatch {
    let ranges = facts.sources.map(\.range)
    if ranges.contains(where: { !$0.isEmpty }) { return .data(ranges) }
    return facts.wantsNoDataBatch ? .noData(at: ranges) : .nothing
}
