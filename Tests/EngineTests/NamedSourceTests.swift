import Columnar
import ConnectorAPI
import Engine
import Expressions
import Jobs
import Operators
import Registry
import TestSupport
import Testing

/// Queries that read one of several sources by its name.
@Suite struct NamedSourceTests {
    /// Two sources whose columns differ, each with a watermark of its own and a query of its own.
    private static func apart(_ more: String = "", limit: Int = 1_000) -> String {
        """
        { "name": "script", "sources": [
            { "name": "trades", "path": "log/t", "maxOffsetsPerTrigger": \(limit),
              "select": ["ts", "key AS symbol", "value AS price"],
              "watermark": { "eventTime": "ts", "delayThreshold": "0 seconds",
                             "idleTimeout": "0 seconds" } },
            { "name": "quotes", "path": "log/q", "where": "value > 0",
              "select": ["key AS symbol", "value AS bid", "ts AS quote_time"],
              "watermark": { "eventTime": "quote_time", "delayThreshold": "0 seconds",
                             "idleTimeout": "0 seconds" } } ],
          "trigger": { "availableNow": true },
          "queries": [
            { "name": "bars", "from": "trades", "groupBy": ["symbol", "window(ts, '5 seconds')"],
              "select": ["symbol", "unix_seconds(window.start) AS s", "last(price) AS close"],
              "sinks": [{ "format": "console" }] },
            { "name": "spread", "from": "quotes",
              "groupBy": ["symbol", "window(quote_time, '5 seconds')"],
              "select": ["symbol", "unix_seconds(window.start) AS s", "max(bid) AS best"] },
            { "name": "high", "from": "spread", "where": "best > 10", "select": ["*"],
              "sinks": [{ "format": "console" }] } \(more) ] }
        """
    }

    private static func row(_ second: Int64, _ key: String, _ value: Int64) -> [Value] {
        [.timestamp(second * 1_000_000), .string(key), .long(value)]
    }

    private static func bar(_ key: String, _ start: Int64, _ value: Int64) -> [Value] {
        [.string(key), .long(start), .long(value)]
    }

    private func fill(_ script: StreamScript) {
        for second in Int64(0)..<20 {
            script.add(rows: [Self.row(second, "A", 100 + second)], to: 0)
            script.add(rows: [Self.row(second, "A", second % 13)], to: 1)
        }
        // Quotes that the source leaves out.
        script.add(rows: [Self.row(1, "B", 0), Self.row(21, "B", -1)], to: 1)
    }

    /// Each query sees the rows of its source alone; the job has one watermark.
    @Test func eachQueryReadsItsOwnSource() throws {
        let script = StreamScript(Self.apart(), sources: 2)
        fill(script)
        var limits = RunLimits()
        limits.sourceIsComplete = true
        try script.run(limits)
        let rows = script.sink.all.values.flatMap { $0 }
        let bars = [(0, 104), (5, 109), (10, 114), (15, 119)].map { Self.bar("A", $0.0, $0.1) }
        // The sink keeps the rows of one of the queries that give it some in a batch.
        #expect(!rows.isEmpty && rows.allSatisfy { (bars + [Self.bar("A", 10, 12)]).contains($0) })
        func sum(_ query: Int, _ count: (QueryProgress) -> Int) -> Int {
            script.events.map { count($0.queries[query]) }.reduce(0, +)
        }
        #expect((0..<3).map { sum($0, \.rowsIn) } == [20, 18, 4])
        #expect((0..<3).map { sum($0, \.rowsOut) } == [4, 4, 1])
        #expect(script.events.map(\.numInputRows).reduce(0, +) == 42)
    }

    /// Batches of any size, and a restart behind each, give the same rows.
    @Test(arguments: [1, 3, 7])
    func batchesAndRestartsChangeNothing(limit: Int) throws {
        let text = Self.apart(limit: limit)
        let (whole, cut) = (
            StreamScript(Self.apart(), sources: 2), StreamScript(text, sources: 2)
        )
        for script in [whole, cut] { fill(script) }
        var limits = RunLimits()
        limits.sourceIsComplete = true
        try whole.run(limits)
        limits.maxBatches = 1
        var batch: Int64 = -1
        while true {
            try cut.restart()
            try cut.run(limits)
            guard let last = cut.events.last, last.batchId > batch else { break }
            batch = last.batchId
        }
        func out(_ script: StreamScript, _ query: Int) -> Int {
            script.events.map { $0.queries[query].rowsOut }.reduce(0, +)
        }
        for query in 0..<3 { #expect(out(cut, query) == out(whole, query)) }
        #expect(try cut.verify(from: batch)?.differences == [])
    }

    /// A query without `from` unites all sources; another may read one of them.
    @Test func aUnionAndOneOfItsSources() throws {
        let text = """
            { "name": "script", "sources": [
                { "name": "left", "path": "log/l" }, { "name": "right", "path": "log/r" } ],
              "trigger": { "availableNow": true },
              "queries": [
                { "name": "all", "groupBy": ["key"], "outputMode": "complete",
                  "select": ["key", "count(*) AS n"] , "sinks": [{ "format": "console" }] },
                { "name": "some", "from": "right", "where": "value > 1", "select": ["key"],
                  "sinks": [{ "format": "console" }] } ] }
            """
        let script = StreamScript(text, sources: 2)
        script.add(1, 2, 3, to: 0)
        script.add(1, 2, to: 1)
        try script.run()
        let batch = try #require(script.events.first)
        #expect(batch.queries.map(\.rowsIn) == [5, 2])
        #expect(batch.queries.map(\.rowsOut) == [1, 1])
    }

    private func faults(_ text: String) throws -> [String] {
        let schema = StreamScript.schema
        do {
            let job = try Job.load(Array(text.utf8), path: "script.json", registry: .all)
            _ = try job.plan([
                SourceColumns(schema: schema, timeColumn: "ts"),
                SourceColumns(schema: schema, timeColumn: "ts"),
            ])
            return []
        } catch {
            return error.errors.map { "\($0)" }
        }
    }

    @Test func whatCannotBeReadIsRefused() throws {
        #expect(try faults(Self.apart()).isEmpty)
        let unknown = try faults(
            Self.apart().replacing("\"from\": \"quotes\"", with: "\"from\": \"quots\""))
        #expect(unknown.contains { $0.contains("No query or source is named \"quots\".") })
        #expect(unknown.contains { $0.contains("\"quotes\"") })
        let unread = try faults(
            Self.apart().replacing("\"from\": \"quotes\"", with: "\"from\": \"trades\"").replacing(
                "quote_time, '5", with: "ts, '5"
            ).replacing("max(bid)", with: "max(price)"))
        #expect(unread.contains { $0.contains("No query reads source \"quotes\"") })
        let twice = try faults(
            Self.apart().replacing("\"name\": \"spread\"", with: "\"name\": \"quotes\"").replacing(
                "\"from\": \"spread\"", with: "\"from\": \"bars\""
            ).replacing("best > 10", with: "close > 10"))
        #expect(twice.contains { $0.contains("the name of a query and of a source") })
    }
}
