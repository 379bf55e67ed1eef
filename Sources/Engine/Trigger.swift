/// When the batch after one that starts at `nowMs` is due: the next multiple of the interval.
///
/// A batch that overran its interval is followed at once; ticks missed are not made up for.
/// Source: Spark's `ProcessingTimeExecutor.nextBatchTime`.
func nextTriggerMs(after nowMs: Int64, intervalMs: Int64) -> Int64 {
    intervalMs == 0 ? nowMs : nowMs / intervalMs * intervalMs + intervalMs
}
