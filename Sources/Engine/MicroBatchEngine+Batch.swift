import Checkpoints
import Columnar
import ConnectorAPI
import Jobs
import Operators
import Storage

extension MicroBatchEngine {
    /// Runs one batch from its plan to its commit.
    ///
    /// Where rows remain that its limits left out, there will be a next batch at once: this one is
    /// stored while the next one is computed, on a thread of its own.
    ///
    /// - Throws: ``BatchError`` when it, or the batch before it, fails before its commit.
    func execute(
        _ plan: BatchPlan, isLogged: Bool = false, latestOffsets: [Int64], rowsRemain: Bool = false
    ) throws {
        let computed = Result { try compute(plan, isLogged: isLogged, latestOffsets) }
        // What is wrong with the batch before comes first, as if this one had waited for it.
        try finishStoring()
        let batch = try computed.get()
        if rowsRemain && job.threads > 1 {
            let storage = storage
            storing = (batch, Background(threads: job.threads) { try storage.store(batch) })
        } else {
            try end(batch, storage.store(batch))
        }
    }

    /// Computes a batch, up to where nothing is left but to store it.
    private func compute(
        _ plan: BatchPlan, isLogged: Bool, _ latestOffsets: [Int64]
    ) throws -> ComputedBatch {
        var clock = StageClock(time)
        let begun = clock.now
        do {
            var entry = isLogged ? nil : entry(plan)
            var logged: StoredBatch?
            // While the batch before is not committed, no plan comes after it.
            if storing == nil, let unlogged = entry {
                logged = try storage.log(unlogged, &clock)
                entry = nil
            }
            var outcome = try graph.run(plan, from: sources, workers: workers, clock: &clock)
            if let logged { outcome.add(logged) }
            return try complete(plan, outcome, unlogged: entry, begun, latestOffsets, &clock)
        } catch {
            throw BatchError(plan, sources: sourceNames, error)
        }
    }

    /// Takes everything out of the graph that is to be stored of a batch, and goes on to the next.
    func complete(
        _ plan: BatchPlan, _ outcome: BatchOutcome, unlogged entry: OffsetsEntry? = nil,
        _ begunNanos: UInt64, _ latestOffsets: [Int64], _ clock: inout StageClock
    ) throws -> ComputedBatch {
        var outcome = outcome
        let changes = try graph.takeChanges(plan.batch)
        let taking = clock.lap()
        outcome.durations.stateCommit += taking
        outcome.profile.add(wall: taking, [(.state, taking)])

        cursor.nextBatch = plan.batch + 1
        cursor.nextOffsets = plan.offsets.map(\.upperBound)
        cursor.lastWatermarkMs = plan.watermarkMs
        cursor.watermarkMs = max(plan.watermarkMs, graph.watermarkMs)
        cursor.hasRunBatch = true
        count(outcome)
        for (index, offsets) in plan.offsets.enumerated() where !offsets.isEmpty {
            lastRowsNanos[index] = clock.now
        }
        return ComputedBatch(
            plan: plan, entry: entry, changes: changes, publications: graph.publications(outcome),
            commit: CommitEntry(
                batch: BatchID(plan.batch), nextWatermarkMs: cursor.watermarkMs,
                watermarkMaximaMs: graph.watermarkMaximaMs, counters: cursor.counters),
            outcome: outcome, sources: sourceProgress(outcome, plan, latestOffsets),
            begunNanos: begunNanos)
    }

    /// Waits for the batch that is being stored, if one is, and reports it.
    func finishStoring() throws {
        guard let (batch, work) = storing else { return }
        storing = nil
        try end(batch, work.wait())
    }

    /// Waits until old files are removed, if any are.
    func finishRemoving() throws {
        guard let work = removing else { return }
        removing = nil
        try work.wait()
    }

    /// Old files are removed every few batches, beside the next ones.
    private func removeOld(after batch: Int64) throws {
        let period = min(10, Int64(job.job.options.stateSnapshotIntervalBatches))
        guard (batch + 1) % period == 0 else { return }
        try finishRemoving()
        let (storage, retained) = (storage, checkpoint.retainedFrom)
        removing = Background(threads: job.threads) { try storage.removeOld(retained: retained) }
    }

    /// Reports a committed batch; then what it made old may go.
    func end(_ batch: ComputedBatch, _ stored: StoredBatch) throws {
        var batch = batch
        batch.outcome.add(stored)
        // Of what ran beside the batch before, what came after it: batches add up to the run.
        let whole = stored.endedNanos - max(batch.begunNanos, lastEndNanos)
        lastEndNanos = stored.endedNanos
        batch.outcome.durations.triggerExecution = whole
        batch.outcome.profile.fit(wall: whole)
        report(batch)
        try removeOld(after: batch.plan.batch)
    }

    /// What makes a batch durable.
    var storage: BatchStorage {
        BatchStorage(
            checkpoint: checkpoint, graph: graph, workers: workers, time: time,
            sourceNames: sourceNames)
    }

    var workers: Workers { Workers(threads: job.threads) }

    /// The plan as `offsets/N` records it; made before the batch moves the watermarks.
    func entry(_ plan: BatchPlan) -> OffsetsEntry {
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

    private func count(_ outcome: BatchOutcome) {
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
            for total in query.operators.flatMap(\.totals) {
                add(Int64(total.count), to: "\(total.name).\(query.name)")
            }
        }
    }

    private func add(_ amount: Int64, to counter: String) {
        // Counters are for people; a total beyond 2^63 stays there.
        let (sum, overflow) = cursor.counters[counter, default: 0].addingReportingOverflow(amount)
        cursor.counters[counter] = overflow ? .max : sum
    }

    private func report(_ batch: ComputedBatch) {
        let (plan, outcome) = (batch.plan, batch.outcome)
        summary.batches += 1
        summary.rowsIn += outcome.tally.rowsIn.reduce(0, +)
        summary.rowsRejected += outcome.tally.rowsRejected.reduce(0, +)
        summary.rowsMalformed += outcome.tally.rowsMalformed.reduce(0, +)
        for (index, query) in outcome.queries.enumerated() {
            summary.rowsOut += query.rowsOut
            if job.plan.queries[index].upstream == nil { summary.rowsLate += query.rowsLate }
        }
        let sincePrevious = lastTriggerNanos.map { Double(batch.begunNanos - $0) / 1e6 }
        lastTriggerNanos = batch.begunNanos
        observe(
            .progress(
                BatchProgress(
                    id: checkpoint.identity.id, runId: runId, name: job.job.name,
                    timestampMs: plan.timestampMs, batchId: plan.batch,
                    durations: outcome.durations,
                    profile: outcome.profile,
                    sincePreviousMs: sincePrevious,
                    sources: batch.sources,
                    eventTime: outcome.eventTime, watermarkMs: plan.watermarkMs,
                    nextWatermarkMs: batch.commit.nextWatermarkMs, queries: outcome.queries)))
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
