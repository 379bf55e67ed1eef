import Columnar
import CommandLine
import ConnectorAPI
import Jobs
import Synchronization

/// Prints a query's rows on standard output.
///
/// A result that is printed whole in every batch (`complete`) is printed once, at the end, when
/// the run has one; as a live view otherwise.
final class ConsoleSink: LiveSink {
    private let query: String
    private let spec: ConsoleSinkSpec
    private let console: Console
    private let showsOnlyLast: Bool
    private let last = Mutex<(batch: Int64, rows: RecordBatch)?>(nil)

    init(query: String, _ spec: ConsoleSinkSpec, showsOnlyLast: Bool, on console: Console) {
        self.query = query
        self.spec = spec
        self.console = console
        self.showsOnlyLast = showsOnlyLast
    }

    var id: SinkID { SinkID(query: query, place: description) }
    var description: String { "console" }
    var history: SinkHistory { .newestBatch }

    func write(
        batch: Int64, rows: RecordBatch, timestampMs: Int64, isRerun: Bool
    ) -> [SinkReceipt] {
        if showsOnlyLast {
            last.withLock { $0 = (batch, rows) }
        } else if rows.count > 0 {
            show(batch, rows)
        }
        return []
    }

    func show(batch: Int64, rows: RecordBatch) { show(batch, rows) }

    func verify(batch: Int64, rows: RecordBatch, receipts: [SinkReceipt]) -> [String] { [] }

    /// Prints what was kept for the end of the run.
    func finish() {
        if let (batch, rows) = last.withLock({ $0.take() }) { show(batch, rows) }
    }

    private func show(_ batch: Int64, _ rows: RecordBatch) {
        console.print(
            console.styled("\(query), batch \(batch)", .bold, on: console.output))
        var printer = TablePrinter(
            headers: rows.schema.names, isRight: rows.schema.fields.map(\.type.isNumeric))
        let shown = min(rows.count, spec.numRows)
        printer.print((0..<shown).map { rows.row($0).map(cell) }, on: console)
        if shown < rows.count { console.print("only showing the first \(shown) rows") }
        console.print("")
        console.output.flush()
    }

    private func cell(_ value: Value) -> String {
        let text = tableCell(value)
        guard let truncate = spec.truncate, text.count > truncate else { return text }
        return truncate < 4 ? String(text.prefix(truncate)) : text.prefix(truncate - 3) + "..."
    }
}
