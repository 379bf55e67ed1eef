import Columnar
import CommandLine
import ConnectorAPI
import Synchronization

/// Shows rows of sinks on standard output.
final class ConsoleTerminal: Terminal {
    private let console: Console
    private let last: Mutex<[@Sendable () -> Void]> = Mutex([])

    init(_ console: Console) { self.console = console }

    func show(_ rows: RecordBatch, title: String, rowsMax: Int, cellMax: Int?) {
        console.print(console.styled(title, .bold, on: console.output))
        var printer = TablePrinter(
            headers: rows.schema.names, isRight: rows.schema.fields.map(\.type.isNumeric),
            isText: rows.schema.fields.map { $0.type == .string },
            widthMax: console.output.columns)
        let shown = min(rows.count, rowsMax)
        printer.print(
            (0..<shown).map { rows.row($0).map { Self.cell($0, cellMax) } }, on: console)
        if shown < rows.count { console.print("only showing the first \(shown) rows") }
        if printer.columnsLeftOut > 0 {
            console.print("\(printer.columnsLeftOut) of \(rows.schema.count) columns have no room")
        }
        console.print("")
        console.output.flush()
    }

    private static func cell(_ value: Value, _ cellMax: Int?) -> String {
        let text = tableCell(value)
        guard let cellMax, text.count > cellMax else { return text }
        return cellMax < 4 ? String(text.prefix(cellMax)) : text.prefix(cellMax - 3) + "..."
    }

    func atEnd(_ show: @escaping @Sendable () -> Void) { last.withLock { $0.append(show) } }

    /// Shows what was kept for the end of the run.
    func finish() {
        for show in last.withLock({ $0 }) { show() }
    }
}
