public import Jobs
import Storage
import Streams

/// What ends a run besides the trigger.
public struct RunLimits: Sendable {
    /// The most batches to commit.
    public var maxBatches: Int?
    /// Read no row at or after the first one with this event time (µs), and end before it.
    public var untilMicros: Int64?
    /// Read no row from this offset on, and end before it.
    public var untilOffset: Int64?
    /// Whether no more rows can come, as when a bounded feed is through: the source is then idle
    /// as soon as everything is read.
    public var sourceIsComplete = false

    /// No limits.
    public init() {}
}

extension MicroBatchEngine {
    // How often the source is looked at while there is nothing to do. Spark's pollingDelay is
    // 10 ms; a look is one small read, and an update should be visible within a few ms.
    private static let pollingNanos: UInt64 = 1_000_000
    // How long a sleep may keep a stop waiting.
    private static let stopCheckNanos: UInt64 = 20_000_000

    /// Runs batches as the trigger says until everything is done or a stop is asked for.
    ///
    /// - Parameters:
    ///   - trigger: when batches run.
    ///   - limits: what else ends the run.
    ///   - shouldStop: asked between batches and while waiting; the running batch is finished.
    /// - Returns: what the run did.
    /// - Throws: when a batch fails; it is run again by the next engine on the checkpoint.
    public func run(
        trigger: TriggerSpec, limits: RunLimits = RunLimits(), shouldStop: () -> Bool
    ) throws -> RunSummary {
        let begun = time.monotonicNanos()
        observe(.started(start(end: try availableEnd(limits))))
        if let rerun = pending, !isFinished(limits, shouldStop) {
            pending = nil
            try execute(rerun, isLogged: true, latestOffset: rerun.offsets.upperBound)
        }
        switch trigger {
        case .once: try runOnce(limits, shouldStop)
        case .availableNow: try runAvailable(limits, shouldStop)
        case .processingTime(let interval): try runForever(interval, limits, shouldStop)
        }
        summary.wasStopped = shouldStop()
        summary.elapsedNanos = time.monotonicNanos() - begun
        summary.watermarkMs = cursor.watermarkMs
        summary.nextOffset = cursor.nextOffset
        summary.lastBatch = cursor.nextBatch > 0 ? cursor.nextBatch - 1 : nil
        observe(.stopped(summary))
        return summary
    }

    private func isFinished(_ limits: RunLimits, _ shouldStop: () -> Bool) -> Bool {
        shouldStop() || limits.maxBatches.map { summary.batches >= $0 } ?? false
    }

    private func availableEnd(_ limits: RunLimits) throws -> Int64 {
        var end = try source.latestOffset()
        if let offset = limits.untilOffset { end = min(end, offset) }
        if let until = limits.untilMicros { end = try min(end, source.offset(atOrAfter: until)) }
        return end
    }

    /// Whether everything that the limits allow to be read has been read.
    private func isAtLimit(_ limits: RunLimits) throws -> Bool {
        if let offset = limits.untilOffset, cursor.nextOffset >= offset { return true }
        guard limits.untilMicros != nil else { return false }
        let end = try availableEnd(limits)
        return try cursor.nextOffset >= end && end < source.latestOffset()
    }

    private func runOnce(_ limits: RunLimits, _ shouldStop: () -> Bool) throws {
        // Spark: if an uncommitted batch was run again, that was the one batch.
        guard summary.batches == 0, !isFinished(limits, shouldStop) else { return }
        let end = try availableEnd(limits)
        guard end > cursor.nextOffset else { return }
        try execute(
            plan(cursor.nextOffset..<end), isLogged: false, latestOffset: end)
    }

    private func runAvailable(_ limits: RunLimits, _ shouldStop: () -> Bool) throws {
        let end = try availableEnd(limits)
        while !isFinished(limits, shouldStop) {
            if try runNextBatch(upTo: end) { continue }
            guard graph.lastOpenWindowEndMs != nil,
                try limits.sourceIsComplete || staysIdle(at: end, shouldStop),
                try closeIdleWindows()
            else { return }
        }
    }

    /// Waits for the idle timeout, unless a row or a stop comes first; false without a timeout.
    private func staysIdle(at end: Int64, _ shouldStop: () -> Bool) throws -> Bool {
        guard job.watermark?.idleTimeoutMs != nil else { return false }
        let begun = time.monotonicNanos()
        while !isIdle(sinceNanos: time.monotonicNanos() - begun) {
            if try shouldStop() || source.latestOffset() != end { return false }
            time.sleep(nanos: Self.stopCheckNanos)
        }
        return true
    }

    private func runForever(
        _ intervalMs: Int64, _ limits: RunLimits, _ shouldStop: () -> Bool
    ) throws {
        var idleSince = time.monotonicNanos()
        var wasWaiting = false
        while !isFinished(limits, shouldStop) {
            let triggered = time.nowMicros() / 1_000
            let didRun = try runNextBatch(upTo: availableEnd(limits))
            let now = time.monotonicNanos()
            if didRun {
                idleSince = now
                wasWaiting = false
            } else if isIdle(sinceNanos: now - idleSince), try closeIdleWindows() {
                continue
            }
            if !didRun && !wasWaiting {
                observe(.waiting)
                wasWaiting = true
            }
            if !didRun, try isAtLimit(limits) {
                guard limits.sourceIsComplete, try closeIdleWindows() else { return }
                continue
            }
            sleep(didRun, triggered, intervalMs, shouldStop)
        }
    }

    private func sleep(
        _ didRun: Bool, _ triggeredMs: Int64, _ intervalMs: Int64, _ shouldStop: () -> Bool
    ) {
        if intervalMs == 0 {
            if !didRun { time.sleep(nanos: Self.pollingNanos) }
            return
        }
        let due = nextTriggerMs(after: triggeredMs, intervalMs: intervalMs)
        while !shouldStop() {
            let remainingMicros = due * 1_000 - time.nowMicros()
            // The wall clock may be set back: never sleep longer than the interval.
            guard remainingMicros > 0, remainingMicros <= intervalMs * 1_000 else { return }
            time.sleep(nanos: min(UInt64(remainingMicros) * 1_000, Self.stopCheckNanos))
        }
    }

    private func isIdle(sinceNanos nanos: UInt64) -> Bool {
        guard let timeout = job.watermark?.idleTimeoutMs else { return false }
        return nanos / 1_000_000 >= UInt64(timeout)
    }

    /// Plans and runs the next batch if there is one to run.
    private func runNextBatch(upTo end: Int64) throws -> Bool {
        let mayRunEmpty =
            job.job.options.noDataBatches
            && (cursor.hasRunBatch || job.job.options.noDataBatchAfterRestart)
        let facts = PlanningFacts(
            nextOffset: cursor.nextOffset, availableEnd: end,
            maxOffsets: job.job.source.maxOffsetsPerTrigger,
            wantsNoDataBatch: mayRunEmpty && cursor.nextBatch > 0
                && graph.wantsNoDataBatch(
                    watermarkMs: cursor.watermarkMs, lastWatermarkMs: cursor.lastWatermarkMs)
        )
        switch nextBatch(facts) {
        case .nothing: return false
        case .data(let range):
            try execute(plan(range), isLogged: false, latestOffset: end)
        case .noData(let offset):
            try execute(plan(offset..<offset), isLogged: false, latestOffset: end)
        }
        return true
    }

    /// Closes the windows that are still open because no later row moves the watermark.
    ///
    /// The watermark goes to the end of the last open window, in a batch of its own, so that the
    /// log of offsets tells a restart what was done.
    private func closeIdleWindows() throws -> Bool {
        guard let watermark = job.watermark, watermark.idleTimeoutMs != nil,
            let lastEnd = graph.lastOpenWindowEndMs, lastEnd > cursor.watermarkMs
        else { return false }
        cursor.watermarkMs = lastEnd
        graph.raiseWatermark(toMs: lastEnd)
        let offset = cursor.nextOffset
        try execute(plan(offset..<offset), isLogged: false, latestOffset: offset)
        return true
    }

    private func plan(_ offsets: Range<Int64>) -> BatchPlan {
        BatchPlan(
            batch: cursor.nextBatch, offsets: offsets, lateWatermarkMs: cursor.lastWatermarkMs,
            watermarkMs: cursor.watermarkMs, timestampMs: time.nowMicros() / 1_000,
            isRerun: false)
    }
}
