import Checkpoints
import Columnar
import Expressions
import Jobs
import KeyedState
import Operators
import Storage

/// The job that a checkpoint recorded, planned: what its state means.
func recordedJob(of place: CheckpointPlace) throws -> PlannedJob {
    try plannedJob(place.recordedJob())
}

/// The state of one query as it was after a batch.
struct QueryState {
    /// The query, with its groups.
    let query: AggregateQuery
    /// The batch.
    let batch: BatchID

    /// Restores the state of a query.
    ///
    /// - Parameters:
    ///   - planned: the query, which aggregates.
    ///   - plan: what it computes.
    ///   - place: the checkpoint.
    ///   - batch: the batch after which to look; nil for the newest committed one.
    /// - Throws: a mistake for a batch that is not kept; what reading the checkpoint throws.
    init(
        of planned: PlannedQuery, _ plan: AggregationPlan, in place: CheckpointPlace,
        after batch: BatchID?
    ) throws {
        let committed = try place.reader.committedBatches()
        guard let newest = committed.last else {
            throw UsageError("\(place.path) has no committed batch yet")
        }
        let wanted = batch ?? newest
        guard committed.contains(wanted) else {
            throw UsageError(
                "batch \(wanted) is not among the committed ones that are kept: "
                    + "\(committed[0]) to \(newest)")
        }
        self.batch = wanted
        query = AggregateQuery(
            plan: plan, mode: planned.outputMode, eventTimeColumn: planned.eventTimeColumn,
            watermarked: planned.isWatermarked)
        let store = StateStore(
            directory: try place.reader.stateDirectory().appending(planned.name),
            fileSystem: machineFiles, fingerprint: query.stateFingerprint)
        let known = Set(committed)
        var failure: (any Error)?
        try store.restore(query.state, toVersion: wanted.number + 1) { number in
            guard known.contains(BatchID(number)) else { return nil }
            do {
                let commit = try place.reader.commit(BatchID(number))
                return commit.state.filter { $0.owner == planned.name }.map {
                    StateFile(name: $0.path, bytes: $0.size, xxh3: $0.checksum)
                }
            } catch {
                failure = error
                return nil
            }
        }
        if let failure { throw failure }
    }

    /// Every group, sorted: its keys, its window, its aggregates under the text they have in SQL.
    func groups() throws -> RecordBatch {
        let groups = try query.groups()
        let plan = query.plan
        let fields = groups.schema.fields.enumerated().map { index, field in
            index < plan.firstAggregateIndex
                ? field
                : Field(
                    plan.aggregates[index - plan.firstAggregateIndex].text, field.type,
                    isNullable: field.isNullable)
        }
        // A key may be called like an aggregate.
        guard Schema.duplicateName(in: fields) == nil else { return groups }
        return RecordBatch(Schema(fields), groups.columns, count: groups.count)
    }
}
