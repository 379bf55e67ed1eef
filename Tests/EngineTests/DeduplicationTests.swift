import Columnar
import Engine
import Expressions
import JSON
import Jobs
import Operators
import Storage
import Testing

/// Duplicates left out before a projection or an aggregation, alone and in chains.
@Suite struct DeduplicationTests {
    /// A job over `ts`, `key`, `value` with a delay of so many seconds and these queries.
    private static func job(
        delaySeconds: Int? = 10, more: String = "", _ queries: String...
    ) -> String {
        let watermark = delaySeconds.map {
            "\"watermark\": {\"eventTime\": \"ts\", \"delayThreshold\": \"\($0) seconds\"},"
        }
        return """
            { "name": "script", "source": {"path": "log/x" \(more)}, \(watermark ?? "")
              "trigger": {"availableNow": true}, "queries": [\(queries.joined(separator: ","))] }
            """
    }

    private static func distinct(
        _ columns: String = "\"key\"", within: Bool = false,
        select: String = "\"key\", \"unix_seconds(ts) AS t\"", more: String = ""
    ) -> String {
        let key = within ? "dropDuplicatesWithinWatermark" : "dropDuplicates"
        return """
            {"name": "q", "\(key)": [\(columns)], "select": [\(select)], \(more)
             "sinks": [{"format": "console"}]}
            """
    }

    private func add(_ script: StreamScript, _ rows: (String?, Int64)...) {
        script.add(
            rows: rows.map { key, time in
                [.timestamp(time * 1_000_000), key.map { .string($0) } ?? .null, .long(time)]
            })
    }

    private func run(_ script: StreamScript) throws -> [String] {
        try script.run().map { row in
            row.map { value in
                switch value {
                case .string(let text): text
                case .long(let number): "\(number)"
                default: "NULL"
                }
            }.joined(separator: "@")
        }
    }

    private func stateRows(_ script: StreamScript) -> Int? {
        script.events.last?.queries[0].operators.first?.stateRows
    }

    @Test func g11WithinWatermarkByKey() throws {
        let script = StreamScript(Self.job(delaySeconds: 2, Self.distinct(within: true)))
        add(script, ("a", 17))
        #expect(try run(script) == ["a@17"])
        add(script, ("a", 16))
        #expect(try run(script) == [])
        add(script, ("a", 13))
        #expect(try run(script) == [])
        #expect(script.events.map { $0.queries[0].rowsLate }.reduce(0, +) == 1)
        add(script, ("b", 22), ("c", 21))
        #expect(try run(script) == ["b@22", "c@21"])
        #expect(stateRows(script) == 2)
        add(script, ("a", 21))
        #expect(try run(script) == ["a@21"])
        add(script, ("d", 25))
        #expect(try run(script) == ["d@25"])
        #expect(stateRows(script) == 2)
    }

    @Test func g12WithinWatermarkByTime() throws {
        let script = StreamScript(
            Self.job(
                Self.distinct("\"ts\"", within: true, select: "\"unix_seconds(ts) AS t\"")))
        func step(_ seconds: [Int64]) throws -> [String] {
            for second in seconds { script.add(second) }
            return try run(script)
        }
        let first = [10, 11, 12, 13, 14, 15] as [Int64]
        #expect(try step(first + first + first) == first.map(\.description))
        #expect(try step([13, 14, 15, 16, 17]) == ["16", "17"])
        #expect(try step([5]) == [])
        #expect(try step([35]) == ["35"])
        #expect(stateRows(script) == 3)
        #expect(try step([55]) == ["55"])
        #expect(stateRows(script) == 1)
    }

    /// A null equals a null, as in grouping; the filter comes first.
    @Test func nullsAreOneKeyAndTheFilterComesFirst() throws {
        let script = StreamScript(
            Self.job(delaySeconds: nil, Self.distinct(more: "\"where\": \"value > 3\",")))
        add(script, (nil, 1), ("a", 2), (nil, 4), ("a", 5), (nil, 6), ("a", 7))
        #expect(try run(script) == ["NULL@4", "a@5"])
        #expect(script.events[0].queries[0].operators.first?.totals.first?.count == 2)
        #expect(script.events[0].queries[0].rowsIn == 6)
    }

    /// Rows without event time are never late; within a watermark they count as of 1970.
    @Test func rowsWithoutEventTime() throws {
        let script = StreamScript(
            Self.job(
                delaySeconds: 5, Self.distinct(within: true, select: "\"key\", \"value\"")))
        script.add(rows: [[.timestamp(30_000_000), .string("a"), .long(0)]])
        #expect(try run(script) == ["a@0"])
        script.add(rows: [[.null, .string("b"), .long(1)], [.null, .string("b"), .long(2)]])
        #expect(try run(script) == ["b@1"])
        #expect(stateRows(script) == 1)
    }

    /// What comes after knows its rows by their own event times and offsets.
    @Test func firstAndLastFollowEventTimeAndOffset() throws {
        let aggregate = """
            {"name": "q", "dropDuplicates": ["value"], "groupBy": ["key"],
             "select": ["key", "first(value) AS open", "last(value) AS close", "count(*) AS n"],
             "outputMode": "update", "sinks": [{"format": "console"}]}
            """
        for limit in [1, 2, 100] {
            let script = StreamScript(
                Self.job(more: ", \"maxOffsetsPerTrigger\": \(limit)", aggregate))
            // Two rows of the time 20: the first of them is first, the last is last.
            let values: [(time: Int64, value: Int64)] = [
                (21, 1), (20, 2), (20, 2), (20, 3), (21, 4), (21, 1), (20, 5), (21, 6), (21, 4),
            ]
            script.add(
                rows: values.map {
                    [.timestamp($0.time * 1_000_000), .string("k"), .long($0.value)]
                })
            let last = try #require(try script.run().last)
            #expect(last == [.string("k"), .long(2), .long(6), .long(6)])
        }
    }

    /// Two queries in a row give what one gives with the same columns, and windows still close.
    @Test(arguments: [true, false])
    func windowsOverDistinctRows(isChained: Bool) throws {
        let window = """
            "groupBy": ["window(ts, '5 seconds')"],
            "select": ["unix_seconds(window.start) AS s", "count(*) AS n", "last(value) AS v"],
            "sinks": [{"format": "console"}]
            """
        let queries =
            isChained
            ? [
                "{\"name\": \"d\", \"dropDuplicates\": [\"key\", \"ts\"], \"select\": [\"*\"]}",
                "{\"name\": \"q\", \"from\": \"d\", \(window)}",
            ] : ["{\"name\": \"q\", \"dropDuplicates\": [\"key\", \"ts\"], \(window)}"]
        let script = StreamScript(Self.job(queries.joined(separator: ",")))
        add(script, ("a", 10), ("a", 10), ("b", 10), ("a", 12), ("a", 16), ("a", 12))
        #expect(try run(script) == [])
        add(script, ("a", 30), ("a", 16), ("b", 16))
        #expect(try run(script) == ["10@3@12", "15@2@16"])
        #expect(script.events.last?.queries[0].operators.first?.stateRows == 1)
    }

    @Test func lateRowsAreKept() throws {
        let script = StreamScript(
            Self.job(Self.distinct(more: "\"where\": \"value <> 4\", \"late\": {\"path\": \"l\"},"))
        )
        add(script, ("a", 30))
        try script.run()
        add(script, ("x", 5), ("x", 4), ("y", 25), ("x", 6))
        #expect(try run(script) == ["y@25"])
        #expect(script.sideTables["l"].map { $0[2] } == [.long(5), .long(6)])
        #expect(script.sideTables["l"].map { $0[5] } == [.long(15_000), .long(14_000)])
    }

    /// Stopped after any batch, also before its commit, a run goes on to the same rows.
    @Test(arguments: [true, false])
    func restartsChangeNothing(losesCommits: Bool) throws {
        let text = Self.job(
            more: ", \"maxOffsetsPerTrigger\": 5", Self.distinct("\"value\"", within: true))
        let (undisturbed, stopped) = (StreamScript(text), StreamScript(text))
        for script in [undisturbed, stopped] {
            for row in Int64(0)..<120 { add(script, ("k", row / 3 + row * 7 % 11)) }
        }
        try undisturbed.run()
        var limits = RunLimits()
        limits.maxBatches = 1
        var batch: Int64 = -1
        while true {
            try stopped.restart()
            try stopped.run(limits)
            guard let last = stopped.events.last, last.batchId > batch else { break }
            batch = last.batchId
            stopped.stop()
            if losesCommits {
                try stopped.files.remove(stopped.commit(batch))
                try stopped.restart()
                try stopped.run(limits)
            }
        }
        #expect(stopped.sink.all == undisturbed.sink.all)
        #expect(undisturbed.sink.all.values.contains { $0.count > 1 })
    }

    @Test func verifyingRunsItAgain() throws {
        let script = StreamScript(Self.job(more: ", \"maxOffsetsPerTrigger\": 2", Self.distinct()))
        add(script, ("a", 10), ("b", 11), ("a", 40), ("c", 41), ("c", 70))
        try script.run()
        let report = try #require(try script.verify(from: 1))
        #expect(report.differences == [])
        #expect(report.identicalFiles > 0)
        add(script, ("a", 71), ("d", 72))
        #expect(try run(script) == ["d@72"])
    }

    @Test func fullStateIsAnErrorThatNamesTheRow() throws {
        let text = Self.job(Self.distinct("\"value\""))
            .replacing("\"queries\"", with: "\"options\": {\"maxStateRows\": 2}, \"queries\"")
        let script = StreamScript(text)
        script.add(1, 2, 2, 3)
        let failure = #expect(throws: BatchError.self) { try script.run() }
        let error = failure?.cause as? OperatorError
        #expect(error?.code == .stateTooLarge && error?.sequence == 3)
    }
}
