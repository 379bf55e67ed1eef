import Columnar
import CommandLine
import Expressions
import Lake
import Storage

/// `streamer lake show`: prints rows of a table.
let lakeShowVerb = Verb(
    name: "lake show",
    summary: "print rows of a table, filtered and ordered",
    details: """
        The filter is Spark SQL, as in a job's "where". Without --order-by rows come in the order of
        the table's files. A table shows 20 rows unless --limit says otherwise. A Delta table is
        shown as it is, or as it was at a version: after each batch there is one.
        """,
    positionals: [.required("TABLE", "a table's name below ./lake, or its folder")],
    options: TableQuery.options + [
        .limit("limit", "how many rows at most (default: 20 in a table, else all)"),
        .text(
            "plot", "COLUMN",
            "draw this column in the terminal; close with open, high, low: candles"),
        ResultFormat.widthOption, ResultFormat.rowsOption,
    ],
    examples: [
        "streamer lake show kpi",
        "streamer lake show ohlcv --where \"symbol = 'IBM'\" --order-by window_start --limit 5",
        "streamer lake show ohlcv --columns symbol,close --format csv > close.csv",
        "streamer lake show candles --version 12",
        "streamer lake show live --where \"symbol = 'IBM'\" --plot close",
    ],
    body: showTable)

private func showTable(_ arguments: Arguments, _ console: Console) throws -> ExitCode {
    if let column = arguments.text("plot") { return try plotTable(column, arguments, console) }
    let limit = arguments.limit("limit", fallback: arguments.format == .table ? 20 : nil)
    let query = try TableQuery(arguments, limit: limit)
    var printer = try ResultPrinter(
        query.schema, as: arguments.format, width: arguments.count("width"), on: console)
    let hasMore = try query.run { printer.print($0) }
    printer.finish()
    if hasMore, arguments.format == .table, let limit {
        console.say("the first \(counted(Int64(limit), "row")); --limit N shows more")
    }
    return .done
}

/// Draws the newest rows of a table.
private func plotTable(
    _ column: String, _ arguments: Arguments, _ console: Console
) throws -> ExitCode {
    let query = try TableQuery(arguments, limit: arguments.limit("limit", fallback: nil))
    var plot = try PlotRows(column, query.schema)
    _ = try query.run { plot.add($0) }
    try plot.print(on: console)
    return .done
}

/// Rows of a table that a command line asks for.
struct TableQuery {
    /// The options that say which rows, and which columns of them.
    static let options: [Option] = [
        .text("where", "EXPRESSION", "only rows for which this is true"),
        .text("columns", "A,B,…", "these columns, in this order"),
        .text("order-by", "A,B DESC,…", "sort by these columns"),
        .count("version", "a Delta table's version, instead of the newest"),
    ]

    /// The columns of the rows.
    let schema: Schema
    private let table: LakeReader
    private let tableSchema: Schema
    private let filter: RowFilter?
    private let order: RowOrder?
    private let columns: [Int]?
    private let limit: Int?

    /// Reads the options, and opens the table that TABLE names.
    init(_ arguments: Arguments, limit: Int?) throws {
        let table = try openTable(
            named: arguments.word("TABLE"), version: arguments.count("version"))
        let schema = try table.schema()
        self.table = table
        tableSchema = schema
        filter = try arguments.text("where").map { try RowFilter($0, schema: schema) }
        order = try arguments.text("order-by").map { try RowOrder($0, schema: schema) }
        columns = try arguments.text("columns").map { try columnIndices($0, in: schema) }
        self.schema = columns.map { Schema($0.map { schema[$0] }) } ?? schema
        self.limit = limit
    }

    /// Hands over the rows, part by part; whether there are more than the limit.
    func run(_ body: (RecordBatch) throws -> Void) throws -> Bool {
        if let order { return try run(in: order, body) }
        var left = limit ?? .max
        var hasMore = false
        try forEachPiece { rows in
            hasMore = rows.count > left
            let shown = rows.slice(0..<min(left, rows.count))
            left -= shown.count
            try body(selected(shown))
            return !hasMore
        }
        return hasMore
    }

    /// The same, sorted; with a limit never much more than the limit is kept.
    private func run(in order: RowOrder, _ body: (RecordBatch) throws -> Void) throws -> Bool {
        var kept: [RecordBatch] = []
        var keptRows = 0
        var found = 0
        func sorted() throws -> RecordBatch {
            order.sort(try RecordBatch.concatenate(kept, schema: tableSchema))
        }
        try forEachPiece { rows in
            kept.append(rows)
            keptRows += rows.count
            found.addClamped(rows.count)
            if let limit, keptRows - limit > max(limit, Self.sortedRowsMin) {
                kept = [try sorted().slice(0..<limit)]
                keptRows = limit
            }
            return true
        }
        let rows = try sorted()
        let shown = min(limit ?? .max, rows.count)
        try body(selected(rows.slice(0..<shown)))
        return found > shown
    }

    /// Fewer rows than these are not sorted on the way.
    private static let sortedRowsMin = 1 << 17

    /// The rows that fulfil the filter, piece by piece, until `body` says that it has enough.
    private func forEachPiece(_ body: (RecordBatch) throws -> Bool) throws {
        let conditions = filter?.ranges ?? [:]
        for file in try table.listFiles(where: conditions) {
            var pieces = try table.pieces(of: file, where: conditions)
            while let rows = try pieces.next() {
                let wanted = try filter?.apply(to: rows) ?? rows
                guard try body(wanted) else { return }
            }
        }
    }

    private func selected(_ rows: RecordBatch) -> RecordBatch {
        guard let columns else { return rows }
        return RecordBatch(schema, columns.map { rows.columns[$0] }, count: rows.count)
    }
}

/// A condition that a user wrote, over the rows of a table.
struct RowFilter {
    /// What rows for which it is true have in a column, by the columns' names: whoever reads rows
    /// may leave out others.
    let ranges: [String: ColumnRange]
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
            ranges = Dictionary(
                uniqueKeysWithValues: condition.ranges.map { (schema[$0.column].name, $0) })
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
