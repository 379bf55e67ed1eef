import ConnectorAPI
import Operators
import Storage

extension TriggerLoop {
    /// Says which sources have been silent for so long that they no longer hold the watermark
    /// back, and moves it to where the others let it go.
    ///
    /// It is done before a batch is planned, so that the log of offsets tells a restart.
    func updateIdleSources(_ available: Availability) {
        runner.setIdle(graph.watermarks.indices.map { isIdle($0, available) })
    }

    /// The sources that move a watermark.
    private func sources(of watermark: Int) -> [Int] {
        graph.inputs.filter { $0.watermarkIndex == watermark }.map(\.source)
    }

    /// When a watermark's sources have been silent for its idle timeout, if no row comes; `nil` if
    /// it has none.
    private func idleMoment(_ watermark: Int) -> MonotonicTime? {
        guard let timeoutMs = graph.watermarks[watermark].idleTimeoutMs else { return nil }
        let (nanos, overflow) = UInt64(timeoutMs).multipliedReportingOverflow(by: 1_000_000)
        let last = sources(of: watermark).map(idle.last).max() ?? MonotonicTime(nanos: 0)
        return overflow ? .distantFuture : last.advanced(byNanos: nanos)
    }

    /// Whether no source of a watermark has had a row for its idle timeout, or none can come.
    private func isIdle(_ watermark: Int, _ available: Availability) -> Bool {
        let next = runner.cursor.nextOffsets
        // What is recorded and comes by a pace is no silence.
        guard !limits.sourceIsComplete || hasAll(available) else { return false }
        // At the end of all sources only: until then the rows of one may be older than another's.
        if closesAtEnd(watermark) {
            return zip(next, available.ends).allSatisfy { $0.hasReached($1) }
        }
        guard let moment = idleMoment(watermark) else { return false }
        let ends = limits.sourceIsComplete ? available.ends : available.latest
        guard sources(of: watermark).allSatisfy({ next[$0].hasReached(ends[$0]) }) else {
            return false
        }
        return limits.sourceIsComplete || moment <= time.now
    }

    /// Whether everything that limits let the run read is there.
    private func hasAll(_ available: Availability) -> Bool {
        guard let ends = limits.untilOffsets else { return true }
        return zip(available.ends, ends).allSatisfy { $0.hasReached($1) }
    }

    /// Whether what is open closes behind the last row that there will be.
    private func closesAtEnd(_ watermark: Int) -> Bool {
        limits.closesWindows
            || (limits.feedsHaveEnded && graph.watermarks[watermark].closesAtEnd)
    }

    /// When the next source will be idle, if no row comes.
    var nextIdleMoment: MonotonicTime {
        let now = time.now
        return graph.watermarks.indices.filter { !graph.tracker.inputs[$0].isIdle }
            .compactMap(idleMoment).filter { $0 > now }.min() ?? .distantFuture
    }

    /// Waits until one more source is idle, unless a row or a stop comes first; false when none
    /// will be.
    func waitsForIdle(_ available: Availability) throws -> Bool {
        let waiting = graph.watermarks.indices.filter {
            graph.watermarks[$0].idleTimeoutMs != nil && !graph.tracker.inputs[$0].isIdle
        }
        guard !waiting.isEmpty else { return false }
        while !waiting.contains(where: { isIdle($0, available) }) {
            if try shouldStop() || sources.latest() != available.ends { return false }
            waitForRows(beyond: available.latest, until: nextIdleMoment)
        }
        return true
    }

    /// Closes the windows that are still open because no later row moves the watermark, once every
    /// source is idle.
    ///
    /// The watermark goes to the end of the last open window, in a batch of its own, so that the
    /// log of offsets tells a restart what was done.
    func closeIdleWindows(_ available: Availability) throws -> Bool {
        guard !graph.watermarks.isEmpty, graph.tracker.inputs.allSatisfy(\.isIdle),
            let lastEnd = graph.lastOpenWindowEndMs, lastEnd > runner.cursor.watermarkMs
        else { return false }
        runner.raiseWatermark(toMs: lastEnd)
        try run(
            runner.plan(runner.cursor.nextOffsets.map { OffsetRange(emptyAt: $0) }),
            latest: available.ends)
        return true
    }
}
