import Columnar
import ConnectorAPI
import Expressions
import KeyedState
import Operators

/// What becomes of the rows of one source before any query sees them.
struct SourceStage: Sendable {
    /// The source's place in the job.
    let source: Int
    /// Its name.
    let name: String
    /// What is made of each row of the log, if anything.
    let shape: Project?
    /// The columns that become those of `schema`, where that is not all of them as they are.
    let columns: [Int]?
    /// The columns of the rows as operators read them.
    let schema: Schema
    /// The one of them that holds the event time, if there is one.
    let eventTimeColumn: Int?
    /// Which of the job's watermarks the rows move, if any.
    let watermarkIndex: Int?
    /// That watermark.
    let watermark: EngineWatermark?

    /// A block of the source as the queries read it, with what its rows say of event time.
    func read(
        _ block: SourceBlock, _ lane: Lane, _ plan: BatchPlan, _ context: EvaluationContext
    ) throws -> SourceRows {
        var input = InputBlock(block, lane)
        do {
            if let shape { input = try shape.reshape(input, context) }
        } catch {
            throw BatchFault(lane: lane, cause: error)
        }
        if let columns { input = input.reordered(columns, as: schema) }
        var rows = SourceRows(
            block: input,
            counts: BlockCounts(
                readCount: block.rows.count + block.leftOutCount,
                malformedCount: block.malformedCount, malformed: block.malformed,
                lostCount: block.lostCount, lane: lane,
                // A clock ahead of this one is as good as this one: rows do not come tomorrow.
                newestReceiptMs: block.newestReceipt.map { min($0.count, plan.timestampMs) }))
        guard let watermark, let eventTimeColumn else { return rows }
        let times = input.batch.columns[eventTimeColumn]
        let limitMs = watermark.limitMs(plan)
        if rows.counts.times.add(times, limitMs: limitMs) > 0, let limitMs {
            let found = EventTimeStatistics.rows(of: times, limitMs: limitMs)
            rows.counts.rejected = input.batch.gather(found.beyond)
            rows.block = input.keeping(found.within)
        }
        return rows
    }
}

extension InputBlock {
    /// The rows of a source's block.
    init(_ block: SourceBlock, _ lane: Lane) {
        switch block.offsets {
        case .from(let offset):
            self.init(batch: block.rows, firstSequence: offset, lane: lane)
        case .each(let offsets):
            self.init(batch: block.rows, sequences: offsets, lane: lane)
        }
    }
}

/// A block of a source that the queries may read.
struct SourceRows: Sendable {
    var block: InputBlock
    var counts: BlockCounts
}

/// What is to be known of a block besides its rows.
struct BlockCounts: Sendable {
    /// How many rows the source gave.
    let readCount: Int
    /// How many records between them did not parse.
    let malformedCount: Int
    /// Those of them that the job keeps.
    let malformed: [MalformedRecord]
    /// How many rows the source no longer had.
    let lostCount: Int64
    /// Whose rows they are.
    let lane: Lane
    /// When the newest of them came, ms, where the source knows.
    let newestReceiptMs: Int64?
    var times = EventTimeStatistics()
    /// The rows that are too far ahead of the clock and that no query sees; `nil` for none.
    var rejected: RecordBatch?
}

/// What the blocks of a batch said of event time and of rows set aside, source by source.
struct SourceTally: Sendable {
    /// One for each watermark.
    private(set) var times: [EventTimeStatistics]
    /// The same by split, for watermarks whose slowest split decides.
    private(set) var splits: [[Lane: SplitTimes]]
    /// Rows of each source.
    private(set) var rowsIn: [Int]
    /// Records of each source that did not parse.
    private(set) var rowsMalformed: [Int]
    /// Rows of each source that were too far ahead of the clock.
    private(set) var rowsBeyondSkew: [Int]
    /// Rows that each source no longer had.
    private(set) var rowsLost: [Int]

    init(watermarks: Int, sources: Int) {
        times = Array(repeating: EventTimeStatistics(), count: watermarks)
        splits = Array(repeating: [:], count: watermarks)
        rowsIn = Array(repeating: 0, count: sources)
        rowsMalformed = rowsIn
        rowsBeyondSkew = rowsIn
        rowsLost = rowsIn
    }

    mutating func add(_ rows: BlockCounts, of input: SourceStage) {
        if let index = input.watermarkIndex {
            times[index].add(rows.times)
            if input.watermark?.scope == .split {
                splits[index][rows.lane, default: SplitTimes()].add(rows)
            }
        }
        rowsIn[input.source] += rows.readCount
        rowsMalformed[input.source] += rows.malformedCount
        rowsBeyondSkew[input.source] += rows.rejected?.count ?? 0
        rowsLost[input.source] += Int(rows.lostCount)
    }

    /// The event times of all rows.
    var allTimes: EventTimeStatistics {
        times.reduce(into: EventTimeStatistics()) { $0.add($1) }
    }
}

extension SplitTimes {
    fileprivate mutating func add(_ rows: BlockCounts) {
        times.add(rows.times)
        newestReceiptMs = [newestReceiptMs, rows.newestReceiptMs].compactMap(\.self).max()
    }
}
