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
        query = AggregateQuery(
            plan: plan, mode: planned.outputMode, eventTimeColumn: planned.eventTimeColumn,
            watermarked: planned.isWatermarked, sources: planned.sources)
        self.batch = try restore(
            query.state, of: planned.name, query.stateFingerprint, in: place, after: batch)
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

/// The rows that a query remembers to tell duplicates, as they were after a batch: the columns that
/// tell them, and within a watermark when each is forgotten.
func rememberedRows(
    of planned: PlannedQuery, _ deduplication: Deduplication, in place: CheckpointPlace,
    after batch: BatchID?
) throws -> (rows: RecordBatch, batch: BatchID) {
    let query = DeduplicateQuery(deduplication, filter: nil, input: planned.input, watermark: nil)
    let batch = try restore(
        query.state, of: planned.duplicatesOwner, query.stateFingerprint, in: place, after: batch)
    return (try query.rows, batch)
}

/// Restores a table of state as it was after a batch, by default the newest committed one.
private func restore(
    _ table: GroupTable, of owner: String, _ fingerprint: String, in place: CheckpointPlace,
    after batch: BatchID?
) throws -> BatchID {
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
    let store = StateStore(
        directory: try place.reader.stateDirectory().appending(owner),
        fileSystem: machineFiles, fingerprint: fingerprint)
    let known = Set(committed)
    var failure: (any Error)?
    try store.restore(table, toVersion: wanted.number + 1) { number in
        guard known.contains(BatchID(number)) else { return nil }
        do {
            let commit = try place.reader.commit(BatchID(number))
            return commit.state.filter { $0.owner == owner }.map {
                StateFile(name: $0.path, bytes: $0.size, xxh3: $0.checksum)
            }
        } catch {
            failure = error
            return nil
        }
    }
    if let failure { throw failure }
    return wanted
}
