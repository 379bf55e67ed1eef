public import Jobs
import Storage
import Streams

/// What ends a run besides the trigger.
public struct RunLimits: Sendable {
    /// The most batches to commit.
    public var maxBatches: Int?
    /// Read no row at or after the first one with this event time (µs).
    public var untilMicros: Int64?
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
    public func run(
        trigger: TriggerSpec, limits: RunLimits = RunLimits(), stop: StopSignal
    ) throws -> RunSummary {
        let begun = time.monotonicNanos()
        observe(.started(try start()))
        if let rerun = pending, !isFinished(limits, stop) {
            pending = nil
            try execute(rerun, isLogged: true, latestOffset: rerun.offsets.upperBound)
        }
        switch trigger {
        case .once: try runOnce(limits, stop)
        case .availableNow: try runAvailable(limits, stop)
        case .processingTime(let interval): try runForever(interval, limits, stop)
        }
        summary.wasStopped = stop.isRequested
        summary.elapsedNanos = time.monotonicNanos() - begun
        summary.watermarkMs = cursor.watermarkMs
        summary.nextOffset = cursor.nextOffset
        summary.lastBatch = cursor.nextBatch > 0 ? cursor.nextBatch - 1 : nil
        observe(.stopped(summary))
        return summary
    }

    private func isFinished(_ limits: RunLimits, _ stop: StopSignal) -> Bool {
        stop.isRequested || limits.maxBatches.map { summary.batches >= $0 } ?? false
    }

    private func availableEnd(_ limits: RunLimits) throws -> Int64 {
        let latest = try source.latestOffset()
        guard let until = limits.untilMicros else { return latest }
        return try min(latest, source.offset(atOrAfter: until))
    }

    private func runOnce(_ limits: RunLimits, _ stop: StopSignal) throws {
        // Spark: if an uncommitted batch was run again, that was the one batch.
        guard summary.batches == 0, !isFinished(limits, stop) else { return }
        let end = try availableEnd(limits)
        guard end > cursor.nextOffset else { return }
        try execute(
            plan(cursor.nextOffset..<end), isLogged: false, latestOffset: end)
    }

    private func runAvailable(_ limits: RunLimits, _ stop: StopSignal) throws {
        let end = try availableEnd(limits)
        while !isFinished(limits, stop) {
            if try runNextBatch(upTo: end) { continue }
            guard limits.sourceIsComplete, try closeIdleWindows() else { return }
        }
    }

    private func runForever(
        _ intervalMs: Int64, _ limits: RunLimits, _ stop: StopSignal
    ) throws {
        var idleSince = time.monotonicNanos()
        var wasWaiting = false
        while !isFinished(limits, stop) {
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
            if limits.untilMicros != nil, !didRun, try availableEnd(limits) < source.latestOffset()
            {
                return
            }
            sleep(didRun, triggered, intervalMs, stop)
        }
    }

    private func sleep(
        _ didRun: Bool, _ triggeredMs: Int64, _ intervalMs: Int64, _ stop: StopSignal
    ) {
        if intervalMs == 0 {
            if !didRun { time.sleep(nanos: Self.pollingNanos) }
            return
        }
        let due = nextTriggerMs(after: triggeredMs, intervalMs: intervalMs)
        while !stop.isRequested {
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
            job.noDataBatches && (cursor.hasRunBatch || job.noDataBatchAfterRestart)
        let facts = PlanningFacts(
            nextOffset: cursor.nextOffset, availableEnd: end,
            maxOffsets: job.maxOffsetsPerTrigger,
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
