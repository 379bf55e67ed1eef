import Columnar
import Expressions
import Lake
import Storage

/// `streamer lake show`: prints rows of a table.
let lakeShowVerb = Verb(
    name: "lake show",
    summary: "print rows of a table, filtered and ordered",
    details: """
        The filter is Spark SQL, as in a job's "where". Without --order-by rows come in the order of
        the table's files. A table shows 20 rows unless --limit says otherwise.
        """,
    positionals: [.required("TABLE", "a table's name below ./lake, or its folder")],
    options: [
        .text("where", "EXPRESSION", "only rows for which this is true"),
        .text("columns", "A,B,…", "these columns, in this order"),
        .text("order-by", "A,B DESC,…", "sort by these columns"),
        .limit("limit", "how many rows at most (default: 20 in a table, else all)"),
        ResultFormat.rowsOption,
    ],
    examples: [
        "streamer lake show kpi",
        "streamer lake show ohlcv --where \"symbol = 'IBM'\" --order-by window_start --limit 5",
        "streamer lake show ohlcv --columns symbol,close --format csv > close.csv",
    ],
    body: showTable)

private func showTable(_ arguments: Arguments, _ console: Console) throws -> ExitCode {
    let table = try openTable(named: arguments.word("TABLE"))
    let schema = try table.schema()
    let filter = try arguments.text("where").map { try RowFilter($0, schema: schema) }
    let order = try arguments.text("order-by").map { try RowOrder($0, schema: schema) }
    let columns = try arguments.text("columns").map { try columnIndices($0, in: schema) }
    let limit = arguments.limit("limit", fallback: arguments.format == .table ? 20 : nil)
    let shown = columns.map { Schema($0.map { schema[$0] }) } ?? schema
    var printer = try ResultPrinter(shown, as: arguments.format, on: console)

    var kept: [RecordBatch] = []
    var left = limit ?? .max
    var hasMore = false
    for file in try table.listFiles() {
        if left == 0 {
            hasMore = true
            break
        }
        var rows = try table.read(file)
        if let filter { rows = try filter.apply(to: rows) }
        if order != nil {
            kept.append(rows)
            continue
        }
        hasMore = rows.count > left
        rows = rows.slice(0..<min(left, rows.count))
        left -= rows.count
        printer.print(rows.selecting(columns, shown))
    }
    if let order {
        let rows = order.sort(RecordBatch.concatenate(kept, schema: schema))
        hasMore = rows.count > left
        printer.print(rows.slice(0..<min(left, rows.count)).selecting(columns, shown))
    }
    printer.finish()
    if hasMore, arguments.format == .table, let limit {
        console.say("the first \(counted(Int64(limit), "row")); --limit N shows more")
    }
    return .done
}

extension RecordBatch {
    /// The columns of these indices, which have this schema; all when there are no indices.
    fileprivate func selecting(_ indices: [Int]?, _ schema: Schema) -> RecordBatch {
        guard let indices else { return self }
        return RecordBatch(schema, indices.map { columns[$0] }, count: count)
    }
}

/// A condition that a user wrote, over the rows of a table.
struct RowFilter {
    private let condition: BoundExpression
    private let context = EvaluationContext(batchTimestampMicros: SystemTime().nowMicros())

    /// Reads a condition in the job files' dialect.
    ///
    /// - Throws: a mistake that says what is wrong with it.
    init(_ text: String, schema: Schema) throws {
        do {
            let query = QueryText(where: text, select: ["*"])
            guard case .projection(let plan) = try analyze(query, input: schema, eventTime: nil),
                let condition = plan.filter
            else { throw UsageError("--where \(shown(text)): expected a condition on rows") }
            self.condition = condition
        } catch let errors as ExpressionErrors {
            throw UsageError(
                errors.errors.map { "--where \(shown(text)): \($0.message)" }
                    .joined(separator: "\n"))
        }
    }

    /// The rows for which the condition is true, neither false nor NULL.
    func apply(to batch: RecordBatch) throws -> RecordBatch {
        let result = try condition.evaluate(batch, context)
        guard let bits = result.bits else { preconditionFailure("a condition is a boolean") }
        return batch.filter(result.validity.map { bits & $0 } ?? bits)
    }
}
