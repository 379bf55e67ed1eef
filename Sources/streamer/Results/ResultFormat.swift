import Columnar

/// How results are printed.
enum ResultFormat: String, CaseIterable, Sendable {
    /// An aligned table for people.
    case table
    /// One JSON object a line.
    case json
    /// Comma-separated values with a header (RFC 4180).
    case csv
    /// An Arrow IPC stream.
    case arrow

    /// The option of verbs that list things.
    static let option = Option.choice(
        "format", ["table", "json", "csv"], "how to print: json is one object a line",
        fallback: "table", environment: "STREAMER_FORMAT")

    /// The option of verbs that print rows of data.
    static let rowsOption = Option.choice(
        "format", allCases.map(\.rawValue),
        "how to print: json is one object a line, arrow an IPC stream", fallback: "table",
        environment: "STREAMER_FORMAT")
}

extension Arguments {
    /// The result format asked for.
    var format: ResultFormat { text("format").flatMap(ResultFormat.init(rawValue:)) ?? .table }
}

/// Prints rows of one schema as they come, in one format.
///
/// A table is aligned by the rows of the first batch it gets; later rows widen it.
struct ResultPrinter {
    private let schema: Schema
    private let format: ResultFormat
    private let console: Console
    private var table: TablePrinter?
    private let arrow: ArrowStreamWriter

    /// A printer that writes to standard output.
    ///
    /// - Throws: when it would write binary data to a terminal.
    init(_ schema: Schema, as format: ResultFormat, on console: Console) throws(UsageError) {
        self.schema = schema
        self.format = format
        self.console = console
        arrow = ArrowStreamWriter(schema)
        switch format {
        case .csv: console.print(csvHeader(schema))
        case .arrow:
            guard !console.output.isTerminal else {
                throw UsageError("--format arrow is binary: send it to a file or a program")
            }
            console.output.write(arrow.encodeSchema().bytes)
        case .table, .json: break
        }
    }

    /// Prints the rows of a batch, which has the printer's schema.
    mutating func print(_ batch: RecordBatch) {
        switch format {
        case .json: console.output.write(jsonLines(batch))
        case .csv: console.output.write(csvLines(batch))
        case .arrow: console.output.write(arrow.encode(batch).bytes)
        case .table:
            let cells = (0..<batch.count).map { row in batch.row(row).map(tableCell) }
            let alignments = schema.fields.map { isRightAligned($0.type) }
            var printer = table ?? TablePrinter(headers: schema.names, isRight: alignments)
            printer.print(cells, on: console)
            table = printer
        }
    }

    /// Ends the output: a table without rows still shows its columns.
    mutating func finish() {
        if format == .table, table == nil { print(RecordBatch(empty: schema)) }
        if format == .arrow { console.output.write(ArrowStreamWriter.endOfStream) }
        console.output.flush()
    }

    /// Hands over what was printed so far.
    func flush() { console.output.flush() }
}

private func isRightAligned(_ type: DataType) -> Bool { type.isNumeric }

/// A value as a table shows it: NULL by name, control characters escaped.
func tableCell(_ value: Value) -> String {
    value.isNull ? "NULL" : escapingControls(valueText(value))
}
