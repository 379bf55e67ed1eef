import Columnar
import Engine
import Expressions
import JSON
import Jobs
import Operators
import Registry
import Settings
import Testing

/// The event-time facts that were checked against a real Spark, through the whole engine.
///
/// Each is run as it is, and once more with a stop and a start before every step.
@Suite struct SparkFactTests {
    static let facts = SparkFact.all
    static let streams = facts.filter { fact in
        !["error", "duration_parse"].contains(fact.category) && fact.id != "s108"
    }
    static let errors = facts.filter { $0.category == "error" }
    static let absent: Comment = "SKIPPED: \(SparkFact.path) is absent"

    @Test(.disabled(if: facts.isEmpty, absent), arguments: streams, [false, true])
    func givesWhatSparkGives(_ fact: SparkFact, restarting: Bool) throws {
        let script = StreamScript(fact.jobText, schema: fact.schema)
        var result: [[SparkFact.Cell]] = []
        for (step, rows) in fact.batches.enumerated() {
            if restarting || fact.isOnce || fact.restarts.at(step) == true {
                try script.restart()
            }
            script.add(rows: rows)
            let before = script.events.count
            let emitted = try script.run().map { $0.map(SparkFact.cell) }
            let isWhole = fact.mode == "complete" || fact.mode == "batch"
            // Where no batch runs, the whole result stays what it was.
            if !isWhole || script.events.count > before { result = emitted }
            if let expected = fact.expected[step] {
                #expect(counted(result) == counted(expected), "step \(step)")
            }
            checkCounts(fact, step, Array(script.events[before...]))
        }
    }

    private func checkCounts(_ fact: SparkFact, _ step: Int, _ events: [BatchProgress]) {
        if let watermark = fact.watermarks.at(step) ?? nil, fact.json["watermark_delay_s"] != nil,
            let data = events.first(where: { $0.numInputRows > 0 })
        {
            #expect(Double(data.watermarkMs) / 1e3 == watermark, "step \(step)")
        }
        let queries = events.flatMap(\.queries)
        if let dropped = fact.droppedLate.at(step) ?? nil {
            let counts = queries.flatMap(\.operators).map(\.rowsDropped)
            #expect(counts.reduce(0, +) == dropped, "rows dropped as late in step \(step)")
        }
        if let duplicates = fact.numbers("expected_dropped_duplicates").at(step) ?? nil {
            let counts = queries.flatMap(\.operators).flatMap(\.totals).map(\.count)
            #expect(counts.reduce(0, +) == duplicates, "duplicates in step \(step)")
        }
        if let removed = fact.numbers("expected_state_rows_removed").at(step) ?? nil {
            let counts = queries.flatMap(\.operators)
                .filter { $0.operatorName?.hasPrefix("dedupe") ?? false }.map(\.stateRowsRemoved)
            #expect(counts.reduce(0, +) == removed, "state rows removed in step \(step)")
        }
        guard let last = events.last else { return }
        let stateRows = last.queries.map { $0.operators.first?.stateRows ?? 0 }
        if let expected = fact.numbers("expected_state_rows").at(step) ?? nil {
            #expect(stateRows.first == expected, "state rows after step \(step)")
        }
        if let stages = fact.json["expected_state_rows_per_operator"] {
            let expected = ["first_dedup", "second_dedup"].map {
                Int(stages[$0]?.elements?.at(step)?.int64Value ?? -1)
            }
            #expect(stateRows == expected, "state rows after step \(step)")
        }
        checkEventTimes(fact, step, events)
    }

    private func checkEventTimes(_ fact: SparkFact, _ step: Int, _ events: [BatchProgress]) {
        let all = fact.json["expected_event_time_min_max_avg"]?.elements
        guard let expected = all?.at(step)?.elements?.compactMap(\.int64Value) else { return }
        let times = events.compactMap(\.eventTime).first
        let found = times.map { [$0.minMs / 1_000, $0.maxMs / 1_000, $0.avgMs / 1_000] }
        #expect(found == expected, "event times of step \(step)")
    }

    @Test(.disabled(if: facts.isEmpty, absent), arguments: errors)
    func refusesWhatSparkRefuses(_ fact: SparkFact) throws {
        let words = try #require(Self.refusals[fact.id])
        let error = #expect(throws: JobErrors.self) {
            try Job.load(Array(fact.jobText.utf8), path: "x", registry: .all)
                .plan(inputSchema: fact.schema)
        }
        let messages = (error?.errors ?? []).map(\.message).joined(separator: "\n")
        for word in words { #expect(messages.contains(word), "\(messages)") }
    }

    /// What the error of each refused fact says.
    private static let refusals = [
        "s019": ["badColumn"], "s020": ["\"value\" is int", "must be a timestamp"],
        "s026": ["`append`", "watermark"], "s040": ["session window", "grouping column"],
        "s041": ["`update`", "session"],
        // Every join is refused.
        "s090": ["Unknown key \"join\""], "s101": ["Unknown key \"join\""],
    ]

    /// "join of two windowed tables": there are no joins, but the windows that both tables have, and
    /// sums over both, are those of their union.
    @Test(.disabled(if: facts.isEmpty, absent))
    func windowsOfTwoTables() throws {
        let fact = try #require(Self.facts.first { $0.id == "s108" })
        let script = StreamScript(
            """
            { "name": "fact",
              "sources": [
                { "name": "left", "path": "log/l",
                  "select": ["time", "value", "CAST(NULL AS BIGINT) AS other"] },
                { "name": "right", "path": "log/r",
                  "select": ["time", "CAST(NULL AS BIGINT) AS value", "value AS other"] } ],
              "trigger": { "availableNow": true },
              "queries": [ { "name": "q", "groupBy": ["window(time, '10 seconds')"],
                "select": ["sum(value) + sum(other) AS total"],
                "having": "count(value) > 0 AND count(other) > 0",
                "outputMode": "complete", "sinks": [{ "format": "console" }] } ] }
            """, schema: Schema([Field("time", .timestamp), Field("value", .long)]), sources: 2)
        let tables = try #require(fact.json["batches"]?.elements?.first)
        for (source, name) in ["left", "right"].enumerated() {
            let rows = try #require(tables[name]?.elements).map { row -> [Value] in
                let cells = row.elements ?? []
                let time = cells[0].stringValue.flatMap(SparkFact.seconds)
                return [
                    time.map { .timestamp(Int64($0) * 1_000_000) } ?? .null,
                    .long(cells[1].int64Value ?? 0),
                ]
            }
            script.add(rows: rows, to: source)
        }
        let result = try script.run().map { $0.map(SparkFact.cell) }
        #expect(counted(result) == counted(try #require(fact.expected[0])))
    }

    @Test(.disabled(if: facts.isEmpty, absent))
    func delaysAreReadAsSparkReadsThem() throws {
        let fact = try #require(Self.facts.first { $0.id == "s016" })
        for (step, text) in Self.texts(fact).enumerated() {
            let expected = fact.json["expected"]?.elements?.at(step)?.elements?.first
            let ms = expected?.elements?.first?.int64Value
            #expect(try parseInterval(text).delayMicros == ms.map { $0 * 1_000 }, "\(text)")
        }
    }

    @Test(.disabled(if: facts.isEmpty, absent))
    func delaysThatSparkRefusesAreRefused() throws {
        let fact = try #require(Self.facts.first { $0.id == "s017" })
        for text in Self.texts(fact) {
            let job = StreamScript.counting(delay: text)
            let error = #expect(throws: JobErrors.self) {
                try Job.load(Array(job.utf8), path: "x", registry: .all)
            }
            #expect(error?.errors.map(\.code) == [.badDuration], "\(text)")
        }
    }

    private static func texts(_ fact: SparkFact) -> [String] {
        (fact.json["batches"]?.elements ?? []).compactMap {
            $0.elements?.first?.elements?.first?.stringValue
        }
    }

    @Test(.disabled(if: facts.isEmpty, absent))
    func everyFactIsRun() {
        let run =
            Self.streams + Self.errors
            + Self.facts.filter { ["s016", "s017", "s108"].contains($0.id) }
        #expect(run.count == SparkFact.count)
        #expect(Self.facts.count == SparkFact.count)
        #expect(Set(Self.errors.map(\.id)) == Set(Self.refusals.keys))
    }

    private func counted(_ rows: [[SparkFact.Cell]]) -> [[SparkFact.Cell]: Int] {
        Dictionary(rows.map { ($0, 1) }, uniquingKeysWith: +)
    }
}

extension Array {
    /// The element at an index, `nil` beyond the end.
    fileprivate func at(_ index: Int) -> Element? { indices.contains(index) ? self[index] : nil }
}
