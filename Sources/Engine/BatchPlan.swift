import Expressions

/// What one micro-batch does, decided before it runs and logged before any effect.
///
/// A batch is a function of its plan: run again with the same plan it computes the same rows.
public struct BatchPlan: Hashable, Sendable {
    /// The batch's number, from 0.
    public var batch: Int64
    /// The offsets it reads of each source, in the job's order; all empty for a no-data batch.
    public var offsets: [Range<Int64>]
    /// Rows at or below this event time (ms) are late: the watermark that the batch before ran
    /// with.
    public var lateWatermarkMs: Int64
    /// Windows that end at or below this event time (ms) close: the watermark this batch runs
    /// with.
    public var watermarkMs: Int64
    /// The wall clock (ms since the epoch) when the batch was planned: what `current_timestamp()`
    /// means in it.
    public var timestampMs: Int64
    /// Whether an earlier attempt at this batch may have left files.
    public var isRerun: Bool

    /// A plan of these parts.
    public init(
        batch: Int64, offsets: [Range<Int64>], lateWatermarkMs: Int64, watermarkMs: Int64,
        timestampMs: Int64, isRerun: Bool
    ) {
        self.batch = batch
        self.offsets = offsets
        self.lateWatermarkMs = lateWatermarkMs
        self.watermarkMs = watermarkMs
        self.timestampMs = timestampMs
        self.isRerun = isRerun
    }

    /// What expressions see of the batch.
    var evaluation: EvaluationContext {
        EvaluationContext(batchTimestampMicros: timestampMs &* 1_000)
    }
}

/// What is known of a source when the next batch is to be planned.
struct SourceFacts {
    /// One past the last offset that a committed batch has read.
    var nextOffset: Int64
    /// One past the last offset that may be read now.
    var availableEnd: Int64
    /// Its `maxOffsetsPerTrigger`, or `nil` for no limit.
    var maxOffsets: Int64?

    /// What a batch reads now.
    var range: Range<Int64> {
        guard availableEnd > nextOffset else { return nextOffset..<nextOffset }
        let available = availableEnd - nextOffset
        return nextOffset..<nextOffset + (maxOffsets.map { min($0, available) } ?? available)
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
    case data([Range<Int64>])
    case noData(at: [Range<Int64>])
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
