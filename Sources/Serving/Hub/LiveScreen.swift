import Columnar
import Engine
import Expressions
import JSON
import Storage

/// What a terminal shows of a run: the bars of one symbol at a time, with those in progress.
///
/// It takes the place of a serving thread: whoever has it looks, and draws.
public final class LiveScreen {
    /// A bar, and whether it may still change.
    public struct Bar: Sendable {
        /// The start of its window, ms.
        public let startMs: Int64
        /// The first, the largest, the smallest and the last price; finite.
        public let open, high, low, close: Double
        /// What was traded; nil where no column says.
        public let volume: Double?
        /// Whether it can no longer change.
        public let isFinal: Bool
    }

    /// How the run stands.
    public struct Standing: Sendable {
        /// The last batch that was committed.
        public let batch: Int64?
        /// Rows read in the last seconds, a second.
        public let rowsPerSecond: Double
        /// The watermark, ms; 0 while there is none.
        public let watermarkMs: Int64
        /// Rows that queries left out as late.
        public let rowsLate: Int64
    }

    /// The finals of each symbol that are kept: more than a terminal has columns for.
    private static let keep = 512

    private let hub: LiveHub
    private let time = SystemTime()
    private var table: LiveTable
    private var facts = RunFacts()
    /// The query that is looked at.
    private var query: Int

    /// A screen of a hub; nil for a job without candles: a query with a time, open, high, low and
    /// close.
    public init?(_ hub: LiveHub) {
        guard let first = hub.queries.firstIndex(where: { $0.view == .candles }) else { return nil }
        self.hub = hub
        table = LiveTable(hub.queries, keep: Self.keep)
        query = first
        hub.watch(first, 1)
    }

    /// The queries that it can show.
    public var queries: [String] {
        hub.queries.filter { $0.view == .candles }.map(\.name)
    }

    /// The query that it shows.
    public var name: String { hub.queries[query].name }

    /// The length of its windows, ms, if they have one.
    public var intervalMs: Int64? { hub.queries[query].intervalMs }

    /// Looks at another query from now on.
    public func choose(_ name: String) {
        guard let index = hub.queries.firstIndex(where: { $0.name == name }), index != query else {
            return
        }
        hub.watch(index, 1)
        hub.watch(query, -1)
        query = index
    }

    /// Takes what the engine left.
    public func refresh() {
        for event in hub.take() {
            switch event {
            case .shown(let query, let batch, let rows, _):
                table.show(query, batch: batch, rows)
            case .committed(let query, let batch, let rows, _):
                table.commit(query, batch: batch, rows)
            case .lost(let query): table.lose(query)
            case .engine(let event):
                facts.note(
                    event, nowNanos: time.monotonicNanos(), nowMicros: time.nowMicros())
                if case .progress(let batch) = event {
                    table.removeOverdue(watermarkMs: batch.nextWatermarkMs)
                }
            case .fault(let text): facts.note(fault: text)
            case .stands(let batch, let watermarkMs):
                facts.note(lastBatch: batch, watermarkMs: watermarkMs)
            case .ended: break
            }
        }
    }

    /// The symbols of the query, sorted; one that is empty where rows have none.
    public var symbols: [String] { table.symbols(of: query) }

    /// The newest bars of a symbol, oldest first.
    public func bars(of symbol: String, count: Int) -> [Bar] {
        let columns = BarColumns(hub.queries[query])
        return table.bars(of: query, symbol: symbol).suffix(count).compactMap { row in
            columns.bar(row)
        }
    }

    /// How the run stands.
    public var standing: Standing {
        Standing(
            batch: facts.lastBatch,
            rowsPerSecond: facts.rowsPerSecond(nowNanos: time.monotonicNanos()),
            watermarkMs: facts.watermarkMs, rowsLate: facts.rowsLate)
    }
}

/// Where a query's rows have what a bar is made of.
private struct BarColumns {
    private let open, high, low, close: Int
    private let volume: Int?

    /// A query that is drawn as candles has the four.
    init(_ query: ServedQuery) {
        let names = query.schema.names.map { $0.lowercased() }
        func place(_ name: String) -> Int {
            guard let place = names.firstIndex(of: name) else {
                preconditionFailure("what is drawn as candles has a column \(name)")
            }
            return place
        }
        (open, high, low, close) = (place("open"), place("high"), place("low"), place("close"))
        volume = names.firstIndex(of: "volume")
    }

    /// The bar of a row; nil where a price is none.
    func bar(_ row: LiveTable.Row) -> LiveScreen.Bar? {
        guard let cells = try? JSONValue.parse(row.text).elements,
            let open = number(cells[open]), let high = number(cells[high]),
            let low = number(cells[low]), let close = number(cells[close])
        else { return nil }
        return LiveScreen.Bar(
            startMs: row.start, open: open, high: max(high, open, close),
            low: min(low, open, close), close: close,
            volume: volume.flatMap { number(cells[$0]) }, isFinal: row.isFinal)
    }

    /// Decimals are text.
    private func number(_ value: JSONValue) -> Double? {
        let number = value.doubleValue ?? value.stringValue.flatMap(Double.init)
        return number.flatMap { $0.isFinite && $0.magnitude < 1e15 ? $0 : nil }
    }
}
