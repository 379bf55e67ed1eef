import Columnar
import Testing

@testable import CommandLine

@Suite struct TextTests {
    @Test(arguments: [
        ("", 0), ("abc", 3), ("é", 1), ("e\u{301}", 1), ("日本", 4), ("👩‍👩‍👧", 2), ("한", 2), ("…", 1),
        ("\u{FF21}", 2),
    ])
    func columnsOfATerminal(text: String, width: Int) { #expect(displayWidth(text) == width) }

    @Test(arguments: [
        ("plain", "plain"), ("a\nb\tc\r", "a\\nb\\tc\\r"), ("\u{1B}[31m", "\\u{1b}[31m"),
        ("\u{202E}abc", "\\u{202e}abc"), ("\u{85}", "\\u{85}"), ("é日", "é日"),
    ])
    func controlCharactersStandAsText(text: String, escaped: String) {
        #expect(escapingControls(text) == escaped)
    }

    @Test(
        arguments: [
            (0, "0"), (999, "999"), (1_000, "1,000"), (-1_234_567, "-1,234,567"),
            (.min, "-9,223,372,036,854,775,808"),
        ] as [(Int64, String)])
    func counts(value: Int64, text: String) { #expect(groupedCount(value) == text) }

    @Test(
        arguments: [
            (0, "0 B"), (812, "812 B"), (1_024, "1 KiB"), (1_434, "1.4 KiB"),
            (24_117_248, "23 MiB"),
            (.max, "8,192 PiB"),
        ] as [(Int64, String)])
    func sizes(bytes: Int64, text: String) { #expect(humanSize(bytes) == text) }

    @Test(
        arguments: [
            (850, "850 rows/s"), (1_400_000, "1.4 M rows/s"), (.nan, "- rows/s"),
            (.infinity, "- rows/s"),
        ] as [(Double, String)])
    func rates(rate: Double, text: String) { #expect(humanRate(rate) == text) }

    @Test(
        arguments: [
            (0, "0 µs"), (340, "340 µs"), (12_000, "12 ms"), (3_200_000, "3.2 s"),
            (250_000_000, "4 min 10 s"), (7_500_000_000, "2 h 5 min"), (273_600_000_000, "3 d 4 h"),
            (-12_000, "-12 ms"), (.min, "-106751991 d 4 h"),
        ] as [(Int64, String)])
    func timeSpans(micros: Int64, text: String) {
        #expect(humanDuration(micros: micros) == text)
    }

    @Test func nounsByTheirNumber() {
        #expect(counted(1, "row") == "1 row")
        #expect(counted(2_000, "row") == "2,000 rows")
        #expect(counted(0, "query", plural: "queries") == "0 queries")
    }

    @Test func howFarARunIs() {
        let state = ProgressLine.State(
            batch: 7, rows: 1_750_000, lag: "3.1 MiB", toRead: (7_000, 1_000), watermarkMs: 0)
        #expect(
            progressText(state, elapsedNanos: 1_000_000_000)
                == "batch 7 · 1,750,000 rows · 1.8 M rows/s · watermark - · lag 3.1 MiB · "
                + "ETA 143 ms")
        let first = ProgressLine.State(batch: 0, rows: 1, lag: nil, watermarkMs: 1_000)
        #expect(
            progressText(first, elapsedNanos: 0)
                == "batch 0 · 1 row · - rows/s · watermark 1970-01-01 00:00:01")
    }

    @Test func aTreeShowsWhatBelongsToWhat() {
        let tree = Tree("job", [Tree("source\nlog", [Tree("files")]), Tree("query")])
        #expect(
            tree.lines == [
                "job", "├─ source", "│  log", "│  └─ files", "└─ query",
            ])
    }
}
