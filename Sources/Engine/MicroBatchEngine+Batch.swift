import Checkpoints
import Columnar
import Jobs
import Operators
import Storage
import Streams

extension MicroBatchEngine {
    /// Runs one batch from its plan to its commit.
    ///
    /// - Throws: ``BatchError`` when it fails before its commit.
    func execute(_ plan: BatchPlan, isLogged: Bool, latestOffsets: [Int64]) throws {
        var clock = StageClock(time)
        let begun = clock.now
        var outcome: BatchOutcome
        do {
            let logged = isLogged ? nil : try log(plan, &clock)
            outcome = try graph.run(plan, from: sources, workers: workers, clock: &clock)
            if let logged { outcome.add(logged) }
            try commit(&outcome, plan, &clock)
        } catch {
            throw BatchError(plan, sources: sourceNames, error)
        }
        try end(plan, &outcome, begunNanos: begun, endedNanos: clock.now, latestOffsets)
    }

    /// Logs what a batch reads, before anything of it is durable.
    func log(_ plan: BatchPlan, _ clock: inout StageClock) throws -> LoggedPlan {
        let (_, work) = try MeasuredWork.measure(time) { try checkpoint.logOffsets(entry(plan)) }
        return LoggedPlan(wall: clock.lap(), work: work)
    }

    /// Goes on to the batch after a committed one, and reports it.
    func end(
        _ plan: BatchPlan, _ outcome: inout BatchOutcome, begunNanos begun: UInt64,
        endedNanos ended: UInt64, _ latestOffsets: [Int64]
    ) throws {
        try removeOldState(after: plan.batch)

        cursor.nextBatch = plan.batch + 1
        cursor.nextOffsets = plan.offsets.map(\.upperBound)
        cursor.lastWatermarkMs = plan.watermarkMs
        cursor.watermarkMs = max(plan.watermarkMs, graph.watermarkMs)
        cursor.hasRunBatch = true

        for (index, offsets) in plan.offsets.enumerated() where !offsets.isEmpty {
            lastRowsNanos[index] = ended
        }
        let whole = ended - begun
        outcome.durations.triggerExecution = whole
        let rest = whole - min(whole, outcome.profile.wallTotal)
        outcome.profile.add(wall: rest, [(.other, rest)])
        report(outcome, plan, latestOffsets: latestOffsets, begunNanos: begun)
    }

    /// What follows when a batch has been run: make state durable, publish, log the commit.
    func commit(_ outcome: inout BatchOutcome, _ plan: BatchPlan, _ clock: inout StageClock) throws
    {
        let (stateFiles, receipts) = try save(&outcome, plan, &clock)
        count(outcome, plan)
        let (_, committed) = try MeasuredWork.measure(time) {
            try checkpoint.logCommit(
                CommitEntry(
                    batch: BatchID(plan.batch),
                    nextWatermarkMs: max(plan.watermarkMs, graph.watermarkMs),
                    watermarkMaximaMs: graph.watermarkMaximaMs, counters: cursor.counters,
                    state: stateFiles, sinks: receipts))
        }
        outcome.durations.commitOffsets = clock.lap()
        outcome.profile.add(
            wall: outcome.durations.commitOffsets, committed.stages(.checkpoint))
    }

    /// Makes state durable and publishes, side by side: a state without its commit is not read, and
    /// files without theirs are left again, byte for byte, by whoever runs the batch again.
    private func save(
        _ outcome: inout BatchOutcome, _ plan: BatchPlan, _ clock: inout StageClock
    ) throws -> (state: [FileReceipt], sinks: [FileReceipt]) {
        let (graph, workers, time, emitted) = (graph, workers, time, outcome)
        let saved = try workers.map(2) { part in
            part == 0
                ? try graph.commitState(plan.batch, workers: workers, time)
                : try graph.publish(emitted, plan, workers: workers, time)
        }
        let wall = clock.lap()
        outcome.durations.stateCommit = share(of: wall, saved[0].nanos, beside: saved[1].nanos)
        outcome.durations.addBatch = wall - outcome.durations.stateCommit
        outcome.profile.add(wall: wall, saved[0].stages(.state) + saved[1].stages(.sinks))
        return (saved[0].receipts, saved[1].receipts)
    }

    /// State files are removed every so many batches, so that most batches spend nothing on it.
    private func removeOldState(after batch: Int64) throws {
        guard (batch + 1) % Int64(job.job.options.stateSnapshotIntervalBatches) == 0 else { return }
        try graph.removeOldState(
            before: checkpoint.retainedFrom.number, commit: recordedCommit)
    }

    var workers: Workers { Workers(threads: job.threads) }

    /// The plan as `offsets/N` records it.
    private func entry(_ plan: BatchPlan) -> OffsetsEntry {
        OffsetsEntry(
            batch: BatchID(plan.batch), watermarkMs: plan.watermarkMs,
            timestampMs: plan.timestampMs,
            conf: ["spark.sql.streaming.multipleWatermarkPolicy": graph.policy.rawValue],
            sources: zip(sourceNames, plan.offsets).map { name, offsets in
                SourceRange(
                    name: name, start: String(offsets.lowerBound), end: String(offsets.upperBound))
            },
            watermarkMaximaMs: graph.watermarkMaximaMs)
    }

    private func count(_ outcome: BatchOutcome, _ plan: BatchPlan) {
        let tally = outcome.tally
        add(Int64(tally.rowsIn.reduce(0, +)), to: "rowsIn")
        let rejected = tally.rowsRejected.reduce(0, +)
        if rejected > 0 { add(Int64(rejected), to: "rowsRejected") }
        let malformed = tally.rowsMalformed.reduce(0, +)
        if malformed > 0 { add(Int64(malformed), to: "rowsMalformed") }
        if job.job.hasNamedSources {
            for (name, count) in zip(sourceNames, tally.rowsIn) {
                add(Int64(count), to: "rowsIn.\(name)")
            }
        }
        for query in outcome.queries {
            add(Int64(query.rowsLate), to: "rowsLate.\(query.name)")
            add(Int64(query.rowsOut), to: "rowsOut.\(query.name)")
            if let counts = query.deduplication?.counts {
                add(Int64(counts.rowsDuplicate), to: "rowsDuplicate.\(query.name)")
            }
        }
    }

    private func add(_ amount: Int64, to counter: String) {
        // Counters are for people; a total beyond 2^63 stays there.
        let (sum, overflow) = cursor.counters[counter, default: 0].addingReportingOverflow(amount)
        cursor.counters[counter] = overflow ? .max : sum
    }

    private func report(
        _ outcome: BatchOutcome, _ plan: BatchPlan, latestOffsets: [Int64], begunNanos: UInt64
    ) {
        summary.batches += 1
        summary.rowsIn += outcome.tally.rowsIn.reduce(0, +)
        summary.rowsRejected += outcome.tally.rowsRejected.reduce(0, +)
        summary.rowsMalformed += outcome.tally.rowsMalformed.reduce(0, +)
        for (index, query) in outcome.queries.enumerated() {
            summary.rowsOut += query.rowsOut
            if graph.nodes[index].query.upstream == nil { summary.rowsLate += query.rowsLate }
        }
        let sincePrevious = lastTriggerNanos.map { Double(begunNanos - $0) / 1e6 }
        lastTriggerNanos = begunNanos
        observe(
            .progress(
                BatchProgress(
                    id: checkpoint.identity.id, runId: runId, name: job.job.name,
                    timestampMs: plan.timestampMs, batchId: plan.batch,
                    durations: outcome.durations,
                    profile: outcome.profile,
                    sincePreviousMs: sincePrevious,
                    sources: sourceProgress(outcome, plan, latestOffsets),
                    eventTime: outcome.eventTime, watermarkMs: plan.watermarkMs,
                    nextWatermarkMs: cursor.watermarkMs, queries: outcome.queries)))
    }

    private func sourceProgress(
        _ outcome: BatchOutcome, _ plan: BatchPlan, _ latestOffsets: [Int64]
    ) -> [SourceProgress] {
        sources.indices.map { index in
            let watermark = graph.inputs[index].watermarkIndex.map { graph.tracker.inputs[$0] }
            return SourceProgress(
                name: job.job.hasNamedSources ? sourceNames[index] : nil,
                description: sources[index].description, offsets: plan.offsets[index],
                latestOffset: latestOffsets[index], rowsIn: outcome.tally.rowsIn[index],
                rowsMalformed: outcome.tally.rowsMalformed[index],
                rowsRejected: outcome.tally.rowsRejected[index],
                watermarkMs: watermark?.watermarkMs, isIdle: watermark?.isIdle ?? false)
        }
    }
}

/// The time that logging a plan took.
struct LoggedPlan {
    let wall: UInt64
    let work: MeasuredWork
}

extension BatchOutcome {
    mutating func add(_ logged: LoggedPlan) {
        durations.walCommit = logged.wall
        profile.add(wall: logged.wall, logged.work.stages(.checkpoint))
    }
}
