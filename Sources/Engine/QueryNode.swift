import Checkpoints
import Columnar
import Expressions
import KeyedState
import Operators
import Storage
import Streams

/// A query's input block with everything computed that does not depend on other blocks.
enum PreparedInput: Sendable {
    /// To be folded into groups.
    case groups(PreparedBlock)
    /// Output rows of a query without state.
    case rows(RecordBatch, rowsIn: Int)
}

/// One query of a job at run time, with its state files and its sinks.
// `@unchecked`: `prepare` reads only what is set once; the graph lets one thread at a time do
// everything else.
final class QueryNode: @unchecked Sendable {
    // Set once.
    let query: EngineQuery
    let operation: Operation
    let sinks: [any Sink]
    let store: StateStore?

    // Changing.
    private var outputRows: [RecordBatch] = []
    private(set) var progress: QueryProgress

    /// What a query does with its rows.
    enum Operation {
        case projection(ProjectionQuery)
        case aggregation(AggregateQuery)
    }

    /// Opens the query's sinks and its state directory.
    init(
        _ query: EngineQuery, isWatermarked: Bool, checkpointID: String, files: any FileSystem,
        stateDirectory: Path, snapshotIntervalBatches: Int
    ) throws {
        self.query = query
        sinks = try query.openSinks(checkpointID)
        progress = QueryProgress(name: query.name)
        progress.sinks = sinks.map(\.description)
        switch query.plan {
        case .projection(let plan):
            operation = .projection(ProjectionQuery(plan: plan))
            store = nil
        case .aggregation(let plan):
            let aggregate = AggregateQuery(
                plan: plan, mode: query.mode, eventTimeColumn: query.eventTimeColumn,
                watermarked: isWatermarked, limits: query.limits)
            operation = .aggregation(aggregate)
            progress.isStateful = true
            store = StateStore(
                directory: try stateDirectory.appending(query.name), fileSystem: files,
                fingerprint: aggregate.stateFingerprint,
                snapshotIntervalBatches: Int64(snapshotIntervalBatches))
            try store?.prepare()
        }
    }

    private var aggregate: AggregateQuery? {
        if case .aggregation(let query) = operation { query } else { nil }
    }

    func wantsNoDataBatch(watermarkMs: Int64, lastWatermarkMs: Int64) -> Bool {
        aggregate?.wantsNoDataBatch(
            newWatermarkMs: watermarkMs, lastWatermarkMs: lastWatermarkMs) ?? false
    }

    /// The end of the last window held open, ms, rounded up; `nil` when none is, or none closes.
    var lastOpenWindowEndMs: Int64? {
        guard query.mode != .complete, let end = aggregate?.lastWindowEndMicros else { return nil }
        return floorDivide(end, 1_000) + (end % 1_000 == 0 ? 0 : 1)
    }
}

extension QueryNode {
    /// Does the work on a block that needs no state: any thread, any order.
    func prepare(
        _ block: InputBlock, _ context: EvaluationContext
    ) throws -> PreparedInput {
        switch operation {
        case .projection(let query):
            .rows(try query.process(block, context), rowsIn: block.batch.count)
        case .aggregation(let query): .groups(try query.prepare(block, context))
        }
    }

    /// Takes in a prepared block; blocks come in the order of their rows.
    func fold(_ input: PreparedInput, lateWatermarkMs: Int64) throws {
        switch (operation, input) {
        case (.projection, .rows(let rows, let rowsIn)):
            outputRows.append(rows)
            progress.rowsIn += rowsIn
        case (.aggregation(let query), .groups(let block)):
            _ = try query.fold(block, lateWatermarkMs: lateWatermarkMs)
        default: preconditionFailure("a block prepared by another kind of query")
        }
    }

    /// Forgets what the last batch counted.
    func beginBatch() {
        var fresh = QueryProgress(name: query.name)
        fresh.sinks = progress.sinks
        fresh.isStateful = progress.isStateful
        progress = fresh
        outputRows = []
    }

    /// Ends a batch: the rows that the query emits.
    func finishBatch(watermarkMs: Int64, _ context: EvaluationContext) throws -> RecordBatch {
        switch operation {
        case .projection:
            let rows = RecordBatch.concatenate(outputRows, schema: query.plan.outputSchema)
            outputRows = []
            progress.rowsOut = rows.count
            return rows
        case .aggregation(let aggregate):
            let output = try aggregate.finishBatch(evictionWatermarkMs: watermarkMs, context)
            progress.rowsIn = output.rowsIn
            progress.rowsOut = output.rows.count
            progress.rowsLate = output.rowsLate
            progress.groupsLate = output.groupsDropped
            progress.stateRows = output.groupsTotal
            progress.stateRowsUpdated = output.groupsUpdated
            progress.stateRowsRemoved = output.groupsRemoved
            progress.stateBytes = aggregate.state.memoryBytes
            return output.rows
        }
    }
}

extension QueryNode {
    /// Makes the batch's changes to the state durable: what the commit has to remember of them.
    func commitState(_ batch: Int64, _ files: any FileSystem) throws -> [FileReceipt] {
        guard let store, let aggregate else { return [] }
        let staged = try store.stage(aggregate.state, batch: batch)
        _ = try files.publish(staged.files)
        aggregate.commit()
        return staged.receipts.map {
            FileReceipt(owner: query.name, path: $0.name, size: $0.bytes, checksum: $0.xxh3)
        }
    }

    /// Makes the state that which a batch begins with.
    func restoreState(before batch: Int64, _ receipts: (Int64) -> CommitEntry?) throws {
        guard let store, let aggregate else { return }
        _ = try store.restore(aggregate.state, toVersion: batch) { stateFiles(receipts($0)) }
    }

    /// Removes the state files that no batch from `batch` on needs to begin with.
    func removeOldState(before batch: Int64, _ receipts: (Int64) -> CommitEntry?) throws {
        try store?.retain(fromVersion: batch) { stateFiles(receipts($0)) }
    }

    private func stateFiles(_ commit: CommitEntry?) -> [StateFile]? {
        commit?.state.filter { $0.owner == query.name }.map {
            StateFile(name: $0.path, bytes: $0.size, xxh3: $0.checksum)
        }
    }

    /// Publishes what the batch emits in every sink.
    func publish(_ rows: RecordBatch, _ plan: BatchPlan) throws -> [FileReceipt] {
        try sinks.flatMap { sink in
            try sink.write(batch: plan.batch, rows: rows, isRerun: plan.isRerun).map {
                FileReceipt(
                    owner: sink.description, path: $0.path, size: $0.bytes, checksum: $0.checksum)
            }
        }
    }
}
