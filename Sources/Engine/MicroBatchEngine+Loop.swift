import ConnectorAPI
public import Jobs
import Operators
import Storage

/// What ends a run besides the trigger.
public struct RunLimits: Sendable {
    /// The most batches to commit.
    public var maxBatches: Int?
    /// Read no row at or after the first one with this event time (µs), and end before it.
    public var untilMicros: Int64?
    /// Read no row of each source from its offset on, and end before it.
    public var untilOffsets: [Int64]?
    /// Whether no more rows can come, as when a bounded feed is through: a source with an idle
    /// timeout is then idle as soon as everything of it is read.
    public var sourceIsComplete = false

    /// No limits.
    public init() {}
}

extension MicroBatchEngine {
    // How often the source is looked at while there is nothing to do. Spark's pollingDelay is
    // 10 ms; a look is one small read, and an update should be visible within a few ms. While rows
    // come, the next ones are expected soon.
    private static let pollingNanos: UInt64 = 1_000_000
    private static let busyPollingNanos: UInt64 = 50_000
    private static let busyNanos: UInt64 = 100_000_000
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
        for index in lastRowsNanos.indices { lastRowsNanos[index] = begun }
        observe(.started(start(ends: try availability(limits).ends)))
        if let rerun = pending, !isFinished(limits, shouldStop) {
            pending = nil
            try execute(
                rerun, isLogged: true, latestOffsets: rerun.offsets.map(\.upperBound))
        }
        let ended = Result { try runBatches(trigger, limits, shouldStop) }
        let stored = Result { try finishStoring() }
        let removed = Result { try finishRemoving() }
        for result in [stored, ended, removed] { try result.get() }
        summary.wasStopped = shouldStop()
        summary.elapsedNanos = time.monotonicNanos() - begun
        summary.watermarkMs = cursor.watermarkMs
        summary.nextOffsets = cursor.nextOffsets
        summary.lastBatch = cursor.nextBatch > 0 ? cursor.nextBatch - 1 : nil
        observe(.stopped(summary))
        return summary
    }

    private func runBatches(
        _ trigger: TriggerSpec, _ limits: RunLimits, _ shouldStop: () -> Bool
    ) throws {
        switch trigger {
        case .once: try runOnce(limits, shouldStop)
        case .availableNow: try runAvailable(limits, shouldStop)
        case .processingTime(let interval): try runForever(interval, limits, shouldStop)
        case .realTime(let duration): try runForever(0, liveMs: duration, limits, shouldStop)
        }
    }

    private func isFinished(_ limits: RunLimits, _ shouldStop: () -> Bool) -> Bool {
        let batches = summary.batches + (storing == nil ? 0 : 1)
        return shouldStop() || limits.maxBatches.map { batches >= $0 } ?? false
    }

    func availability(_ limits: RunLimits) throws -> Availability {
        if cursor.nextBatch == 0, pending == nil { try placeStart(limits) }
        let latest = try sources.map { try $0.latestOffset() }
        var ends = latest
        if let offsets = limits.untilOffsets { ends = zip(ends, offsets).map { min($0, $1) } }
        if let until = limits.untilMicros {
            ends = try zip(ends, sources).map { try min($0, $1.offset(atOrAfter: until)) }
        }
        return Availability(ends: ends, latest: latest)
    }

    /// Finds the places again that a new job begins at: the rows they are at may have come since.
    private func placeStart(_ limits: RunLimits) throws {
        for (index, starting) in job.startingOffsets.enumerated() {
            switch starting {
            case .earliest, .latest: continue
            case .offset, .timestamp:
                let hasFeed = job.job.sources[index].feed != nil
                cursor.nextOffsets[index] = try Self.firstOffset(
                    starting, in: sources[index], mayGrow: hasFeed && !limits.sourceIsComplete)
            }
        }
    }

    /// Whether everything that the limits allow to be read has been read.
    func isAtLimit(_ limits: RunLimits, at nextOffsets: [Int64]) throws -> Bool {
        if let offsets = limits.untilOffsets, zip(nextOffsets, offsets).allSatisfy({ $0 >= $1 }) {
            return true
        }
        guard limits.untilMicros != nil else { return false }
        let available = try availability(limits)
        return sources.indices.allSatisfy {
            nextOffsets[$0] >= available.ends[$0] && available.ends[$0] < available.latest[$0]
        }
    }

    private func runOnce(_ limits: RunLimits, _ shouldStop: () -> Bool) throws {
        // Spark: if an uncommitted batch was run again, that was the one batch.
        guard summary.batches == 0, !isFinished(limits, shouldStop) else { return }
        let ends = try availability(limits).ends
        let ranges = zip(cursor.nextOffsets, ends).map { $0..<max($0, $1) }
        guard ranges.contains(where: { !$0.isEmpty }) else { return }
        try execute(plan(ranges), latestOffsets: ends)
    }

    private func runAvailable(_ limits: RunLimits, _ shouldStop: () -> Bool) throws {
        let available = try availability(limits)
        while !isFinished(limits, shouldStop) {
            if try runNextBatch(available, limits, overlaps: true) { continue }
            guard graph.lastOpenWindowEndMs != nil else { return }
            if try closeIdleWindows(available) { continue }
            guard try waitsForIdle(available, limits, shouldStop) else { return }
        }
    }

    /// Waits until one more source is idle, unless a row or a stop comes first; false when none
    /// will be.
    private func waitsForIdle(
        _ available: Availability, _ limits: RunLimits, _ shouldStop: () -> Bool
    ) throws -> Bool {
        let waiting = graph.watermarks.indices.filter {
            graph.watermarks[$0].idleTimeoutMs != nil && !graph.tracker.inputs[$0].isIdle
        }
        guard !waiting.isEmpty else { return false }
        while !waiting.contains(where: { isIdle($0, available, limits) }) {
            if try shouldStop() || sources.map({ try $0.latestOffset() }) != available.ends {
                return false
            }
            time.sleep(nanos: Self.stopCheckNanos)
        }
        return true
    }

    /// Runs batches at multiples of an interval; those with rows last `liveMs` and show them as they
    /// come, if it is given.
    private func runForever(
        _ intervalMs: Int64, liveMs: Int64? = nil, _ limits: RunLimits, _ shouldStop: () -> Bool
    ) throws {
        var wasWaiting = false
        while !isFinished(limits, shouldStop) {
            let triggered = time.nowMicros() / 1_000
            let available = try availability(limits)
            let didRun = try runNextBatch(available, limits, overlaps: intervalMs == 0) { plan in
                guard let liveMs else { return false }
                try executeLive(plan, lastingMs: liveMs, limits, shouldStop)
                return true
            }
            if didRun {
                wasWaiting = false
            } else if try closeIdleWindows(available) {
                continue
            }
            if !didRun && !wasWaiting {
                observe(.waiting)
                wasWaiting = true
            }
            if !didRun, try isAtLimit(limits, at: cursor.nextOffsets) { return }
            sleep(didRun, triggered, intervalMs, shouldStop)
        }
    }

    private func sleep(
        _ didRun: Bool, _ triggeredMs: Int64, _ intervalMs: Int64, _ shouldStop: () -> Bool
    ) {
        if intervalMs == 0 {
            if !didRun { waitForRows() }
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

    /// Sleeps until the source is to be looked at again.
    func waitForRows() {
        let last = lastRowsNanos.max() ?? 0
        let isBusy = time.monotonicNanos() - last < Self.busyNanos
        time.sleep(nanos: isBusy ? Self.busyPollingNanos : Self.pollingNanos)
    }

    /// Plans and runs the next batch if there is one to run.
    ///
    /// With `overlaps` it may be stored while the next one runs. `executeOtherwise` may run it in
    /// its own way, and then says that it did.
    private func runNextBatch(
        _ available: Availability, _ limits: RunLimits, overlaps: Bool,
        executeOtherwise: (BatchPlan) throws -> Bool = { _ in false }
    ) throws -> Bool {
        noteIdleSources(available, limits)
        let mayRunEmpty =
            job.job.options.noDataBatches
            && (cursor.hasRunBatch || job.job.options.noDataBatchAfterRestart)
        let facts = PlanningFacts(
            sources: sources.indices.map { index in
                SourceFacts(
                    nextOffset: cursor.nextOffsets[index], availableEnd: available.ends[index],
                    maxOffsets: job.job.sources[index].maxOffsetsPerTrigger)
            },
            wantsNoDataBatch: mayRunEmpty && cursor.nextBatch > 0
                && graph.wantsNoDataBatch(
                    watermarkMs: cursor.watermarkMs, lastWatermarkMs: cursor.lastWatermarkMs)
        )
        switch nextBatch(facts) {
        case .nothing:
            try finishStoring()
            return false
        case .data(let ranges):
            // A directory of files has limits of its own.
            let limited = try zip(sources, ranges).map { source, range in
                try range.isEmpty ? range : range.lowerBound..<source.batchEnd(range)
            }
            let plan = plan(limited)
            if try executeOtherwise(plan) { return true }
            // Only rows that were there before this batch: they gain by an early plan of the next
            // one, where rows that come meanwhile would wait for the one after it.
            let rowsRemain = zip(limited, available.ends).contains { $0.upperBound < $1 }
            try execute(
                plan, latestOffsets: available.ends, rowsRemain: overlaps && rowsRemain)
        case .noData(let ranges):
            try execute(plan(ranges), latestOffsets: available.ends)
        }
        return true
    }

    private func plan(_ offsets: [Range<Int64>]) -> BatchPlan {
        BatchPlan(
            batch: cursor.nextBatch, offsets: offsets, lateWatermarkMs: cursor.lastWatermarkMs,
            watermarkMs: cursor.watermarkMs, timestampMs: time.nowMicros() / 1_000,
            isRerun: false)
    }
}

/// How far sources can be read.
struct Availability {
    /// One past the last offset that may be read of each source.
    var ends: [Int64]
    /// One past the newest row of each source.
    var latest: [Int64]
}

extension MicroBatchEngine {
    // MARK: Idle sources

    /// Says which sources have been silent for so long that they no longer hold the watermark
    /// back, and moves it to where the others let it go.
    ///
    /// It is done before a batch is planned, so that the log of offsets tells a restart.
    private func noteIdleSources(_ available: Availability, _ limits: RunLimits) {
        for index in graph.watermarks.indices {
            graph.tracker.setIdle(index, isIdle(index, available, limits))
        }
        cursor.watermarkMs = max(cursor.watermarkMs, graph.tracker.move())
    }

    /// Whether no source of a watermark has had a row for its idle timeout, or none can come.
    private func isIdle(_ index: Int, _ available: Availability, _ limits: RunLimits) -> Bool {
        guard let timeout = graph.watermarks[index].idleTimeoutMs else { return false }
        let feeding = graph.inputs.filter { $0.watermarkIndex == index }.map(\.source)
        let ends = limits.sourceIsComplete ? available.ends : available.latest
        guard feeding.allSatisfy({ cursor.nextOffsets[$0] >= ends[$0] }) else { return false }
        if limits.sourceIsComplete { return true }
        let last = feeding.map { lastRowsNanos[$0] }.max() ?? 0
        return (time.monotonicNanos() - last) / 1_000_000 >= UInt64(timeout)
    }

    /// Closes the windows that are still open because no later row moves the watermark, once every
    /// source is idle.
    ///
    /// The watermark goes to the end of the last open window, in a batch of its own, so that the
    /// log of offsets tells a restart what was done.
    private func closeIdleWindows(_ available: Availability) throws -> Bool {
        guard !graph.watermarks.isEmpty, graph.tracker.inputs.allSatisfy(\.isIdle),
            let lastEnd = graph.lastOpenWindowEndMs, lastEnd > cursor.watermarkMs
        else { return false }
        cursor.watermarkMs = lastEnd
        graph.raiseWatermark(toMs: lastEnd)
        try execute(
            plan(cursor.nextOffsets.map { $0..<$0 }), isLogged: false,
            latestOffsets: available.ends)
        return true
    }
}
