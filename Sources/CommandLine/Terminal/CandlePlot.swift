/// One bar of a plot.
public struct PlotBar: Sendable, Equatable {
    /// What stands below it: a time.
    public var label: String
    /// The first, the largest, the smallest and the last price of its window; finite.
    public var open, high, low, close: Double
    /// What was traded; nil where nobody says.
    public var volume: Double?

    /// A bar of these prices.
    public init(
        label: String, open: Double, high: Double, low: Double, close: Double,
        volume: Double? = nil
    ) {
        self.label = label
        self.open = open
        self.high = high
        self.low = low
        self.close = close
        self.volume = volume
    }

    var isUp: Bool { close >= open }
}

/// Candles drawn with the characters of a terminal: each cell has an upper and a lower half.
///
/// Bodies of bars that fell are blocks, of bars that rose heavy lines, so that colour is not needed.
public struct CandlePlot {
    /// What half a cell shows of a bar.
    private enum Half { case none, wick, body }

    private static let volumeSteps = Array(" ▁▂▃▄▅▆▇█")

    private let bars: [PlotBar]
    private let rows: Int
    private let low: Double
    private let high: Double

    /// A plot of the newest bars that a screen of so many columns and lines has room for.
    public init(_ bars: [PlotBar], columns: Int, lines: Int) {
        let axis = bars.map { Self.price($0.high).count }.max() ?? 0
        let room = max(1, (columns - axis - 3) / 2)
        self.bars = Array(bars.suffix(room))
        let below = self.bars.contains { $0.volume != nil } ? 3 : 1
        rows = max(4, lines - below - 1)
        let (least, most) = (self.bars.map(\.low).min() ?? 0, self.bars.map(\.high).max() ?? 1)
        // A market that stands still has a line in the middle.
        let margin = most > least ? 0 : max(abs(most) * 0.001, 1e-9)
        (low, high) = (least - margin, most + margin)
    }

    /// The lines, each with its parts and whether they rise; nil for parts without colour.
    public func lines() -> [[(text: String, isUp: Bool?)]] {
        guard !bars.isEmpty else { return [[("no row has prices to draw", nil)]] }
        var lines: [[(text: String, isUp: Bool?)]] = []
        let labelled = Set(stride(from: 0, to: rows, by: max(1, rows / 5)))
        for row in 0..<rows {
            var line = bars.map { bar in
                (text: String(cell(bar, row)) + " ", isUp: Optional(bar.isUp))
            }
            let price = high - (Double(row) + 0.5) / Double(rows) * (high - low)
            line.append(("│" + (labelled.contains(row) ? " " + Self.price(price) : ""), nil))
            lines.append(line)
        }
        if let most = bars.compactMap(\.volume).max(), most > 0 {
            lines.append(
                bars.map { bar in
                    let step = Int(((bar.volume ?? 0) / most * 8).rounded(.up))
                    return (String(Self.volumeSteps[min(8, max(0, step))]) + " ", bar.isUp)
                } + [("│ volume", nil)])
        }
        lines.append([(axis, nil)])
        return lines
    }

    private func cell(_ bar: PlotBar, _ row: Int) -> Character {
        switch (half(bar, 2 * row), half(bar, 2 * row + 1)) {
        case (.none, .none): " "
        case (.wick, .wick): "│"
        case (.none, .wick): "╷"
        case (.wick, .none): "╵"
        case (.body, .body): bar.isUp ? "┃" : "█"
        case (.none, .body): bar.isUp ? "╻" : "▄"
        case (.body, .none): bar.isUp ? "╹" : "▀"
        case (.wick, .body): bar.isUp ? "╽" : "▄"
        case (.body, .wick): bar.isUp ? "╿" : "▀"
        }
    }

    /// What a half row, counted from the top, shows of a bar.
    private func half(_ bar: PlotBar, _ place: Int) -> Half {
        let top = position(max(bar.open, bar.close))
        let bottom = position(min(bar.open, bar.close))
        if place >= top && place <= bottom { return .body }
        return place >= position(bar.high) && place <= position(bar.low) ? .wick : .none
    }

    /// The half row of a price.
    private func position(_ price: Double) -> Int {
        let place = (high - price) / (high - low) * Double(2 * rows - 1)
        // Prices lie between the bounds, which are those of the bars.
        return Int(min(max(place, 0), Double(2 * rows - 1)).rounded())
    }

    /// Labels below the bars, as many as have room.
    private var axis: String {
        var text = ""
        for (index, bar) in bars.enumerated() where displayWidth(text) <= index * 2 {
            text += spaces(index * 2 - displayWidth(text)) + bar.label + "  "
        }
        return text
    }

    /// A price with as many digits as its size asks for.
    public static func price(_ value: Double) -> String {
        guard value.magnitude < 1e9 else { return value.description }
        let digits = value.magnitude < 1 ? 5 : value.magnitude < 100 ? 3 : 2
        let scale = digits == 5 ? 1e5 : digits == 3 ? 1e3 : 1e2
        let scaled = Int64((value.magnitude * scale).rounded())
        let fraction = String(scaled % Int64(scale))
        return (value < 0 ? "-" : "") + "\(scaled / Int64(scale))."
            + String(repeating: "0", count: digits - fraction.count) + fraction
    }
}
