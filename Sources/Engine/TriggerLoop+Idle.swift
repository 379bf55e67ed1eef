import ConnectorAPI
import KeyedState
import Operators
import Storage

extension TriggerLoop {
    /// Says which sources have been silent for so long that they no longer hold the watermark
    /// back, and moves it to where the others let it go.
    ///
    /// It is done before a batch is planned, so that the log of offsets tells a restart.
    func updateIdleSources(_ available: Availability) {
        runner.setIdle(
            graph.watermarks.indices.map { isIdle($0, available) },
            splits: graph.watermarks.indices.map { idleSplits($0, available) })
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

    /// The splits of a watermark that hold nothing back: all of them is read, and nothing came for
    /// the timeout.
    ///
    /// A run that ends by itself does not wait to see that: there a split is idle whose newest row
    /// came so long before the batch, if the source knows when. A run without end waits, since a
    /// topic may be filled with messages of long ago.
    private func idleSplits(_ watermark: Int, _ available: Availability) -> Set<Lane> {
        guard let splits = graph.tracker.inputs[watermark].splits, !splits.isEmpty,
            !limits.sourceIsComplete || hasAll(available)
        else { return [] }
        let (next, timeoutMs) = (runner.cursor.nextOffsets, graph.watermarks[watermark].splitIdleMs)
        let (nowMs, now) = (time.nowMicros() / 1_000, time.now)
        let ends = endsByItself || limits.sourceIsComplete ? available.ends : available.latest
        let idle = splits.filter { lane, split in
            let id = SplitID(lane.group, lane.number)
            // One that is gone has nothing more.
            guard let end = ends[lane.source][id] else { return true }
            guard next[lane.source][id] ?? 0 >= end else { return false }
            guard endsByItself || limits.sourceIsComplete else {
                return silentMoment(lane, timeoutMs) <= now
            }
            guard let receipt = split.newestReceiptMs else { return true }
            let (age, overflow) = nowMs.subtractingReportingOverflow(receipt)
            return overflow || age >= timeoutMs
        }
        return Set(idle.keys)
    }

    /// When a split has been silent for a timeout, if no row comes.
    private func silentMoment(_ lane: Lane, _ timeoutMs: Int64) -> MonotonicTime {
        let (nanos, overflow) = UInt64(timeoutMs).multipliedReportingOverflow(by: 1_000_000)
        let last = idle.last(lane.source, SplitID(lane.group, lane.number))
        return overflow ? .distantFuture : last.advanced(byNanos: nanos)
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
        let sources = graph.watermarks.indices.filter { !graph.tracker.inputs[$0].isIdle }
            .compactMap(idleMoment)
        let splits = zip(graph.watermarks, graph.tracker.inputs).flatMap { watermark, input in
            (input.splits ?? [:]).filter { !$0.value.isIdle }.keys
                .map { silentMoment($0, watermark.splitIdleMs) }
        }
        return (sources + splits).filter { $0 > now }.min() ?? .distantFuture
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
