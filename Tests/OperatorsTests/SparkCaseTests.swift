import Columnar
import Expressions
import Operators
import Testing

/// Facts that were checked against a real Spark, run through the same steps.
@Suite struct SparkCaseTests {
    static let cases = SparkCase.load()

    @Test(
        .disabled(if: cases.isEmpty, "SKIPPED: \(SparkCase.path) is absent"),
        arguments: cases.filter { !$0.isError })
    func emitsWhatSparkEmits(_ test: SparkCase) throws {
        var options = QueryDriver.Options()
        options.noDataBatches = test.noDataBatches
        options.restores = true
        var driver = try QueryDriver(
            test.query, mode: test.mode, input: test.schema, eventTime: test.eventTime,
            delayMs: test.delaySeconds.map { $0 * 1_000 }, options: options)
        for (step, rows) in test.batches.enumerated() {
            let before = driver.outputs.count
            if step < test.watermarksSeconds.count, let watermark = test.watermarksSeconds[step] {
                #expect(Double(driver.tracker.watermarkMs) / 1e3 == watermark, "step \(step)")
            }
            let emitted = try driver.add(rows).map { $0.map { SparkCase.cell($0) } }
            if let expected = test.expected[step] {
                #expect(counted(emitted) == counted(expected), "step \(step)")
            }
            let outputs = driver.outputs[before...]
            if step < test.stateRows.count, let stateRows = test.stateRows[step] {
                #expect(outputs.last?.groupsTotal == stateRows, "step \(step)")
            }
            if step < test.dropped.count, let dropped = test.dropped[step] {
                #expect(outputs.reduce(0) { $0 + $1.groupsDropped } == dropped, "step \(step)")
            }
        }
    }

    @Test(
        .disabled(if: cases.isEmpty, "SKIPPED: \(SparkCase.path) is absent"),
        arguments: cases.filter(\.isError))
    func refusesWhatSparkRefuses(_ test: SparkCase) throws {
        // A session without key and a time to group by is written out by hand in the facts.
        var query = test.query
        if test.operation == "session_aggregate",
            !query.groupBy.contains(where: { $0.contains("(") })
        {
            query.groupBy.append("session_window(ts_t, '5 seconds')")
        }
        let schema =
            test.schema.index(of: "ts_t") == nil
            ? Schema(test.schema.fields + [Field("ts_t", .timestamp)]) : test.schema
        let plan = try analyze(query, input: schema, eventTime: "ts_t")
        let column = test.delaySeconds == nil ? nil : schema.index(of: "ts_t")
        #expect(!check(plan, mode: test.mode, watermarkColumn: column).isEmpty)
    }

    @Test(.disabled(if: cases.isEmpty, "SKIPPED: \(SparkCase.path) is absent"))
    func noCaseIsLost() {
        #expect(Self.cases.count >= 39)
    }

    private func counted(_ rows: [[SparkCase.Cell]]) -> [[SparkCase.Cell]: Int] {
        Dictionary(rows.map { ($0, 1) }, uniquingKeysWith: +)
    }
}
