import Columnar
import CommandLine
import ConnectorAPI
import Jobs
import Storage
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
    private let last = Mutex<(batch: BatchID, rows: RecordBatch)?>(nil)

    init(query: String, _ spec: ConsoleSinkSpec, showsOnlyLast: Bool, on console: Console) {
        self.query = query
        self.spec = spec
        self.console = console
        self.showsOnlyLast = showsOnlyLast
    }

    var id: SinkID { SinkID(query: query, place: description) }
    var description: String { "console" }
    var history: SinkHistory { .newestBatch }

    func recover(_ last: SinkRecovery) {}

    func prepare(_ batch: SinkBatch) -> any PreparedBatch { ShownBatch(batch, self) }

    func show(_ update: LiveUpdate) { show(update.number, update.rows) }

    /// Nothing: what was printed is gone.
    func verify(_ batch: SinkBatch, _ receipts: [SinkReceipt]) -> [String] { [] }

    /// A batch that is printed when it is committed, or at the end of the run.
    private struct ShownBatch: PreparedBatch {
        private let batch: SinkBatch
        private let sink: ConsoleSink

        init(_ batch: SinkBatch, _ sink: ConsoleSink) {
            self.batch = batch
            self.sink = sink
        }

        func commit() -> [SinkReceipt] {
            if sink.showsOnlyLast {
                sink.last.withLock { $0 = (batch.number, batch.rows) }
            } else if batch.rows.count > 0 {
                sink.show(batch.number, batch.rows)
            }
            return []
        }

        func abort() {}
    }

    /// Prints what was kept for the end of the run.
    func finish() {
        if let (batch, rows) = last.withLock({ $0.take() }) { show(batch, rows) }
    }

    private func show(_ batch: BatchID, _ rows: RecordBatch) {
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
