import Testing

@testable import CommandLine

/// Tables and plots in a terminal of a given size.
@Suite struct TableFitTests {
    @Test func whatHasRoomStaysAsItIs() {
        let fit = TableFit(widths: [10, 20, 5], isText: [true, true, false], widthMax: 39)
        #expect(fit.columns == [0, 1, 2])
        #expect(fit.widths == [10, 20, 5])
        #expect(fit.leftOut == 0)
    }

    @Test func theWidestTextIsCutFirst() {
        let fit = TableFit(widths: [14, 40, 5], isText: [true, true, false], widthMax: 50)
        #expect(fit.widths == [14, 27, 5])
        #expect(fit.leftOut == 0)
    }

    @Test(arguments: 10...120)
    func noLineIsWiderThanTheTerminal(width: Int) {
        let widths = [4, 19, 19, 8, 8, 8, 8, 9, 18, 6, 10, 11, 10]
        let fit = TableFit(
            widths: widths, isText: widths.map { $0 == 18 }, widthMax: width)
        let shown = fit.columns.map { $0.map { fit.widths[$0] } ?? 1 }
        let line = shown.reduce(0, +) + TableFit.gap * (shown.count - 1)
        // One column and the dots are shown whatever the width.
        #expect(line <= max(width, 7))
        #expect(fit.columns.first == 0)
        #expect(fit.columns.compactMap(\.self) == fit.columns.compactMap(\.self).sorted())
        #expect(fit.leftOut + fit.columns.count { $0 != nil } == widths.count)
    }

    @Test func textsAreCutByTheirWidth() {
        #expect(cut("candles", to: 7) == "candles")
        #expect(cut("candles", to: 4) == "can…")
        #expect(cut("日本語", to: 5) == "日本…")
        #expect(cut("日本語", to: 4) == "日…")
    }

    @Test func candlesHaveTheirPlaces() {
        let bars = [
            PlotBar(label: "10:00", open: 1, high: 4, low: 1, close: 3),
            PlotBar(label: "10:01", open: 3, high: 3, low: 0, close: 1),
        ]
        let lines = CandlePlot(bars, columns: 40, lines: 10).lines()
            .map { $0.map(\.text).joined() }
        #expect(lines.count == 9)
        #expect(lines[0].hasPrefix("│   │"))
        #expect(lines.contains { $0.hasPrefix("┃ █ ") })
        #expect(lines.last?.hasPrefix("10:00") == true)
        #expect(lines.allSatisfy { displayWidth($0) <= 40 })
    }

    @Test func aMarketThatStandsStillIsDrawn() {
        let bars = [PlotBar(label: "", open: 5, high: 5, low: 5, close: 5, volume: 0)]
        #expect(CandlePlot(bars, columns: 20, lines: 8).lines().count == 5)
        #expect(CandlePlot([], columns: 20, lines: 8).lines().count == 1)
    }
}
