import Columnar
import Engine
import Expressions
import Operators
import Storage
import TestSupport
import Testing

/// What moves the watermark and what becomes of rows that it leaves behind: Spark's way, and the
/// options that do better.
@Suite struct WatermarkOptionTests {
    /// The job that counts by window, with more keys of the watermark and of the query.
    private static func counting(watermark: String = "", query: String = "") -> String {
        StreamScript.counting()
            .replacing("\"delayThreshold\"", with: "\(watermark) \"delayThreshold\"")
            .replacing("\"outputMode\"", with: "\(query) \"outputMode\"")
    }

    // MARK: A source that falls silent

    @Test func idleSourcePinsTheWatermarkAsInSpark() throws {
        let script = StreamScript(Self.counting())
        script.add(10, 11, 21)
        #expect(try script.runPairs() == [])
        script.time.sleep(nanos: 3_600_000_000_000)
        try script.restart()
        #expect(try script.runPairs() == [])
        #expect(script.watermarkSeconds == 11)
        #expect(script.stateRows == 2)
    }

    @Test func idleTimeoutLetsTheLastWindowsClose() throws {
        let script = StreamScript(Self.counting(watermark: "\"idleTimeout\": \"10 seconds\","))
        script.add(10, 11, 21)
        #expect(try script.runPairs() == [[10, 2], [20, 1]])
        #expect(script.stateRows == 0)
    }

    // MARK: A row from the future

    private static let now: Int64 = 1_767_600_000
    private static let rejecting =
        "\"maxFutureSkew\": \"1 minute\", \"rejects\": { \"path\": \"lake/future\" },"

    @Test func oneFutureRowPoisonsAsInSpark() throws {
        let script = StreamScript(Self.counting())
        script.add(Self.now, Self.now + 86_400)
        try script.run()
        script.add(Self.now + 1, Self.now + 20)
        try script.run()
        #expect(script.events.last { $0.numInputRows == 2 }?.queries[0].rowsLate == 2)
        #expect(script.watermarkSeconds == Self.now + 86_390)
    }

    @Test func maxFutureSkewSetsItAside() throws {
        let script = StreamScript(Self.counting(watermark: Self.rejecting))
        script.add(Self.now, Self.now + 60, Self.now + 61, Self.now + 86_400)
        try script.run()
        #expect(script.watermarkSeconds == Self.now + 50)
        let batch = try #require(script.events.first)
        #expect(batch.rowsBeyondSkew == 2)
        #expect(batch.eventTime?.count == 2)
        #expect(batch.queries[0].rowsIn == 2)
        script.add(Self.now + 51)
        try script.run()
        #expect(script.events.map { $0.queries[0].rowsLate }.reduce(0, +) == 0)
        let clock = Value.timestamp(Self.now * 1_000_000)
        #expect(
            script.sideTables["lake/future"]
                == ([61, 86_400] as [Int64]).map { ahead in
                    let time = Self.now + ahead
                    return [
                        .timestamp(time * 1_000_000), .string("k"), .long(time), .string("future"),
                        clock, .long(ahead * 1_000), .long(0),
                    ]
                })
    }

    /// What is too far ahead is judged by the clock of the batch, which a re-run repeats.
    @Test func reRunAgreesWhateverTheClock() throws {
        let script = StreamScript(Self.counting(watermark: Self.rejecting))
        script.add(Self.now, Self.now + 100)
        try script.run()
        let rejected = script.sideTables["lake/future"]
        try #require(rejected.count == 1)
        script.stop()
        let last = try #require(script.events.last).batchId
        for batch in 0...last { try script.files.remove(script.commit(batch)) }
        for batch in stride(from: last, to: 0, by: -1) {
            try script.files.remove(script.offsets(batch))
        }
        script.time.jump(toMicros: (Self.now + 1_000) * 1_000_000)
        try script.run()
        #expect(script.sideTables["lake/future"] == rejected)
        #expect(script.events.last { $0.batchId == 0 }?.rowsBeyondSkew == 1)
    }

    /// Rows that are set aside leave those behind them their offsets.
    @Test func offsetsStayThoseOfTheLog() throws {
        let text = Self.counting(watermark: Self.rejecting)
            .replacing("count(*) AS n", with: "last(value) AS n")
        let script = StreamScript(text)
        let time = Value.timestamp(Self.now * 1_000_000)
        let future = Value.timestamp((Self.now + 500) * 1_000_000)
        script.add(rows: [[future, .null, .long(0)], [time, .null, .long(1)]])
        script.add(rows: [[future, .null, .long(2)], [time, .null, .long(3)]])
        script.add(Self.now + 40)
        #expect(try script.runPairs() == [[Self.now, 3]])
    }

    // MARK: Late rows

    @Test func lateRowsAreKeptAndCountedInTicks() throws {
        let script = StreamScript(Self.counting(query: "\"late\": { \"path\": \"lake/late\" },"))
        script.add(10, 25)
        try script.run()
        // Three late ticks of two groups; Spark's counter says two.
        script.add(12, 3, 26, 12)
        try script.run()
        let batch = try #require(script.events.last { $0.numInputRows == 4 })
        #expect(batch.queries[0].rowsLate == 3)
        #expect(batch.queries[0].operators[0].rowsDropped == 2)
        #expect(
            script.sideTables["lake/late"]
                == [12, 3, 12].map { (time: Int64) in
                    [
                        .timestamp(time * 1_000_000), .string("k"), .long(time), .string("q"),
                        .timestamp(15_000_000), .long((15 - time) * 1_000), .long(batch.batchId),
                    ]
                })
    }

    @Test func everyTickIsCountedOnce() throws {
        let script = StreamScript(
            Self.counting(
                watermark: Self.rejecting, query: "\"late\": { \"path\": \"lake/late\" },"
            ).replacing(
                "\"path\": \"log/x\"", with: "\"path\": \"log/x\", \"maxOffsetsPerTrigger\": 2"))
        for row in Int64(0)..<200 {
            script.add(
                Self.now - 2_000 + row * 4 - row * 13 % 17 * 3 + (row % 50 == 7 ? Int64(9_000) : 0))
        }
        script.add(Self.now)
        let counted = try script.runPairs().reduce(Int64(0)) { $0 + $1[1] }
        let late = script.sideTables["lake/late"].count
        let rejected = script.sideTables["lake/future"].count
        #expect(late > 0 && rejected == 4)
        let open = script.source.count - Int(counted) - late - rejected
        #expect(open >= 1 && open < 10, "only what is in the last windows is in no result")
    }

    /// A row that a sliding query took for one of its windows is not late; a row's own columns
    /// may have the names of those that say why it is there.
    @Test func onlyRowsLateForAllWindowsAreLate() throws {
        let text = Self.counting(query: "\"late\": { \"path\": \"lake/late\" },")
            .replacing("'5 seconds'", with: "'10 seconds', '5 seconds'")
        let script = StreamScript(text)
        script.add(10, 35)
        try script.run()
        script.add(22, 12)
        try script.run()
        #expect(script.sideTables["lake/late"].map { $0[2] } == [.long(12)])
    }

    /// Where the event time itself is a key, it says what is late, also beside windows over another
    /// time.
    @Test(arguments: [
        ("", 1), ("window(timestamp_seconds(value), '5 seconds')", 1),
        ("window(timestamp_seconds(value), '7 seconds', '5 seconds')", 2),
        ("session_window(timestamp_seconds(value), '5 seconds')", 1),
    ])
    func rowsAreLateByAnEventTimeKey(window: String, windows: Int) throws {
        let keys = window.isEmpty ? "\"ts\"" : "\"ts\", \"\(window)\""
        let text = Self.counting(query: "\"late\": { \"path\": \"lake/late\" },")
            .replacing("\"window(ts, '5 seconds')\"", with: keys)
            .replacing("window.start", with: "ts")
        let script = StreamScript(text)
        // The windows are far from where the watermark is.
        let row = { (time: Int64) in
            [Value.timestamp(time * 1_000_000), .string("k"), .long(time * 1_000)]
        }
        script.add(rows: [row(10), row(10), row(25)])
        #expect(try script.runPairs() == Array(repeating: [10, 2], count: windows))
        script.add(rows: [row(15), row(16), row(10)])
        #expect(try script.runPairs() == [])
        #expect(script.sideTables["lake/late"].map { $0[2] } == [.long(15_000), .long(10_000)])
        script.add(rows: [row(40)])
        let rows = try script.runPairs().sorted { $0[0] < $1[0] }
        #expect(
            rows == Array(repeating: [16, 1], count: windows)
                + Array(repeating: [25, 1], count: windows))
        #expect(script.events.map { $0.queries[0].rowsLate }.reduce(0, +) == 2)
        #expect(
            script.events.map { $0.queries[0].operators[0].rowsDropped }.reduce(0, +) == 2 * windows
        )
    }
}
