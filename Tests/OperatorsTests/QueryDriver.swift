import Columnar
import Expressions
import KeyedState
import Operators
import Storage
import TestSupport

/// What a batch of one operator gave.
struct BatchResult {
    let rows: RecordBatch
    let counters: OperatorCounters
    let pairsLate: Int
}

/// The context of a batch with these watermarks, ms.
func batchContext(
    _ number: Int64 = 0, lateMs: Int64, watermarkMs: Int64, timestampMicros: Int64 = 0
) -> BatchContext {
    BatchContext(
        number: BatchID(number), lateWatermark: EventTime(Milliseconds(lateMs)),
        watermark: EventTime(Milliseconds(watermarkMs)),
        evaluation: EvaluationContext(batchTimestampMicros: timestampMicros))
}

/// Runs one query batch by batch as the engine does: the watermark of a batch is decided at the end
/// of the one before, late rows are judged by the watermark of the batch before, a no-data batch
/// follows when the watermark moved.
struct QueryDriver {
    /// What may vary without changing results.
    struct Options {
        var blockRows = Int.max
        var noDataBatches = true
        /// Restore the state from its files into a new query after every batch.
        var restores = false
        var snapshotIntervalBatches: Int64 = 3
    }

    let makeQuery: () -> Aggregate
    let input: Schema
    let eventTimeColumn: Int?
    let options: Options
    private(set) var query: Aggregate
    private(set) var tracker: WatermarkTracker
    private(set) var lastRanWithMs: Int64 = 0
    private(set) var nextBatch: Int64 = 0
    private(set) var nextSequence: Int64 = 0
    private(set) var receipts: [Int64: [FileReceipt]] = [:]
    private(set) var outputs: [BatchResult] = []
    private(set) var statistics = EventTimeStatistics()
    private(set) var lateSequences: [Int64] = []
    private let files = SimulatedFileSystem()
    private let store: StateStore

    /// A query over rows of a schema.
    ///
    /// `delayMs` is `nil` without a watermark.
    init(
        _ text: QueryText, mode: OutputMode, input: Schema, eventTime: String?, delayMs: Int64?,
        options: Options = Options(), limits: OperatorLimits = OperatorLimits()
    ) throws {
        guard case .aggregation(let plan) = try analyze(text, input: input, eventTime: eventTime)
        else { preconditionFailure("the driver runs aggregations") }
        self.input = input
        self.options = options
        eventTimeColumn = eventTime.flatMap { input.index(of: $0) }
        let column = eventTimeColumn
        makeQuery = {
            Aggregate(
                plan: plan, mode: mode, eventTimeColumn: column, watermarked: delayMs != nil,
                limits: limits)
        }
        query = makeQuery()
        tracker = WatermarkTracker(
            inputs: delayMs.map { [WatermarkTracker.Input(delayMs: $0)] } ?? [])
        store = StateStore(
            directory: try Path("/state/q"), fileSystem: files,
            fingerprint: query.state[0].fingerprint,
            snapshotIntervalBatches: options.snapshotIntervalBatches)
        try store.prepare()
    }

    /// Runs a batch of rows, then the no-data batches that it asks for; gives what they emitted.
    @discardableResult
    mutating func add(_ rows: [[Value]]) throws -> [[Value]] {
        var emitted = try runBatch(rows)
        while options.noDataBatches,
            query.wantsEmptyBatch(
                EventTime(Milliseconds(tracker.watermarkMs)),
                after: EventTime(Milliseconds(lastRanWithMs)))
        {
            emitted += try runBatch([])
        }
        return emitted
    }

    /// Runs exactly one batch.
    mutating func runBatch(_ rows: [[Value]]) throws -> [[Value]] {
        try runBatch(RecordBatch(input, rows: rows))
    }

    mutating func runBatch(_ rows: RecordBatch) throws -> [[Value]] {
        let watermarkMs = tracker.watermarkMs
        let batch = batchContext(
            nextBatch, lateMs: lastRanWithMs, watermarkMs: watermarkMs,
            timestampMicros: nextBatch * 1_000_000)
        var output = OutputRows()
        statistics = EventTimeStatistics()
        if let eventTimeColumn { statistics.add(rows.columns[eventTimeColumn]) }
        var first = 0
        while first < rows.count {
            let end = first + min(options.blockRows, rows.count - first)
            let block = InputBlock(
                batch: rows.slice(first..<end), firstSequence: nextSequence + Int64(first))
            let prepared = try query.prepare(block, port: 0, batch)
            try query.fold(prepared, port: 0, batch, into: &output)
            lateSequences += output.takeLateRows().map { block.firstSequence + Int64($0) }
            first = end
        }
        nextSequence += Int64(rows.count)
        try query.finish(batch, into: &output)
        let emitted = try RecordBatch.concatenate(
            output.takeBlocks().map(\.batch), schema: query.output.schema)
        outputs.append(
            BatchResult(rows: emitted, counters: query.counters, pairsLate: query.pairsLate))
        try commit()
        lastRanWithMs = watermarkMs
        if !tracker.inputs.isEmpty { tracker.endBatch([statistics]) }
        return emitted.rows
    }

    private mutating func commit() throws {
        let staged = try store.stage(store.takeChanges(of: query.table, batch: nextBatch))
        _ = try files.publish(staged.files)
        receipts[nextBatch] = staged.receipts
        nextBatch += 1
        if options.restores {
            query = makeQuery()
            let known = receipts
            try store.restore(query.table, toVersion: nextBatch) { known[$0] }
        }
    }
}

/// A timestamp of whole seconds.
func seconds(_ seconds: Int64) -> Value { .timestamp(seconds * 1_000_000) }

/// Rows in the order of their first three values, for comparing as sets.
func sortedRows(_ rows: [[Value]]) -> [[Value]] {
    rows.map { (name: "\($0.prefix(3))", row: $0) }.sorted { $0.name < $1.name }.map(\.row)
}
