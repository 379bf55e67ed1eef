import Columnar
import ConnectorAPI
import Jobs
import Operators
import Storage

/// Decides when batches run and what they read, for one run of an engine.
final class TriggerLoop {
    // How long a sleep may keep a stop waiting.
    private static let stopCheckNanos: UInt64 = 20_000_000
    // Of several sources each is waited for this long at a time: less while rows come, since the
    // next ones are expected soon.
    private static let turnNanos: UInt64 = 1_000_000
    private static let busyTurnNanos: UInt64 = 50_000
    private static let busyNanos: UInt64 = 100_000_000

    // Set once.
    let runner: BatchRunner
    let limits: RunLimits
    let shouldStop: () -> Bool
    private let observe: (EngineEvent) -> Void

    // Changing.
    var idle: IdleClock
    /// Whether the run is over when everything is read.
    private(set) var endsByItself = false

    init(
        _ runner: BatchRunner, _ limits: RunLimits, shouldStop: @escaping () -> Bool,
        observe: @escaping (EngineEvent) -> Void
    ) {
        self.runner = runner
        self.limits = limits
        self.shouldStop = shouldStop
        self.observe = observe
        idle = IdleClock(sources: runner.sources.all.count, now: runner.time.now)
    }

    var graph: QueryGraph { runner.graph }
    var sources: JobSources { runner.sources }
    var time: any TimeSource { runner.time }

    /// Runs batches until everything is done or a stop is asked for.
    func run(_ trigger: TriggerSpec) throws {
        endsByItself = trigger.isBounded
        switch trigger {
        case .once: try runOnce()
        case .availableNow: try runAvailable()
        case .processingTime(let interval): try runForever(interval) { try self.runAsPlanned($0) }
        case .realTime(let duration):
            try runForever(0) { try self.runLive($0.plan, lastingMs: duration) }
        }
    }

    /// Whether a stop was asked for, or the limit of batches is reached.
    var isFinished: Bool {
        shouldStop() || limits.maxBatches.map { runner.batches >= $0 } ?? false
    }

    /// Whether everything that limits let the run read has been read.
    private func isAtLimit() throws -> Bool {
        try sources.isAtLimit(limits, at: runner.cursor.nextOffsets)
    }

    /// How far the sources can be read now.
    func availability() throws -> Availability {
        try runner.placeStart(isComplete: limits.sourceIsComplete)
        return try sources.availability(limits)
    }

    /// Runs a batch, and notes whose rows it had.
    func run(
        _ plan: BatchPlan, latest: [SourceOffsets], storing: BatchRunner.Storing = .atOnce
    ) throws {
        try runner.run(plan, latest: latest, storing: storing)
        idle.note(plan.offsets, at: time.now)
    }

    // MARK: Triggers

    private func runOnce() throws {
        // Spark: if an uncommitted batch was run again, that was the one batch.
        guard runner.batches == 0, !isFinished else { return }
        let ends = try availability().ends
        let next = try sources.addingNewSplits(to: runner.cursor.nextOffsets, of: ends)
        let ranges = zip(next, ends).map { SourceFacts(next: $0, availableEnd: $1).range }
        guard ranges.contains(where: { !$0.isEmpty }) else { return }
        try run(runner.plan(ranges), latest: ends)
    }

    private func runAvailable() throws {
        let available = try availability()
        while !isFinished {
            if let next = try planNextBatch(available) {
                try runAsPlanned(next)
                continue
            }
            guard graph.lastOpenWindowEndMs != nil else { return }
            if try closeIdleWindows(available) { continue }
            guard try waitsForIdle(available) else { return }
        }
    }

    /// Runs batches at multiples of an interval.
    private func runForever(_ intervalMs: Int64, _ runBatch: (PlannedBatch) throws -> Void) throws {
        var wasWaiting = false
        while !isFinished {
            let triggered = time.nowMicros() / 1_000
            let available = try availability()
            if var next = try planNextBatch(available) {
                if intervalMs > 0 { next.storing = .atOnce }
                try next.hasRows ? runBatch(next) : runAsPlanned(next)
                wasWaiting = false
                // Behind the last batch nothing is waited for.
                if try intervalMs > 0 && !isFinished && !isAtLimit() {
                    sleep(after: triggered, intervalMs)
                }
                continue
            }
            if try closeIdleWindows(available) { continue }
            if !wasWaiting {
                observe(.waiting)
                wasWaiting = true
            }
            if try isAtLimit() { return }
            if intervalMs > 0 {
                sleep(after: triggered, intervalMs)
            } else {
                waitForRows(beyond: available.latest, until: nextIdleMoment)
            }
        }
    }

    /// Sleeps until the next batch is due, or a stop is asked for.
    private func sleep(after triggeredMs: Int64, _ intervalMs: Int64) {
        let dueMs = nextTriggerMs(after: triggeredMs, intervalMs: intervalMs)
        // An interval may be as long as time itself; what lies beyond 64 bits is never reached.
        let due = EventTime(Milliseconds(dueMs)).micros
        let interval = EventTime(Milliseconds(intervalMs)).micros
        while !shouldStop() {
            let (remaining, overflow) = due.subtractingReportingOverflow(time.nowMicros())
            // The wall clock may be set back: never sleep longer than the interval.
            guard !overflow, remaining > 0, remaining <= interval else { return }
            time.sleep(nanos: min(UInt64(remaining), Self.stopCheckNanos / 1_000) * 1_000)
        }
    }

    /// Waits until there is something to look at again: rows beyond a position, a stop that may
    /// have been asked for, or a moment that the caller knows of.
    func waitForRows(beyond seen: [SourceOffsets], until moment: MonotonicTime) {
        let now = time.now
        let isBusy = now.nanos(since: idle.newest) < Self.busyNanos
        sources.waitForRows(
            beyond: seen, turnNanos: isBusy ? Self.busyTurnNanos : Self.turnNanos,
            until: min(moment, now.advanced(byNanos: Self.stopCheckNanos)))
    }

    // MARK: Planning

    /// A batch that is to run.
    struct PlannedBatch {
        let plan: BatchPlan
        let available: Availability
        /// Where rows remain that its limits left out, there will be a next batch at once.
        var storing: BatchRunner.Storing

        var hasRows: Bool { plan.offsets.contains { !$0.isEmpty } }
    }

    private func runAsPlanned(_ batch: PlannedBatch) throws {
        try run(batch.plan, latest: batch.available.ends, storing: batch.storing)
    }

    /// Plans the next batch, `nil` if there is none to run.
    private func planNextBatch(_ available: Availability) throws -> PlannedBatch? {
        updateIdleSources(available)
        let (cursor, options) = (runner.cursor, runner.job.job.options)
        let mayRunEmpty =
            options.noDataBatches && (cursor.hasRunBatch || options.noDataBatchAfterRestart)
        let next = try sources.addingNewSplits(to: cursor.nextOffsets, of: available.ends)
        let facts = PlanningFacts(
            sources: sources.all.indices.map { index in
                SourceFacts(
                    next: next[index], availableEnd: available.ends[index],
                    maxOffsets: sources.maxOffsets[index])
            },
            wantsNoDataBatch: mayRunEmpty && cursor.nextBatch > 0
                && graph.wantsNoDataBatch(
                    watermarkMs: cursor.watermarkMs, lastWatermarkMs: cursor.lastWatermarkMs)
        )
        switch nextBatch(facts) {
        case .nothing:
            try runner.finishStoring()
            return nil
        case .data(let ranges):
            let limited = try sources.limited(ranges)
            // Only rows that were there before this batch: they gain by an early plan of the next
            // one, where rows that come meanwhile would wait for the one after it.
            let rowsRemain = zip(limited, available.ends).contains { range, ends in
                !range.end.hasReached(ends)
            }
            return PlannedBatch(
                plan: runner.plan(limited), available: available,
                storing: rowsRemain ? .besideTheNext : .atOnce)
        case .noData(let ranges):
            return PlannedBatch(
                plan: runner.plan(ranges), available: available, storing: .atOnce)
        }
    }
}
