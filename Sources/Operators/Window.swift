import Columnar
import Expressions

/// Tumbling and sliding windows as Spark assigns them: `[start, start + duration)`, starts on the
/// grid `startTime + k * slide` from the epoch, in microseconds, without a time zone.
struct FixedWindow: Sendable {
    let duration: Int64
    let slide: Int64
    let startTime: Int64

    /// Windows that a row may lie in.
    var windowsPerRow: Int { Int((duration + slide - 1) / slide) }

    /// The latest start at or before a time, `nil` when it would be outside what a timestamp can
    /// hold; likewise when one of the row's windows would be.
    @inline(__always)
    func lastStart(_ time: Int64) -> Int64? {
        let (shifted, overflow) = time.subtractingReportingOverflow(startTime)
        if overflow { return nil }
        var remainder = shifted % slide
        if remainder < 0 { remainder += slide }
        let (start, startOverflow) = time.subtractingReportingOverflow(remainder)
        // The other windows of the row start less than one duration earlier, and whoever steps
        // through them goes one slide, at most a duration, further.
        let (low, lowOverflow) = start.subtractingReportingOverflow(duration)
        let isLow = lowOverflow || low.subtractingReportingOverflow(duration).overflow
        let isHigh = start.addingReportingOverflow(duration).overflow
        return startOverflow || isLow || isHigh ? nil : start
    }
}
