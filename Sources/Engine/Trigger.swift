/// When batches run, as Spark's triggers.
public enum Trigger: Hashable, Sendable {
    /// One batch of everything that is there, whatever the rate limit; no no-data batch.
    case once
    /// Everything that is there at the start, in batches of the rate limit, then stop.
    case availableNow
    /// A batch at every multiple of the interval since the epoch, until stopped; 0: as soon as
    /// there is something to do.
    case processingTime(intervalMs: Int64)
}

/// When the batch after one that starts at `nowMs` is due: the next multiple of the interval.
///
/// A batch that overran its interval is followed at once; ticks missed are not made up for.
/// Source: Spark's `ProcessingTimeExecutor.nextBatchTime`.
func nextTriggerMs(after nowMs: Int64, intervalMs: Int64) -> Int64 {
    intervalMs == 0 ? nowMs : nowMs / intervalMs * intervalMs + intervalMs
}
