import Columnar
import Engine
import Expressions
import JSON
import Jobs
import Operators
import Testing

/// The event-time facts that were checked against a real Spark, through the whole engine.
///
/// Each is run as it is, and once more with a stop and a start before every step.
@Suite struct SparkFactTests {
    static let facts = SparkFact.all
    static let streams = facts.filter { fact in
        !["error", "duration_parse"].contains(fact.category)
            && SparkFact.notApplicable[fact.id] == nil
    }
    static let errors = facts.filter {
        $0.category == "error" && SparkFact.notApplicable[$0.id] == nil
    }
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
            let counts = queries.map { $0.groupsLate + ($0.deduplication?.counts.rowsLate ?? 0) }
            #expect(counts.reduce(0, +) == dropped, "rows dropped as late in step \(step)")
        }
        if let duplicates = fact.numbers("expected_dropped_duplicates").at(step) ?? nil {
            let counts = queries.map { $0.deduplication?.counts.rowsDuplicate ?? 0 }
            #expect(counts.reduce(0, +) == duplicates, "duplicates in step \(step)")
        }
        if let removed = fact.numbers("expected_state_rows_removed").at(step) ?? nil {
            let counts = queries.map { $0.deduplication?.counts.stateRowsRemoved ?? 0 }
            #expect(counts.reduce(0, +) == removed, "state rows removed in step \(step)")
        }
        guard let last = events.last else { return }
        let stateRows = last.queries.map { $0.deduplication?.counts.stateRows ?? $0.stateRows }
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
            try Job.load(Array(fact.jobText.utf8), path: "x")
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
    ]

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
                try Job.load(Array(job.utf8), path: "x")
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
    func everyFactIsRunOrListed() {
        let run =
            Self.streams + Self.errors + Self.facts.filter { ["s016", "s017"].contains($0.id) }
        #expect(run.count + SparkFact.notApplicable.count == SparkFact.count)
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
