import Columnar
import CommandLine

/// Rows of a table as bars of a plot.
struct PlotRows {
    private let schema: Schema
    private let column: String
    private var bars: [PlotBar] = []
    private var symbols: Set<String> = []

    /// The most bars that a terminal could ever have room for.
    private static let barsMax = 4_096

    /// Bars by a column: with `open`, `high` and `low` beside it candles, else its values.
    ///
    /// - Throws: a mistake when the column is not there or is no number.
    init(_ column: String, _ schema: Schema) throws(UsageError) {
        guard let index = schema.index(of: column) else {
            let numbers = schema.fields.filter(\.type.isNumeric).map(\.name)
            throw UsageError(
                "--plot \(shown(column)): there is no such column; of numbers there are: "
                    + numbers.joined(separator: ", "))
        }
        guard schema[index].type.isNumeric else {
            throw UsageError("--plot \(shown(column)): the column is no number")
        }
        self.schema = schema
        self.column = column
    }

    /// Takes rows in, the oldest first.
    mutating func add(_ rows: RecordBatch) {
        let value = { (name: String, row: Int) -> Double? in
            rows.column(name).flatMap { double($0.value(at: row)) }
        }
        let time = schema.fields.first { $0.type == .timestamp }?.name
        let symbol = schema.fields.first { $0.type == .string }?.name
        for row in 0..<rows.count {
            if let symbol, let text = rows.column(symbol)?.value(at: row).text {
                if symbols.count < 100 { symbols.insert(text) }
            }
            guard let close = value(column, row), close.isFinite else { continue }
            let open = value("open", row) ?? bars.last?.close ?? close
            bars.append(
                PlotBar(
                    label: time.flatMap { rows.column($0)?.value(at: row).clock } ?? "",
                    open: open, high: max(value("high", row) ?? close, open, close),
                    low: min(value("low", row) ?? close, open, close), close: close,
                    volume: value("volume", row)))
            if bars.count > 2 * Self.barsMax { bars.removeFirst(Self.barsMax) }
        }
    }

    /// Prints the newest bars that there is room for.
    ///
    /// - Throws: a mistake when the rows are of several symbols.
    func print(on console: Console) throws(UsageError) {
        if symbols.count > 1 {
            let names = symbols.sorted().prefix(8).joined(separator: ", ")
            throw UsageError(
                "the rows are of several symbols (\(escapingControls(names))); choose one: --where "
                    + "\"symbol = '…'\"")
        }
        let plot = CandlePlot(
            bars, columns: console.output.columns ?? 100, lines: console.output.lines ?? 24)
        for line in plot.lines() { console.print(console.colored(line)) }
        console.output.flush()
    }
}

private func double(_ value: Value) -> Double? {
    switch value {
    case .int(let number): Double(number)
    case .long(let number): Double(number)
    case .double(let number): number
    case .decimal: value.text.flatMap(Double.init)
    default: nil
    }
}

extension Value {
    /// `14:30:05` of a timestamp.
    fileprivate var clock: String? {
        guard case .timestamp = self else { return nil }
        return text.map { String($0.dropFirst(11).prefix(8)) }
    }
}

extension Console {
    /// A line of a plot, with colours where they are wanted.
    func colored(_ parts: [(text: String, isUp: Bool?)]) -> String {
        parts.map { part in
            part.isUp.map { styled(part.text, $0 ? .blue : .orange, on: output) } ?? part.text
        }.joined()
    }
}
