public import Columnar

/// How results are printed.
public enum ResultFormat: String, CaseIterable, Sendable {
    /// An aligned table for people.
    case table
    /// One JSON object a line.
    case json
    /// Comma-separated values with a header (RFC 4180).
    case csv
    /// An Arrow IPC stream.
    case arrow

    /// The option of verbs that print rows of data, for how wide a table may be.
    public static let widthOption = Option.count(
        "width", "how wide a table may be: 0 is any width (default: the terminal's)")

    /// The option of verbs that list things.
    public static let option = Option.choice(
        "format", ["table", "json", "csv"], "how to print: json is one object a line",
        fallback: "table", environment: "STREAMER_FORMAT")

    /// The option of verbs that print rows of data.
    public static let rowsOption = Option.choice(
        "format", allCases.map(\.rawValue),
        "how to print: json is one object a line, arrow an IPC stream", fallback: "table",
        environment: "STREAMER_FORMAT")
}

extension Arguments {
    /// The result format asked for.
    public var format: ResultFormat {
        text("format").flatMap(ResultFormat.init(rawValue:)) ?? .table
    }
}

/// Rows of one schema as bytes, in one of the formats for programs.
public struct RowEncoder {
    private let schema: Schema
    private let format: ResultFormat
    private let arrow: ArrowStreamWriter

    /// An encoder of rows of a schema, in any format but `table`.
    public init(_ schema: Schema, as format: ResultFormat) {
        precondition(format != .table, "a table is for people, and printed")
        self.schema = schema
        self.format = format
        arrow = ArrowStreamWriter(schema)
    }

    /// What stands before the rows.
    public var head: [UInt8] {
        switch format {
        case .csv: Array("\(csvHeader(schema))\n".utf8)
        case .arrow: arrow.encodeSchema().bytes
        case .table, .json: []
        }
    }

    /// The rows of a batch, which has the encoder's schema.
    public func encode(_ batch: RecordBatch) -> [UInt8] {
        switch format {
        case .csv: csvLines(batch)
        case .json: jsonLines(batch)
        case .arrow: arrow.encode(batch).bytes
        case .table: []
        }
    }

    /// What stands after them.
    public var tail: [UInt8] { format == .arrow ? ArrowStreamWriter.endOfStream : [] }
}

/// Prints rows of one schema as they come, in one format.
///
/// A table is aligned by the rows of the first batch it gets; later rows widen it.
public struct ResultPrinter {
    private let schema: Schema
    private let console: Console
    private var table: TablePrinter?
    /// Rows of a table that are not printed yet: they are as wide as the widest of them.
    private var cells: [[String]] = []
    /// Nil when a table is printed.
    private let encoder: RowEncoder?
    private let widthMax: Int?

    /// A printer that writes to standard output.
    ///
    /// - Parameters:
    ///   - schema: the columns of the rows.
    ///   - format: how they are printed.
    ///   - width: how wide a table may be, 0 for any width; by default the terminal's width, and any
    ///     width where no terminal reads.
    ///   - console: where they go.
    /// - Throws: when it would write binary data to a terminal.
    public init(
        _ schema: Schema, as format: ResultFormat, width: Int64? = nil, on console: Console
    ) throws(UsageError) {
        self.schema = schema
        self.console = console
        widthMax = width.map { $0 == 0 ? nil : Int(clamping: $0) } ?? console.output.columns
        if format == .arrow, console.output.isTerminal {
            throw UsageError("--format arrow is binary: send it to a file or a program")
        }
        encoder = format == .table ? nil : RowEncoder(schema, as: format)
        if let encoder { console.output.write(encoder.head) }
    }

    /// Prints the rows of a batch, which has the printer's schema.
    public mutating func print(_ batch: RecordBatch) {
        if let encoder {
            console.output.write(encoder.encode(batch))
            return
        }
        for row in 0..<batch.count {
            cells.append(batch.row(row).map(tableCell))
            if cells.count >= Self.alignedRowsMax { printCells() }
        }
    }

    /// Rows of a table that are aligned together.
    private static let alignedRowsMax = 10_000

    private mutating func printCells() {
        let alignments = schema.fields.map { isRightAligned($0.type) }
        var printer =
            table
            ?? TablePrinter(
                headers: schema.names, isRight: alignments,
                isText: schema.fields.map { $0.type == .string }, widthMax: widthMax)
        printer.print(cells, on: console)
        table = printer
        cells = []
    }

    /// Ends the output: a table without rows still shows its columns.
    public mutating func finish() {
        if let encoder {
            console.output.write(encoder.tail)
        } else if table == nil || !cells.isEmpty {
            printCells()
        }
        if let leftOut = table?.columnsLeftOut, leftOut > 0 {
            console.print(leftOutText(leftOut, of: schema.count))
        }
        console.output.flush()
    }

    /// Hands over what was printed so far.
    public mutating func flush() {
        if !cells.isEmpty { printCells() }
        console.output.flush()
    }
}

/// What stands below a table that had no room for all its columns.
public func leftOutText(_ leftOut: Int, of count: Int) -> String {
    "\(count - leftOut) of \(count) columns; --width 0 shows all"
}

private func isRightAligned(_ type: DataType) -> Bool { type.isNumeric }

/// A value as a table shows it: NULL by name, control characters escaped.
public func tableCell(_ value: Value) -> String {
    value.isNull ? "NULL" : escapingControls(valueText(value))
}
