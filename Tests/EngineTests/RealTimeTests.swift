import Columnar
import ConnectorAPI
import Expressions
import Storage
import TestSupport
import Testing

@testable import Engine

/// Batches that show rows as they come and commit once in a while.
@Suite struct RealTimeTests {
    /// Counts of keys on the console and in a table, with a commit every 5 seconds.
    static func counting(more: String = "", query: String = "") -> String {
        """
        { "name": "live", "source": { "format": "log", "path": "log/x" \(more) },
          "watermark": { "eventTime": "ts", "delayThreshold": "10 seconds" },
          "trigger": { "realTime": "5 seconds" },
          "queries": [ { "name": "q", "groupBy": ["key"], \(query)
            "select": ["key", "count(*) AS n", "sum(value) AS total"], "outputMode": "update",
            "sinks": [{ "format": "console" },
                      { "format": "table", "path": "lake/q", "keys": ["key"] }] } ] }
        """
    }

    /// Rows of one time.
    static func rows(_ keys: String...) -> [[Value]] {
        keys.map { [.timestamp(10_000_000), .string($0), .long(1)] }
    }

    static func row(_ key: String, _ count: Int64) -> [Value] {
        [.string(key), .long(count), .long(count)]
    }

    /// Runs until so much time has been slept.
    static func run(_ script: StreamScript, forMs ms: Int64) throws {
        let end = script.time.monotonicNanos() + UInt64(ms) * 1_000_000
        try script.run { script.time.monotonicNanos() >= end }
    }

    @Test func rowsAreShownAsTheyComeAndCommittedOnce() throws {
        let script = StreamScript(Self.counting())
        let source = script.source
        script.add(rows: Self.rows("a", "b"))
        script.time.after(ms: 1_000) { source.append(Self.rows("b")) }
        script.time.after(ms: 2_000) { source.append(Self.rows("c", "a", "c")) }
        script.time.after(ms: 4_000) { [sink = script.sink] in #expect(sink.all.isEmpty) }
        try Self.run(script, forMs: 6_000)
        #expect(script.live.shown.map(\.batch) == [0, 0, 0])
        #expect(
            script.live.shown.map(\.rows) == [
                [Self.row("a", 1), Self.row("b", 1)], [Self.row("b", 2)],
                [Self.row("a", 2), Self.row("c", 2)],
            ])
        #expect(script.sink.all == [0: [Self.row("a", 2), Self.row("b", 2), Self.row("c", 2)]])
        #expect(script.live.writtenBatches.isEmpty)
        let batch = try #require(script.events.first)
        #expect(batch.sources[0].offsets.only == 0..<6)
        #expect(batch.queries[0].rowsIn == 6)
        #expect(batch.durations.triggerExecution >= 5_000_000_000)
        #expect(batch.profile.wallTotal == batch.durations.triggerExecution)
    }

    @Test func nothingOfABatchIsDurableBeforeItsEnd() throws {
        let script = StreamScript(Self.counting())
        script.add(rows: Self.rows("a"))
        let (files, offsets) = (script.files, try script.offsets(0))
        script.time.after(ms: 4_900) {
            #expect((try? files.exists(offsets)) == false)
        }
        try Self.run(script, forMs: 5_500)
        #expect(try files.exists(offsets))
        #expect(try files.exists(script.commit(0)))
    }

    @Test func aStopEndsTheBatchAndTheNextRunGoesOn() throws {
        let script = StreamScript(Self.counting())
        script.add(rows: Self.rows("a", "a"))
        try Self.run(script, forMs: 300)
        #expect(script.sink.all == [0: [Self.row("a", 2)]])
        script.add(rows: Self.rows("a"))
        try script.restart()
        try Self.run(script, forMs: 300)
        #expect(script.starts.last?.nextBatch == 1)
        #expect(script.live.shown.map(\.batch) == [0, 1])
        #expect(script.live.shown.last?.rows == [Self.row("a", 3)])
        #expect(script.sink.all[1] == [Self.row("a", 3)])
    }

    @Test func aBatchMayLastForEver() throws {
        let script = StreamScript(
            Self.counting().replacing("\"5 seconds\" }", with: "\"106751991 days\" }"))
        script.add(rows: Self.rows("a"))
        try Self.run(script, forMs: 300)
        #expect(script.sink.all == [0: [Self.row("a", 1)]])
    }

    @Test func theRateLimitEndsABatch() throws {
        let script = StreamScript(Self.counting(more: ", \"maxOffsetsPerTrigger\": 2"))
        script.add(rows: Self.rows("a", "a", "a", "b", "b"))
        try Self.run(script, forMs: 6_000)
        #expect(script.events.map(\.sources[0].offsets.only) == [0..<2, 2..<4, 4..<5])
        #expect(
            script.live.shown.map(\.rows) == [
                [Self.row("a", 2)], [Self.row("a", 3), Self.row("b", 1)], [Self.row("b", 2)],
            ])
    }

    @Test func limitsEndTheRun() throws {
        let script = StreamScript(Self.counting())
        script.add(rows: Self.rows("a", "a", "a"))
        var limits = RunLimits()
        limits.untilOffsets = [SourceOffsets(only: 2)]
        // Nothing else would end it.
        try script.run(limits)
        #expect(script.events.map(\.sources[0].offsets.only) == [0..<2])
    }

    @Test func rowsAsTheyAreAreShownOnce() throws {
        let text = Self.counting().replacing(
            "\"groupBy\": [\"key\"], ", with: "\"where\": \"key <> 'b'\", "
        ).replacing("\"key\", \"count(*) AS n\", \"sum(value) AS total\"", with: "\"key\"")
            .replacing(#","# + "\n              ", with: ",").replacing(
                #"{ "format": "table", "path": "lake/q", "keys": ["key"] }"#,
                with: #"{ "format": "console" }"#)
        let script = StreamScript(text)
        let source = script.source
        script.add(rows: Self.rows("a", "b"))
        script.time.after(ms: 1_000) { source.append(Self.rows("b")) }
        script.time.after(ms: 2_000) { source.append(Self.rows("c", "b", "a")) }
        try Self.run(script, forMs: 6_000)
        // Both consoles of the query.
        #expect(
            script.live.shown.map(\.rows) == [
                [[.string("a")]], [[.string("a")]], [[.string("c")], [.string("a")]],
                [[.string("c")], [.string("a")]],
            ])
    }

    /// A job of several queries, of which only the last has the console.
    private static func chain(_ queries: String...) -> String {
        """
        { "name": "live", "source": { "format": "log", "path": "log/x" },
          "watermark": { "eventTime": "ts", "delayThreshold": "0 seconds" },
          "trigger": { "realTime": "5 seconds" }, "options": { "noDataBatches": false },
          "queries": [ \(queries.joined(separator: ", ")) ] }
        """
    }

    private static let console = #""sinks": [{ "format": "console" }]"#

    /// Runs a chain over four rows, two and two; what is shown of its last query.
    private func shown(_ queries: String...) throws -> [[[Value]]] {
        let script = StreamScript(Self.chain(queries.joined(separator: ", ")))
        let source = script.source
        script.add(rows: Self.rows("a", "b"))
        script.time.after(ms: 1_000) { source.append(Self.rows("b", "a")) }
        try Self.run(script, forMs: 5_500)
        #expect(script.live.writtenBatches.isEmpty)
        return script.live.shown.map(\.rows)
    }

    /// Groups of rows that another query passes on are shown as they change.
    @Test func groupsBehindAnotherQueryAreShown() throws {
        let shown = try shown(
            #"{ "name": "rows", "where": "key <> 'c'", "select": ["*"] }"#,
            """
            { "name": "q", "from": "rows", "groupBy": ["key"], "outputMode": "update",
              "select": ["key", "count(*) AS n", "sum(value) AS total"], \(Self.console) }
            """)
        #expect(
            shown == [
                [Self.row("a", 1), Self.row("b", 1)], [Self.row("a", 2), Self.row("b", 2)],
            ])
    }

    /// Changed groups pass through a query that works row by row.
    @Test func changesOfGroupsPassThroughAQuery() throws {
        let shown = try shown(
            """
            { "name": "counts", "groupBy": ["key"], "outputMode": "update",
              "select": ["key", "count(*) AS n", "sum(value) AS total"] }
            """,
            """
            { "name": "q", "from": "counts", "outputMode": "update", "where": "key <> 'b'",
              "select": ["key", "n", "total"], \(Self.console) }
            """)
        #expect(shown == [[Self.row("a", 1)], [Self.row("a", 2)]])
    }

    /// What only the end of a batch gives is shown at its end.
    @Test func whatTheEndOfABatchGivesIsShownThen() throws {
        let script = StreamScript(
            Self.chain(
                """
                { "name": "windows", "groupBy": ["key", "window(ts, '5 seconds')"],
                  "select": ["key", "window.end AS until", "count(*) AS n"] }
                """,
                """
                { "name": "q", "from": "windows", "groupBy": ["key"], "outputMode": "update",
                  "select": ["key", "count(*) AS n", "sum(n) AS total"], \(Self.console) }
                """))
        script.add(rows: Self.rows("a", "a"))
        try Self.run(script, forMs: 5_500)
        script.add(rows: [[.timestamp(60_000_000), .string("z"), .long(1)]])
        try Self.run(script, forMs: 5_500)
        script.add(rows: [[.timestamp(61_000_000), .string("z"), .long(1)]])
        try Self.run(script, forMs: 5_500)
        let shown = script.live.shown.map(\.rows)
        #expect(shown == [[[.string("a"), .long(1), .long(2)]]])
        #expect(script.live.writtenBatches.isEmpty)
    }

    /// Rows that come at random times, some of them late, in three runs: what is durable is what
    /// batches of the same rows leave, byte for byte, and what was shown last of each group is its
    /// value.
    @Test(arguments: [1, 2, 3, 4] as [UInt64])
    func endsAsAnyOtherBatch(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let script = StreamScript(
            Self.counting(
                query: """
                    "late": { "path": "lake/q_late" },
                    """
            ).replacing(
                "\"groupBy\": [\"key\"]",
                with: "\"groupBy\": [\"key\", \"window(ts, '5 seconds')\"]"
            )
            .replacing("\"select\": [", with: "\"select\": [\"window.start AS start\", ")
            .replacing("\"keys\": [\"key\"]", with: "\"keys\": [\"start\", \"key\"]"))
        var expected: [String: Int64] = [:]
        for run in 0..<3 {
            let source = script.source
            for _ in 0..<40 {
                let at = Int64.random(in: 0..<20_000, using: &random)
                let second = Int64(run) * 20 + at / 1_000 - Int64.random(in: 0..<14, using: &random)
                let key = ["a", "b", "c"][Int.random(in: 0..<3, using: &random)]
                let row: [Value] = [.timestamp(second * 1_000_000), .string(key), .long(1)]
                script.time.after(ms: at) { source.append([row]) }
            }
            try Self.run(script, forMs: 21_000)
            try script.restart()
        }
        for (_, rows) in script.sink.all.sorted(by: { $0.key < $1.key }) {
            for row in rows {
                guard case .long(let count) = row[2] else { continue }
                expected["\(row[0]) \(row[1])"] = count
            }
        }
        var shown: [String: Int64] = [:]
        for row in script.live.shown.flatMap(\.rows) {
            guard case .long(let count) = row[2] else { continue }
            let group = "\(row[0]) \(row[1])"
            #expect(count > shown[group, default: 0])
            shown[group] = count
        }
        #expect(shown == expected)
        let late = script.sideTables["lake/q_late"].count
        #expect(shown.values.reduce(0, +) + Int64(late) == 120)
        #expect(script.events.count >= 12)
        let report = try script.verify(from: 0)
        #expect(report?.differences == [])
        #expect((report?.identicalFiles ?? 0) > 0)
    }

    @Test func aBatchThatFailsLeavesNothing() throws {
        let script = StreamScript(
            Self.counting().replacing("sum(value)", with: "sum(10 / value)"))
        let source = script.source
        script.add(rows: Self.rows("a"))
        script.time.after(ms: 1_000) {
            source.append([[.timestamp(10_000_000), .string("a"), .long(0)]])
        }
        #expect(throws: BatchError.self) { try Self.run(script, forMs: 6_000) }
        #expect(script.live.shown.count == 1)
        #expect(script.sink.all.isEmpty)
        #expect(try !script.files.exists(script.offsets(0)))
    }
}
