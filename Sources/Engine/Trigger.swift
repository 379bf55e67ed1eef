/// When the batch after one that starts at `nowMs` is due: the next multiple of the interval.
///
/// A batch that overran its interval is followed at once; ticks missed are not made up for.
/// An interval that leads beyond 64 bits is never over. Source: Spark's
/// `ProcessingTimeExecutor.nextBatchTime`.
func nextTriggerMs(after nowMs: Int64, intervalMs: Int64) -> Int64 {
    guard intervalMs > 0 else { return nowMs }
    let (due, overflow) = (nowMs / intervalMs * intervalMs).addingReportingOverflow(intervalMs)
    return overflow ? .max : due
}
