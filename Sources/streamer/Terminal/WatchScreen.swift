import Columnar
import CommandLine
import Glibc
import Serving
import Storage
import Synchronization

/// `run --watch`: the candles of a run on one screen, until it ends or `q` is pressed.
///
/// It draws on a thread of its own, ten times a second, on the terminal's other screen, so that what
/// was there before is there afterwards.
final class WatchScreen: Sendable {
    private static let pauseMillis: Int32 = 100
    private static let enter = "\u{1B}[?1049h\u{1B}[?25l\u{1B}[2J"

    private let console: Console
    private let job: String
    private let isDone = Mutex(false)
    private let isOver = Atomic<Bool>(false)

    private init(_ job: String, on console: Console) {
        self.job = job
        self.console = console
    }

    /// Shows what a hub has while some work is done; messages wait until it is over.
    ///
    /// - Throws: what the work throws, or a mistake when there is nothing that could be drawn.
    static func during<Result>(
        _ job: String, _ hub: LiveHub?, on console: Console, _ work: () throws -> Result
    ) throws -> Result {
        guard let hub else { return try work() }
        guard let live = LiveScreen(hub) else {
            throw UsageError(
                "--watch draws candles: no query of the job has a window and the columns open, high, "
                    + "low and close", verb: "run")
        }
        let screen = WatchScreen(job, on: console)
        console.holdMessages()
        defer { console.releaseMessages() }
        screenTerminal.takeOver()
        defer { screenTerminal.giveBack() }
        console.output.write(enter)
        // Safe: from here on only the thread that begins now touches it.
        let box = Handover(live)
        let code = startThread { screen.draw(box.live) }
        defer { if code == 0 { screen.end() } }
        return try work()
    }

    /// Waits until nothing more is drawn.
    private func end() {
        isOver.store(true, ordering: .relaxed)
        while !isDone.withLock(\.self) { SystemTime().sleep(nanos: 5_000_000) }
    }

    // MARK: Drawing

    private func draw(_ live: LiveScreen) {
        var chosen: String?
        while !isOver.load(ordering: .relaxed) {
            live.refresh()
            let symbols = live.symbols
            if chosen.map({ !symbols.contains($0) }) ?? true { chosen = symbols.first }
            show(live, chosen, of: symbols)
            for key in screenTerminal.keys(waitMillis: Self.pauseMillis) {
                obey(key, live, symbols, &chosen)
            }
        }
        isDone.withLock { $0 = true }
    }

    private func obey(
        _ key: ScreenTerminal.Key, _ live: LiveScreen, _ symbols: [String],
        _ chosen: inout String?
    ) {
        let place = chosen.flatMap { symbols.firstIndex(of: $0) } ?? 0
        switch key {
        case .quit: stopSignal.request()
        case .up: chosen = symbols.isEmpty ? nil : symbols[max(0, place - 1)]
        case .down:
            chosen = symbols.isEmpty ? nil : symbols[min(symbols.count - 1, place + 1)]
        case .number(let number) where live.queries.indices.contains(number - 1):
            live.choose(live.queries[number - 1])
        case .number: break
        }
    }

    private func show(_ live: LiveScreen, _ symbol: String?, of symbols: [String]) {
        let columns = max(20, console.output.columns ?? 80)
        let height = max(8, console.output.lines ?? 24)
        let bars = live.bars(of: symbol ?? "", count: columns)
        var lines = head(live, symbol, bars.last)
        let plot = CandlePlot(
            bars.map { bar in
                PlotBar(
                    label: Self.clock(bar.startMs), open: bar.open, high: bar.high, low: bar.low,
                    close: bar.close, volume: bar.volume)
            }, columns: columns, lines: height - 3)
        lines += plot.lines().map { cut($0, to: columns) }
        let foot = [foot(live, symbols, symbol, columns)]
        lines = Array(lines.prefix(height - 1))
        lines += Array(repeating: [], count: height - 1 - lines.count) + foot
        // Each line from its start, and cleared behind its end: nothing flickers.
        let text = lines.enumerated().map { index, line in
            "\u{1B}[\(index + 1);1H\u{1B}[?7l\(console.colored(line))\u{1B}[K\u{1B}[?7h"
        }
        console.output.write(text.joined())
    }

    private typealias Line = [(text: String, isUp: Bool?)]

    private func head(_ live: LiveScreen, _ symbol: String?, _ last: LiveScreen.Bar?) -> [Line] {
        let title = "\(job) · \(live.name)" + (symbol.map { " · \(escapingControls($0))" } ?? "")
        guard let last else { return [[(title + " · no row yet", nil)], []] }
        let isUp = last.close >= last.open
        let end = live.intervalMs.map { ", closes at \(Self.clock(last.startMs + $0))" } ?? ""
        var prices: Line = [(Self.clock(last.startMs) + "  ", nil)]
        for (name, value) in [
            ("O", last.open), ("H", last.high), ("L", last.low), ("C", last.close),
        ] {
            prices.append(("\(name) \(CandlePlot.price(value))  ", isUp))
        }
        if let volume = last.volume { prices.append(("V \(groupedCount(Int64(volume)))", nil)) }
        return [[(title + "  " + (last.isFinal ? "final" : "open" + end), nil)], prices]
    }

    private func foot(
        _ live: LiveScreen, _ symbols: [String], _ symbol: String?, _ columns: Int
    ) -> Line {
        let standing = live.standing
        let place = symbol.flatMap { symbols.firstIndex(of: $0) }.map { $0 + 1 } ?? 0
        var parts = ["q quits", "↑↓ symbol \(place)/\(symbols.count)"]
        if live.queries.count > 1 { parts.append("1-\(min(9, live.queries.count)) query") }
        parts.append("batch \(standing.batch.map(String.init) ?? "-")")
        parts.append(humanRate(standing.rowsPerSecond))
        parts.append(
            "watermark " + (standing.watermarkMs == 0 ? "-" : Self.clock(standing.watermarkMs)))
        if standing.rowsLate > 0 { parts.append("late \(groupedCount(standing.rowsLate))") }
        return cut([(parts.joined(separator: " · "), nil)], to: columns)
    }

    /// A line of at most so many columns; its characters have one each.
    private func cut(_ line: Line, to columns: Int) -> Line {
        var left = columns
        return line.map { part in
            let text = String(part.text.prefix(max(0, left)))
            left -= text.count
            return (text, part.isUp)
        }
    }

    /// `14:30:05`, UTC.
    private static func clock(_ ms: Int64) -> String {
        String(timestampText(ms: ms).dropFirst(11).prefix(8))
    }

    /// Hands the screen to its thread.
    // `@unchecked`: nobody else keeps it.
    private struct Handover: @unchecked Sendable {
        let live: LiveScreen
        init(_ live: LiveScreen) { self.live = live }
    }
}
