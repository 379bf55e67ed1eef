import Columnar
import ConnectorAPI
import Engine
import Storage
import TestSupport
import Testing

/// A watermark by split: the slowest partition decides, until it is idle.
@Suite struct SplitWatermarkTests {
    private static let (fast, slow) = (SplitID("t", 0), SplitID("t", 1))

    private static func job(
        by scope: String = "split", limit: Int? = nil, trigger: String = "\"availableNow\": true"
    ) -> String {
        let limit = limit.map { ", \"maxOffsetsPerTrigger\": \($0)" } ?? ""
        return """
            { "name": "script", "source": { "format": "log", "path": "log/x"\(limit) },
              "watermark": { "eventTime": "ts", "delayThreshold": "10 seconds", "by": "\(scope)" },
              "trigger": { \(trigger) },
              "queries": [ { "name": "q", "groupBy": ["window(ts, '5 seconds')"],
                "select": ["unix_seconds(window.start) AS start", "count(*) AS n"],
                "outputMode": "append", "sinks": [{ "format": "console" }] } ] }
            """
    }

    private func script(_ text: String, threads: Int = 1) -> StreamScript {
        StreamScript(text, splits: [Self.fast, Self.slow], threads: threads)
    }

    private func add(_ script: StreamScript, _ seconds: [Int64], to split: SplitID) {
        script.source.append(
            seconds.map { [.timestamp($0 * 1_000_000), .string("k"), .long($0)] }, to: split)
    }

    /// Rows came just now, or so many seconds ago.
    private func receive(_ script: StreamScript, _ split: SplitID, secondsAgo: Int64 = 0) {
        let now = script.time.nowMicros() / 1_000
        script.source.setReceipt(Milliseconds(now - secondsAgo * 1_000), of: split)
    }

    private func lateRows(_ script: StreamScript) -> Int {
        script.events.reduce(0) { $0 + $1.queries[0].rowsLate }
    }

    @Test func theSlowestSplitDecides() throws {
        let script = script(Self.job())
        for split in [Self.fast, Self.slow] { receive(script, split) }
        add(script, [10, 100], to: Self.fast)
        add(script, [20, 32], to: Self.slow)
        #expect(try script.runPairs() == [[10, 1]])
        #expect(script.watermarkSeconds == 22)
        add(script, [50], to: Self.slow)
        #expect(try script.runPairs() == [[20, 1], [30, 1]])
        #expect(script.watermarkSeconds == 40)
    }

    @Test func theFastestRowDecidesWithoutIt() throws {
        let script = script(Self.job(by: "source"))
        for split in [Self.fast, Self.slow] { receive(script, split) }
        add(script, [10, 100], to: Self.fast)
        add(script, [20, 32], to: Self.slow)
        #expect(try script.runPairs() == [[10, 1], [20, 1], [30, 1]])
        #expect(script.watermarkSeconds == 90)
    }

    /// A split counts from its first row on: an empty one holds nothing.
    @Test func anEmptySplitHoldsNothing() throws {
        let script = script(Self.job())
        receive(script, Self.fast)
        add(script, [10, 100], to: Self.fast)
        #expect(try script.runPairs() == [[10, 1]])
        #expect(script.watermarkSeconds == 90)
    }

    @Test(arguments: [("split", 0), ("source", 2)])
    func rowsOfASplitThatLiesBehindAreNotLate(scope: String, late: Int) throws {
        let script = script(Self.job(by: scope, limit: 4))
        for split in [Self.fast, Self.slow] { receive(script, split) }
        add(script, (0..<6).map { 10_000 + $0 * 10 }, to: Self.fast)
        add(script, (0..<6).map { 100 + $0 * 10 }, to: Self.slow)
        try script.run()
        #expect(lateRows(script) == late)
    }

    /// What came long ago is a replay: read to the end it gives Spark's watermark.
    @Test func whenAllAreOldTheLargestTimeDecides() throws {
        let script = script(Self.job())
        for split in [Self.fast, Self.slow] { receive(script, split, secondsAgo: 60) }
        add(script, [10, 100], to: Self.fast)
        add(script, [20, 32], to: Self.slow)
        #expect(try script.runPairs() == [[10, 1], [20, 1], [30, 1]])
        #expect(script.watermarkSeconds == 90)
    }

    @Test func aSplitThatIsDeadIsLetGoAndCountsAgain() throws {
        let script = script(Self.job())
        receive(script, Self.slow, secondsAgo: 59)
        receive(script, Self.fast)
        add(script, [100], to: Self.fast)
        add(script, [20], to: Self.slow)
        #expect(try script.runPairs() == [])
        #expect(script.watermarkSeconds == 10)
        // A second later, after a restart: the time of receipt is in the commit.
        try script.restart()
        script.time.sleep(nanos: 1_000_000_000)
        receive(script, Self.fast)
        add(script, [110], to: Self.fast)
        #expect(try script.runPairs() == [[20, 1]])
        #expect(script.watermarkSeconds == 100)
        // Its rows come again: nothing moves back, and it holds again.
        receive(script, Self.slow)
        add(script, [105], to: Self.slow)
        add(script, [200], to: Self.fast)
        #expect(try script.runPairs() == [])
        #expect(script.watermarkSeconds == 100)
        #expect(lateRows(script) == 0)
    }

    /// A run without end waits to see that nothing comes, however old the rows are.
    @Test func aRunWithoutEndGoesByItsOwnClock() throws {
        let script = script(Self.job(trigger: "\"processingTime\": \"0 seconds\""))
        for split in [Self.fast, Self.slow] { receive(script, split, secondsAgo: 86_400) }
        add(script, [10, 100], to: Self.fast)
        add(script, [12, 22], to: Self.slow)
        let begun = script.time.now
        func passed(_ seconds: UInt64) -> Bool {
            script.time.now.nanos(since: begun) >= seconds * 1_000_000_000
        }
        try script.run { passed(59) }
        #expect(script.watermarkSeconds == 12)
        #expect(script.output() == [])
        try script.restart()
        try script.run { passed(59 + 59) }
        #expect(script.watermarkSeconds == 12)
        try script.run { passed(59 + 59 + 62) }
        #expect(script.watermarkSeconds == 90)
    }

    @Test func aRestartForgetsNoSplit() throws {
        let (whole, cut) = (script(Self.job(limit: 4)), script(Self.job(limit: 4), threads: 3))
        var found: [[[Int64]]] = []
        for script in [whole, cut] {
            for split in [Self.fast, Self.slow] { receive(script, split) }
            add(script, (0..<9).map { 1_000 + $0 * 7 }, to: Self.fast)
            add(script, (0..<9).map { 100 + $0 * 7 }, to: Self.slow)
            var rows: [[Int64]] = []
            if script === cut {
                var limits = RunLimits()
                limits.maxBatches = 1
                for _ in 0..<4 {
                    rows += try script.runPairs(limits)
                    try script.restart()
                }
            }
            rows += try script.runPairs()
            found.append(rows.sorted { $0[0] < $1[0] })
            #expect(script.watermarkSeconds == 146)
        }
        #expect(found[0] == found[1])
        #expect(!found[0].isEmpty)
    }
}
