import Columnar
import ConnectorAPI
import Engine
import Expressions
import Jobs
import Operators
import Storage
import TestSupport
import Testing

/// Several sources with watermarks of their own (semantics, section 2), through the whole engine.
@Suite struct UnionTests {
    /// A job over two sources that counts rows by window; `left` and `right` are the watermarks.
    static func counting(
        _ left: String = "\"delayThreshold\": \"10 seconds\"",
        right: String = "\"delayThreshold\": \"5 seconds\"", policy: String = "min",
        sources: String? = nil, trigger: String = "\"availableNow\": true",
        select: String = "count(*) AS n", options: String = ""
    ) -> String {
        let both = """
            { "name": "left", "path": "log/l",
              "watermark": { "eventTime": "ts", \(left) } },
            { "name": "right", "path": "log/r",
              "watermark": { "eventTime": "ts", \(right) } }
            """
        return """
            { "name": "script", "sources": [\(sources ?? both)],
              "trigger": { \(trigger) },
              "options": { "multipleWatermarkPolicy": "\(policy)" \(options) },
              "queries": [ { "name": "q", "groupBy": ["window(ts, '5 seconds')"],
                "select": ["unix_seconds(window.start) AS start", "\(select)"],
                "sinks": [{ "format": "console" }] } ] }
            """
    }

    private func script(_ text: String = counting()) -> StreamScript {
        StreamScript(text, sources: 2)
    }

    /// Spark's "watermark with 2 streams"; after the restart the left source's maximum is still
    /// known here, where Spark has forgotten it and stays at 185.
    @Test func g9TheSlowerSourceDecides() throws {
        let script = script()
        func step(left: [Int64] = [], right: [Int64] = []) throws -> Int64 {
            for time in left { script.add(time, to: 0) }
            for time in right { script.add(time, to: 1) }
            try script.run()
            return script.watermarkSeconds
        }
        #expect(try step(left: [11]) == 0)
        #expect(try step(right: [6]) == 1)
        #expect(try step(right: [8]) == 1)
        #expect(try step(left: [21]) == 3)
        #expect(try step(right: [17, 28, 39]) == 11)
        #expect(try step(left: [31]) == 21)
        #expect(try step(left: [41]) == 31)
        #expect(try step(left: [51]) == 34)
        #expect(try step(left: [200], right: [190]) == 185)
        try script.restart()
        #expect(try step(right: [200]) == 190)
        #expect(script.starts.last?.watermarkMs == 185_000)
        #expect(try step(left: [200]) == 190)
        #expect(try step(left: [220], right: [210]) == 205)
    }

    /// Spark's "MultipleWatermarkPolicy" with both policies.
    @Test(arguments: [("max", [15, 115, 140]), ("min", [10, 110, 110])])
    func g10ThePolicyDecides(policy: String, watermarks: [Int64]) throws {
        let script = script(
            Self.counting(right: "\"delayThreshold\": \"15 seconds\"", policy: policy))
        script.add(20, to: 0)
        script.add(30, to: 1)
        try script.run()
        #expect(script.watermarkSeconds == watermarks[0])
        try script.restart()
        script.add(120, to: 0)
        script.add(130, to: 1)
        try script.run()
        #expect(script.starts.last?.watermarkMs == watermarks[0] * 1_000)
        #expect(script.watermarkSeconds == watermarks[1])
        script.add(150, to: policy == "max" ? 0 : 1)
        try script.run()
        #expect(script.watermarkSeconds == watermarks[2])
    }

    @Test func aSourceWithoutRowsPinsTheWatermark() throws {
        let script = script()
        script.add(10, 100, 200)
        #expect(try script.runPairs() == [])
        #expect(script.watermarkSeconds == 0)
        script.add(1_000, to: 1)
        #expect(try script.runPairs() == [[10, 1], [100, 1]])
        #expect(script.watermarkSeconds == 190)
    }

    @Test func policyMaxDoesNotWaitForASourceWithoutRows() throws {
        let script = script(Self.counting(policy: "max"))
        script.add(10, 100, 200)
        #expect(try script.runPairs() == [[10, 1], [100, 1]])
    }

    /// A source that is idle counts no more; when its rows come again it does, and the watermark
    /// does not go back.
    @Test func anIdleSourceLetsTheOthersGoOn() throws {
        let script = script(
            Self.counting(
                right: "\"delayThreshold\": \"5 seconds\", \"idleTimeout\": \"1 minute\""))
        script.add(10, 100, 200)
        script.add(30, to: 1)
        // The run waits out the minute, since a window is open that would close.
        #expect(try script.runPairs() == [[10, 1], [30, 1], [100, 1]])
        #expect(script.watermarkSeconds == 190)
        #expect(script.events.last?.sources.map(\.isIdle) == [false, true])
        script.add(150, 201, to: 1)
        #expect(try script.runPairs() == [])
        #expect(script.events.last?.queries[0].rowsLate == 1)
        #expect(script.watermarkSeconds == 190)
        script.add(300)
        #expect(try script.runPairs() == [[200, 2]])
    }

    @Test func lastWindowsCloseWhenEverySourceIsIdle() throws {
        let idle = "\"delayThreshold\": \"10 seconds\", \"idleTimeout\": \"0 seconds\""
        let script = script(Self.counting(idle, right: idle))
        script.add(10, 21)
        script.add(30, to: 1)
        #expect(try script.runPairs() == [[10, 1], [20, 1], [30, 1]])
        #expect(script.watermarkSeconds == 35)
    }

    @Test func withoutATimeoutOfItsOwnASourceHoldsTheLastWindowsOpen() throws {
        let script = script(
            Self.counting("\"delayThreshold\": \"10 seconds\", \"idleTimeout\": \"0 seconds\""))
        script.add(10, 21)
        script.add(30, to: 1)
        // left is idle, so right decides: 25.
        #expect(try script.runPairs() == [[10, 1], [20, 1]])
        #expect(script.watermarkSeconds == 25)
    }

    @Test func aSourceWithoutAWatermarkMovesNothing() throws {
        let script = script(
            Self.counting(
                sources: """
                    { "name": "left", "path": "l",
                      "watermark": { "eventTime": "ts", "delayThreshold": "0 seconds" } },
                    { "name": "right", "path": "r" }
                    """))
        script.add(10)
        script.add(1_000, to: 1)
        #expect(try script.runPairs() == [])
        #expect(script.watermarkSeconds == 10)
        script.add(15)
        #expect(try script.runPairs() == [[10, 1]])
    }

    /// One watermark over the union: whose rows they are makes no difference.
    @Test func aWatermarkOfTheJobIsOverAllRows() throws {
        let text = Self.counting(
            sources:
                "{ \"name\": \"left\", \"path\": \"l\" }, { \"name\": \"right\", \"path\": \"r\" }"
        ).replacing(
            "\"trigger\"",
            with:
                "\"watermark\": {\"eventTime\": \"ts\", \"delayThreshold\": \"10 seconds\"}, \"trigger\""
        )
        let script = script(text)
        script.add(10, 11)
        script.add(25, to: 1)
        #expect(try script.runPairs() == [[10, 2]])
        #expect(script.watermarkSeconds == 15)
    }

    // MARK: Batches

    @Test func eachSourceHasItsOwnLimitAndPlace() throws {
        let script = script(
            Self.counting(
                sources: """
                    { "name": "left", "path": "l", "maxOffsetsPerTrigger": 2 },
                    { "name": "right", "path": "r", "startingOffsets": 1 }
                    """
            ).replacing("\"groupBy\"", with: "\"outputMode\": \"complete\", \"groupBy\""))
        script.add(1, 2, 3, 4, 5)
        script.add(1, 2, 3, to: 1)
        try script.run()
        #expect(
            script.events.map { $0.sources.map(\.offsets.only) } == [
                [0..<2, 1..<3], [2..<4, 3..<3], [4..<5, 3..<3],
            ])
        #expect(script.events.map(\.numInputRows) == [4, 2, 1])
        #expect(
            script.events.map { $0.sources.map(\.offsetsBehind) } == [[3, 0], [1, 0], [0, 0]])
        #expect(script.events[0].sources.map(\.name) == ["left", "right"])
    }

    /// A batch without rows follows when the watermark of all moved, and only then.
    @Test func theNoDataBatchComesWhenTheSlowestMoved() throws {
        let script = script()
        script.add(11, 100)
        try script.run()
        #expect(script.events.map(\.batchId) == [0], "the watermark did not move")
        script.add(20, to: 1)
        #expect(try script.runPairs() == [[10, 1]])
        #expect(script.events.map(\.numInputRows) == [2, 1, 0])
        script.add(101)
        try script.run()
        #expect(script.events.count == 4, "left alone does not move it")
    }

    @Test func offsetsAndMaximaAreRecordedByName() throws {
        let script = script()
        script.add(11, 100)
        script.add(20, to: 1)
        try script.run()
        let text = String(
            decoding: try script.files.read(script.offsets(1), maxBytes: 1 << 20), as: UTF8.self)
        #expect(
            text.contains(#"{"name":"left","startOffset":"2"},{"name":"right","startOffset":"1"}"#))
        #expect(text.contains(#""watermarkMaximaMs":{"left":90000,"right":15000}"#))
        #expect(text.contains(#""spark.sql.streaming.multipleWatermarkPolicy":"min""#))
        #expect(text.contains("\n2\n1\n#"))
    }

    @Test func aBatchThatFailsNamesTheSource() throws {
        let script = script(
            Self.counting().replacing(
                "\"groupBy\"", with: "\"where\": \"10 / (value - 4) < 99\", \"groupBy\""))
        script.add(1, 2)
        script.add(3, 4, to: 1)
        let error = #expect(throws: BatchError.self) { try script.run() }
        let text = error?.description ?? ""
        #expect(text.contains("query 'q', row at offset 1 of source 'right': [DIVIDE_BY_ZERO]"))
        #expect(text.contains("(offsets left 0 to 2, right 0 to 2)"), "\(text)")
    }

    @Test func aShapeThatFailsNamesTheSource() throws {
        let script = script(
            Self.counting(
                sources: """
                    { "name": "left", "path": "l" },
                    { "name": "right", "path": "r", "where": "10 / (value - 4) < 99" }
                    """
            ).replacing("\"groupBy\"", with: "\"outputMode\": \"update\", \"groupBy\""))
        script.add(1, 2)
        script.add(3, 4, to: 1)
        let error = #expect(throws: BatchError.self) { try script.run() }
        let text = error?.description ?? ""
        #expect(text.contains("batch 0, row at offset 1 of source 'right': [DIVIDE_BY_ZERO]"))
    }

    @Test func whatASourceSelectsIsWhatTheQueriesSee() throws {
        let script = script(
            Self.counting(
                sources: """
                    { "name": "left", "path": "l", "select": ["value", "ts", "'l' AS key"],
                      "watermark": { "eventTime": "ts", "delayThreshold": "0 seconds" } },
                    { "name": "right", "path": "r", "where": "value > 20",
                      "select": ["ts + INTERVAL '1 second' AS ts", "-value AS value", "key"],
                      "watermark": { "eventTime": "ts", "delayThreshold": "0 seconds" } }
                    """, select: "sum(value) AS n"))
        script.add(1, 30)
        script.add(2, 24, 30, to: 1)
        // 2 is filtered out and 24 is one of 25.
        #expect(try script.runPairs() == [[0, 1], [25, -24]])
        #expect(script.watermarkSeconds == 30)
        #expect(script.events[0].sources.map(\.watermarkMs) == [30_000, 31_000])
    }

    @Test func rowsOfTheFutureAreRejectedSourceBySource() throws {
        let skewed = """
            "delayThreshold": "0 seconds", "maxFutureSkew": "10 seconds",
            "rejects": { "path": "lake/future" }
            """
        let script = script(
            Self.counting("\"delayThreshold\": \"0 seconds\"", right: skewed))
        let now = script.time.nowMicros() / 1_000_000
        script.add(now + 100)
        script.add(now + 100, now, to: 1)
        try script.run()
        #expect(script.watermarkSeconds == now)
        #expect(script.events[0].sources.map(\.rowsBeyondSkew) == [0, 1])
        #expect(script.sideTables["lake/future"].count == 1)
    }

    /// Late rows of a source that leaves rows out are the right ones.
    @Test func lateRowsOfAShapedSourceAreKept() throws {
        let script = script(
            Self.counting(
                sources: """
                    { "name": "left", "path": "l", "where": "value <> 3",
                      "select": ["value", "ts", "key"],
                      "watermark": { "eventTime": "ts", "delayThreshold": "0 seconds" } },
                    { "name": "right", "path": "r",
                      "watermark": { "eventTime": "ts", "delayThreshold": "0 seconds" } }
                    """
            ).replacing("\"sinks\"", with: "\"late\": { \"path\": \"lake/late\" }, \"sinks\""))
        script.add(50)
        script.add(50, to: 1)
        try script.run()
        script.add(3, 4, 60, 3, 5)
        script.add(6, to: 1)
        try script.run()
        #expect(script.sideTables["lake/late"].map { $0[0] } == [.long(4), .long(5), .long(6)])
    }

    /// The first of its kind is the first in its batch, source by source; what is remembered is
    /// remembered of all sources.
    @Test func duplicatesAreThoseOfAllSources() throws {
        let text = """
            { "name": "script",
              "sources": [
                { "name": "left", "path": "l", "select": ["*", "'l' AS side"] },
                { "name": "right", "path": "r", "select": ["*", "'r' AS side"] } ],
              "trigger": { "availableNow": true },
              "queries": [ { "name": "q", "dropDuplicates": ["value"], "select": ["value", "side"],
                "sinks": [{ "format": "console" }] } ] }
            """
        let script = script(text)
        script.add(1, 2, 2)
        script.add(2, 3, to: 1)
        func pairs() throws -> [String] { try script.run().map { "\($0[0])\($0[1])" } }
        let first = try pairs()
        #expect(first.count == 3)
        #expect(script.sink.all[0]?.map { $0[1] } == [.string("l"), .string("l"), .string("r")])
        try script.restart()
        script.add(3, 4)
        script.add(1, 5, to: 1)
        try script.run()
        #expect(script.sink.all[1]?.map { $0[0] } == [.long(4), .long(5)])
    }

    @Test func theDelayOfDuplicatesIsThatOfTheFirstWatermark() throws {
        let text = Self.counting().replacing(
            "\"groupBy\": [\"window(ts, '5 seconds')\"],",
            with: "\"dropDuplicatesWithinWatermark\": [\"key\"],"
        ).replacing(
            "[\"unix_seconds(window.start) AS start\", \"count(*) AS n\"]",
            with: "[\"unix_seconds(ts) AS s\", \"value\"]")
        let script = script(text)
        // 20 is remembered until the watermark reaches 30.
        script.add(20)
        #expect(try script.runPairs() == [[20, 20]])
        script.add(39)
        script.add(34, to: 1)
        #expect(try script.runPairs() == [], "the watermark is 29")
        script.add(40)
        script.add(35, to: 1)
        #expect(try script.runPairs() == [], "and is 30 only at the end of this batch")
        script.add(41)
        #expect(try script.runPairs() == [[41, 41]])
    }
}
