public import Columnar
public import Expressions
public import KeyedState

/// Which rows are duplicates: those that agree with an earlier one in some columns.
public struct Deduplication: Hashable, Sendable {
    /// The columns, as indices into the query's input; each once.
    public let columns: [Int]
    /// Whether a row is remembered only until the watermark passes its event time by the delay
    /// (`dropDuplicatesWithinWatermark`), whatever the columns.
    public let isWithinWatermark: Bool

    /// Duplicates by these columns.
    public init(columns: [Int], isWithinWatermark: Bool) {
        self.columns = columns
        self.isWithinWatermark = isWithinWatermark
    }
}

/// The event time that the watermark bounds.
public struct WatermarkedColumn: Hashable, Sendable {
    /// The column of the query's input.
    public let column: Int
    /// How far the watermark stays behind the largest event time, ms.
    public let delayMs: Int64

    /// A column with a watermark.
    public init(column: Int, delayMs: Int64) {
        self.column = column
        self.delayMs = delayMs
    }
}

/// A block after the filter, with the columns that tell duplicates.
public struct PreparedKeys: Sendable {
    /// Rows that came in.
    let inputCount: Int
    let block: InputBlock
    let keys: [Column]
}

/// Lets the first row of each key through, in log order (semantics, section 10).
///
/// Invariants:
/// - the state has a row for each key that was seen and not yet forgotten; within a watermark its
///   one column says up to which watermark (µs) the key is remembered.
/// - no row of the state ends before `earliestEnd`, while `strings` are the state's.
public final class Deduplicate: StreamOperator, @unchecked Sendable {
    // `@unchecked Sendable`: `prepare` only reads what is constant; everything else is called by
    // one thread at a time, which the caller sees to.

    /// Which rows are duplicates.
    public let deduplication: Deduplication
    /// The rows that come in.
    public let ports: [PortSchema]
    /// Some of them.
    public let output: OutputProperties
    /// The keys that were seen.
    public let table: GroupTable
    /// What the last batch came to.
    public private(set) var counters: OperatorCounters

    private let filter: BoundExpression?
    private let watermark: WatermarkedColumn?
    /// The key column that is the event time, whose rows end with the watermark.
    private let timeKey: Int?
    private let allColumns: [Bool]
    private var rowsIn = 0
    private var rowsLate = 0
    private var rowsDuplicate = 0
    private var earliestEnd = Int64.min
    private var strings: StateStrings

    /// An operator that has seen nothing.
    ///
    /// - Parameters:
    ///   - deduplication: which rows are duplicates; `check` says whether it can work.
    ///   - filter: rows that do not fulfil it are left out before.
    ///   - input: the columns of the rows.
    ///   - watermark: the event time, if it has a watermark.
    ///   - limits: how large the state may become.
    public init(
        _ deduplication: Deduplication, filter: BoundExpression?, input: Schema,
        watermark: WatermarkedColumn?, limits: OperatorLimits = OperatorLimits()
    ) {
        self.deduplication = deduplication
        self.filter = filter
        self.watermark = watermark
        ports = [PortSchema(input, eventTimeColumn: watermark?.column)]
        output = OutputProperties(schema: input, order: .asInput, isAppendOnly: true)
        counters = OperatorCounters(
            operatorName: deduplication.isWithinWatermark ? "dedupeWithinWatermark" : "dedupe")
        allColumns = Array(repeating: true, count: input.count)
        timeKey = watermark.flatMap { deduplication.columns.firstIndex(of: $0.column) }
        let end = Field("expires_at", .timestamp, isNullable: false)
        let keys = deduplication.columns.map { input[$0] }
        // Times and numbers differ in most rows, so that sorting looks at little else.
        let isTelling = keys.map { $0.type.layout == .int64 }
        table = GroupTable(
            keys: keys, state: deduplication.isWithinWatermark ? [end] : [],
            sortOrder: keys.indices.filter { isTelling[$0] }
                + keys.indices.filter { !isTelling[$0] }, rowsMax: limits.stateRowsMax,
            bytesMax: limits.stateBytesMax)
        strings = table.strings
    }

    /// The keys that were seen, as `duplicates`.
    public var state: [OperatorState] {
        let kind = deduplication.isWithinWatermark ? "within watermark" : "duplicates"
        let keys = table.keyFields.map { "key \($0.name) \($0.type)" }
        return [
            OperatorState(
                name: "duplicates", fingerprint: fingerprint(of: [kind] + keys), table: table
            ) { () throws(OperatorError) in
                do throws(KeyedStateError) {
                    return try self.rows
                } catch {
                    throw OperatorError(error)
                }
            }
        ]
    }

    /// Does the work on a block that needs no state: any thread, any order.
    public func prepare(
        _ block: InputBlock, port: Int, _ batch: BatchContext
    ) throws(OperatorError) -> PreparedKeys {
        var kept = block
        if let filter {
            let selection = Selection(block, allColumns)
            kept = block.keeping(try selection.select(filter, batch.evaluation).setBitIndices())
        }
        return PreparedKeys(
            inputCount: block.batch.count, block: kept,
            keys: deduplication.columns.map { kept.batch.columns[$0] })
    }

    /// Takes in a block and emits the first row of each key; blocks come in log order.
    ///
    /// A row whose event time is at or before the late watermark, the one that the previous batch
    /// ran with, is dropped, also when the time is no key; one without event time never is.
    ///
    /// - Throws: when the state is full.
    public func fold(
        _ prepared: PreparedKeys, port: Int, _ batch: BatchContext, into rows: inout OutputRows
    ) throws(OperatorError) {
        let block = prepared.block
        let timeBuffer = times(of: block.batch)
        let times = timeBuffer.span(of: Int64.self)
        let lateMicros = batch.lateMicros
        var late: [Int32] = []
        var first: [Int32] = []
        for row in 0..<block.batch.count {
            let time = times[row]
            if time <= lateMicros && time != Self.noTime {
                late.append(block.place(row))
                continue
            }
            table.encodeKey(prepared.keys, row: row)
            if table.find() >= 0 { continue }
            try remember(time == Self.noTime ? nil : time, block.sequence(row))
            first.append(Int32(row))
        }
        rowsIn += prepared.inputCount
        rowsLate += late.count
        rowsDuplicate += block.batch.count - late.count - first.count
        rows.setAside(late: late)
        rows.emit(block.keeping(first))
    }

    private static let noTime = Int64.max

    /// The event time of each row, `noTime` where it has none.
    private func times(of batch: RecordBatch) -> Buffer {
        guard let watermark else {
            return Buffer(of: Int64.self, count: batch.count) {
                $0.append(repeating: Self.noTime, count: batch.count)
            }
        }
        let column = batch.columns[watermark.column]
        if column.validity == nil { return column.values }
        let times = column.int64s
        return Buffer(of: Int64.self, count: batch.count) { output in
            for row in 0..<batch.count {
                output.append(column.isNull(row) ? Self.noTime : times[row])
            }
        }
    }

    /// Adds the encoded key to the state.
    private func remember(_ time: Int64?, _ sequence: Int64) throws(OperatorError) {
        let slot: Int32
        do throws(KeyedStateError) {
            slot = try table.findOrInsert().slot
        } catch {
            throw OperatorError(error, sequence: sequence)
        }
        if deduplication.isWithinWatermark {
            // As in Spark, a row without event time counts as one of 1970.
            let delay = EventTime(Milliseconds(watermark?.delayMs ?? 0)).micros
            let (end, overflow) = (time ?? 0).addingReportingOverflow(delay)
            // Safe: the slot is live.
            unsafe table.columns[0].pointer(as: Int64.self)[Int(slot)] = overflow ? .max : end
            earliestEnd = min(earliestEnd, overflow ? .max : end)
        } else if timeKey != nil, let time {
            earliestEnd = min(earliestEnd, time)
        }
    }

    /// Ends a batch: forgets the rows that its watermark lets go.
    public func finish(_ batch: BatchContext, into rows: inout OutputRows) {
        counters.stateRowsUpdated = table.touchedCount
        let ended = endedSlots(batch.watermarkMicros)
        table.remove(ended)
        counters.rowsIn = rowsIn
        counters.rowsLate = rowsLate
        counters.rowsDropped = rowsLate
        counters.stateRowsRemoved = ended.count
        counters.stateRows = table.count
        counters.stateBytes = table.memoryBytes
        counters.metrics = [.init("numDroppedDuplicateRows", rowsDuplicate)]
        counters.totals = [.init("rowsDuplicate", rowsDuplicate)]
        (rowsIn, rowsLate, rowsDuplicate) = (0, 0, 0)
    }

    /// The rows that the watermark lets go, in the order of their keys.
    private func endedSlots(_ watermark: Int64) -> [Int32] {
        guard deduplication.isWithinWatermark || timeKey != nil else { return [] }
        if strings !== table.strings {
            // Restored or renumbered: what was known of its rows may no longer hold.
            strings = table.strings
            earliestEnd = .min
        }
        guard earliestEnd <= watermark else { return [] }
        var ended: [Int32] = []
        var earliest = Int64.max
        table.forEachLive { slot in
            guard let end = end(of: slot) else { return }
            if end <= watermark { ended.append(slot) } else { earliest = min(earliest, end) }
        }
        earliestEnd = earliest
        return table.sorted(ended)
    }

    /// The watermark (µs) that lets a row go, `nil` when none does.
    private func end(of slot: Int32) -> Int64? {
        if let timeKey, !deduplication.isWithinWatermark { return table.key(slot, timeKey) }
        // Safe: the slot is live, and within a watermark the state has this column.
        return unsafe table.columns[0].pointer(as: Int64.self)[Int(slot)]
    }

    /// The rows that are remembered, sorted: the columns that tell duplicates, and within a watermark
    /// `expires_at`, the watermark that lets each go.
    private var rows: RecordBatch {
        get throws(KeyedStateError) {
            let rows = try table.snapshot()
            let columns = table.columns.map { column in
                let name = column.field.name
                let isTaken = table.keyFields.contains { $0.name == name }
                return Field(isTaken ? name + "_" : name, column.field.type)
            }
            return RecordBatch(Schema(table.keyFields + columns), rows.columns, count: rows.count)
        }
    }

    /// Whether an empty batch is wanted to forget what a moved watermark lets go: as in Spark,
    /// whenever it moved.
    public func wantsEmptyBatch(_ next: EventTime, after last: EventTime) -> Bool {
        watermark != nil && next > last
    }
}
