import Columnar
import ConnectorAPI
import Jobs
import Operators

/// Side output: late rows or rows too far in the future, written to a table of their own.
///
/// Not thread-safe: whoever folds the rows adds them, in log order.
final class SideOutput {
    let table: SideTable
    let sink: any Sink
    private var parts: [RecordBatch] = []

    init(_ table: SideTable, _ sink: any Sink) {
        self.table = table
        self.sink = sink
    }

    /// Forgets the rows of the last batch.
    func beginBatch() { parts = [] }

    /// Sets rows of a block aside, by their places in it as it was read.
    func add(_ places: [Int32], of block: InputBlock?) {
        guard !places.isEmpty, let block else { return }
        parts.append(block.rows(at: places))
    }

    /// Sets rows aside.
    func add(_ rows: RecordBatch) { parts.append(rows) }

    /// The batch's rows as they were added.
    func rows() throws(StringsTooLarge) -> RecordBatch {
        try RecordBatch.concatenate(parts, schema: table.schema)
    }

    /// The batch's rows of a query that were late.
    func lateRows(of query: PlannedQuery, _ plan: BatchPlan) throws -> RecordBatch {
        guard let time = query.eventTimeColumn, !parts.isEmpty else {
            return RecordBatch(empty: table.schema)
        }
        return try rows(timeColumn: time) { timeMs in
            [
                .string(query.name), .timestamp(microseconds(plan.lateWatermarkMs)),
                .long(plan.lateWatermarkMs - timeMs), .long(plan.batch),
            ]
        }
    }

    /// The batch's rows that were too far ahead of the clock.
    func rejectedRows(timeColumn: Int, _ plan: BatchPlan) throws -> RecordBatch {
        guard !parts.isEmpty else { return RecordBatch(empty: table.schema) }
        return try rows(timeColumn: timeColumn) { timeMs in
            [
                .string("future"), .timestamp(microseconds(plan.timestampMs)),
                .long(timeMs - plan.timestampMs), .long(plan.batch),
            ]
        }
    }

    /// The rows with what `why` says of the event time of each.
    private func rows(
        timeColumn: Int, why: (_ timeMs: Int64) -> [Value]
    ) throws(StringsTooLarge) -> RecordBatch {
        let inputCount = parts[0].schema.count
        let input = try RecordBatch.concatenate(parts, schema: parts[0].schema)
        var builders = table.schema.fields[inputCount...].map {
            ColumnBuilder($0.type, capacity: input.count)
        }
        let column = input.columns[timeColumn]
        let times = column.int64s
        for row in 0..<input.count {
            let values = why(floorDivide(times[row], 1_000))
            for (index, value) in values.enumerated() { builders[index].append(value) }
        }
        var columns = input.columns
        for index in builders.indices { columns.append(builders[index].finish()) }
        return RecordBatch(table.schema, columns, count: input.count)
    }
}

/// A time in ms as µs; far ones are cut to what a timestamp can hold.
private func microseconds(_ milliseconds: Int64) -> Int64 {
    let (micros, overflow) = milliseconds.multipliedReportingOverflow(by: 1_000)
    return overflow ? (milliseconds < 0 ? .min : .max) : micros
}
