import Columnar

/// Windows that follow each other in time and do not overlap.
///
/// Asked once for a run of rows that lie in one window.
protocol WindowGrid: Sendable {
    /// The window that a time lies in; `nil` when it would start or end outside what a timestamp can
    /// hold.
    func window(of time: Int64) -> GridWindow?

    /// The greatest start of a window that ends at a time or before, or less; `nil` when no window
    /// does.
    func lastStart(endingUpTo time: Int64) -> Int64?
}

/// One window of a grid, `[start, start + duration)`.
struct GridWindow: Sendable {
    let start: Int64
    let duration: Int64
    /// One more than that of the window before.
    let number: Int64
}

/// Tumbling and sliding windows as Spark assigns them: `[start, start + duration)`, starts on the
/// grid `startTime + k * slide` from the epoch, in microseconds, without a time zone.
struct FixedWindow: Sendable {
    let duration: Int64
    let slide: Int64
    let startTime: Int64

    /// Windows that a row may lie in.
    var windowsPerRow: Int { Int((duration - 1) / slide) + 1 }

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

    /// The times around one that lie in exactly the same windows; `last` is the latest start at or
    /// before it.
    ///
    /// Between two starts the earliest window may end, once.
    func timesWithSameWindows(as time: Int64, last: Int64) -> Range<Int64> {
        let rest = duration % slide
        if rest == 0 { return last..<last + slide }
        return time - last < rest ? last..<last + rest : last + rest..<last + slide
    }
}

extension FixedWindow: WindowGrid {
    func window(of time: Int64) -> GridWindow? {
        lastStart(time).map {
            GridWindow(start: $0, duration: duration, number: floorDivide($0, slide))
        }
    }

    func lastStart(endingUpTo time: Int64) -> Int64? {
        let (last, overflow) = time.subtractingReportingOverflow(duration)
        return overflow ? nil : last
    }
}
