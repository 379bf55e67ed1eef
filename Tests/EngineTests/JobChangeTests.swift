import Columnar
import ConnectorAPI
import Engine
import Expressions
import Testing

/// Changes of a job between a stop and a start (semantics, section 14): those that Spark allows go
/// on from the checkpoint, those that it forbids are refused by name and nothing is touched.
@Suite struct JobChangeTests {
    struct Change: Sendable, CustomTestStringConvertible {
        let name: String
        /// The text in the job and what replaces it.
        let old: String
        let new: String
        /// The field that a refusal must name; `nil` for a change that is allowed.
        var refusal: String?
        /// The watermark (s) that a run after an allowed change comes to.
        var watermark: Int64 = 35
        var job = JobChangeTests.job

        var testDescription: String { name }
    }

    static let job = """
        { "name": "script",
          "source": {"path": "log/x", "maxOffsetsPerTrigger": 2},
          "watermark": {"eventTime": "ts", "delayThreshold": "10 seconds"},
          "trigger": {"availableNow": true},
          "options": {"maxStateRows": 1000},
          "queries": [
            {"name": "rows", "where": "value >= 0", "select": ["ts", "key", "value AS v"],
             "sinks": [{"format": "console"}, {"format": "console", "numRows": 5}]},
            {"name": "distinct", "dropDuplicates": ["key", "ts"], "select": ["ts", "value AS v"],
             "late": {"path": "lake/late"}, "sinks": [{"format": "console", "numRows": 3}]},
            {"name": "counts", "from": "distinct", "where": "v >= 0",
             "groupBy": ["window(ts, '5 seconds')", "v % 2 AS odd"],
             "select": ["window.start AS s", "odd", "count(*) AS n", "sum(v) AS total"],
             "having": "count(*) > 0",
             "sinks": [{"format": "parquet", "path": "lake/counts", "partitionBy": ["odd"]}]},
            {"name": "totals", "groupBy": ["key"], "select": ["key", "count(*) AS n"],
             "outputMode": "complete", "sinks": [{"format": "table", "path": "lake/totals"}]}
          ] }
        """

    static let allowed = [
        Change(
            name: "rate limit", old: "\"maxOffsetsPerTrigger\": 2",
            new: "\"maxOffsetsPerTrigger\": 3"),
        Change(name: "rate limit removed", old: ", \"maxOffsetsPerTrigger\": 2", new: ""),
        Change(name: "trigger", old: "\"availableNow\": true", new: "\"once\": true"),
        Change(
            name: "filter changed", old: "\"where\": \"value >= 0\"",
            new: "\"where\": \"value > 1\""),
        Change(name: "filter removed", old: "\"where\": \"value >= 0\",", new: ""),
        Change(
            name: "filter before an aggregation", old: "\"where\": \"v >= 0\"",
            new: "\"where\": \"v <> 7\""),
        Change(
            name: "condition on the same aggregates", old: "\"having\": \"count(*) > 0\"",
            new: "\"having\": \"sum(v) > 0\""),
        Change(
            name: "filter added", old: "\"name\": \"totals\",",
            new: "\"name\": \"totals\", \"where\": \"value > 1\","),
        Change(
            name: "projection with the same columns", old: "\"key\", \"value AS v\"",
            new: "\"upper(key) AS key\", \"value AS v\""),
        Change(
            name: "projection with other columns", old: "\"key\", \"value AS v\"",
            new: "\"value + 1 AS more\""),
        Change(
            name: "watermark delay", old: "\"10 seconds\"", new: "\"20 seconds\"",
            watermark: 25),
        Change(
            name: "idle timeout", old: "\"delayThreshold\"",
            new: "\"idleTimeout\": \"1 minute\", \"delayThreshold\"", watermark: 50),
        Change(
            name: "future skew", old: "\"delayThreshold\"",
            new: "\"maxFutureSkew\": \"1 minute\", \"delayThreshold\""),
        Change(name: "options", old: "\"maxStateRows\": 1000", new: "\"threads\": 2"),
        Change(
            name: "console sink removed", old: ", {\"format\": \"console\", \"numRows\": 5}",
            new: ""),
        Change(
            name: "late rows no longer kept", old: ",\n     \"late\": {\"path\": \"lake/late\"}",
            new: ""),
        Change(
            name: "late rows kept from now on", old: "\"name\": \"totals\",",
            new: "\"name\": \"totals\", \"late\": {\"path\": \"lake/late2\"},"),
        Change(
            name: "compression of files", old: "\"partitionBy\"",
            new: "\"compression\": \"none\", \"partitionBy\""),
        Change(
            name: "spelling of a grouping", old: "window(ts, '5 seconds')",
            new: "window( ts, '5  SECONDS' )"),
    ]

    static let forbidden = [
        Change(name: "source", old: "log/x", new: "log/y", refusal: "source.path"),
        Change(
            name: "event time column", old: "\"eventTime\": \"ts\"",
            new: "\"eventTime\": \"ts2\"", refusal: "watermark.eventTime",
            job: StreamScript.counting(mode: "update")),
        Change(
            name: "window", old: "'5 seconds'", new: "'6 seconds'",
            refusal: "queries[counts].groupBy"),
        Change(
            name: "grouping key", old: "v % 2 AS odd", new: "v % 3 AS odd",
            refusal: "queries[counts].groupBy"),
        Change(
            name: "grouping key removed", old: "\"groupBy\": [\"key\"], \"select\": [\"key\", ",
            new: "\"groupBy\": [], \"select\": [", refusal: "queries[totals].groupBy"),
        Change(
            name: "aggregate", old: "sum(v) AS total", new: "max(v) AS total",
            refusal: "queries[counts].select"),
        Change(
            name: "aggregate added", old: "\"count(*) AS n\"],\n     \"outputMode\"",
            new: "\"count(*) AS n\", \"max(value) AS m\"],\n     \"outputMode\"",
            refusal: "queries[totals].select"),
        Change(
            name: "condition on groups", old: "\"having\": \"count(*) > 0\"",
            new: "\"having\": \"max(v) > 0\"", refusal: "queries[counts].having"),
        Change(
            name: "output mode", old: "\"complete\"", new: "\"update\"",
            refusal: "queries[totals].outputMode"),
        Change(
            name: "columns of duplicates", old: "[\"key\", \"ts\"]", new: "[\"key\"]",
            refusal: "queries[distinct].dropDuplicates"),
        Change(
            name: "duplicates no longer dropped", old: "\"dropDuplicates\": [\"key\", \"ts\"],",
            new: "", refusal: "queries[distinct].dropDuplicates"),
        Change(
            name: "duplicates within the watermark", old: "\"dropDuplicates\"",
            new: "\"dropDuplicatesWithinWatermark\"",
            refusal: "queries[distinct].dropDuplicatesWithinWatermark"),
        Change(
            name: "duplicates dropped from now on", old: "\"name\": \"totals\",",
            new: "\"name\": \"totals\", \"dropDuplicates\": [\"key\"],",
            refusal: "queries[totals].dropDuplicates"),
        Change(
            name: "another upstream", old: "\"from\": \"distinct\"", new: "\"from\": \"rows\"",
            refusal: "queries[counts].from"),
        Change(
            name: "stateful query renamed", old: "\"name\": \"totals\"",
            new: "\"name\": \"sums\"", refusal: "queries[sums]"),
        Change(
            name: "output directory", old: "lake/counts", new: "lake/counts2",
            refusal: "queries[counts].sinks[lake/counts2]"),
        Change(
            name: "partitions", old: "\"partitionBy\": [\"odd\"]", new: "\"partitionBy\": []",
            refusal: "queries[counts].sinks[lake/counts].partitionBy"),
        Change(
            name: "late rows elsewhere", old: "lake/late", new: "lake/late2",
            refusal: "queries[distinct].late"),
        Change(
            name: "job name", old: "\"name\": \"script\"", new: "\"name\": \"other\"",
            refusal: "name"),
    ]

    /// A run of the old job over some rows, stopped in the middle of open windows.
    private func stoppedScript(_ job: String) throws -> StreamScript {
        let schema = Schema(StreamScript.schema.fields + [Field("ts2", .timestamp)])
        let script = StreamScript(job, schema: schema)
        add(script, 10, 11, 11, 31)
        try script.run()
        script.stop()
        return script
    }

    private func add(_ script: StreamScript, _ times: Int64...) {
        script.add(
            rows: times.map { time in
                let timestamp = Value.timestamp(time * 1_000_000)
                return [timestamp, .string("k"), .long(time), timestamp]
            })
    }

    private func changed(_ change: Change) throws -> String {
        let range = try #require(change.job.firstRange(of: change.old))
        return change.job.replacingCharacters(in: range, with: change.new)
    }

    @Test(arguments: allowed)
    func isAccepted(_ change: Change) throws {
        let script = try stoppedScript(change.job)
        let batches = script.events.count
        script.change(to: try changed(change))
        add(script, 32, 45)
        try script.run()
        #expect(script.events.count > batches)
        #expect(script.events.last?.sources[0].offsets.only?.upperBound == 6)
        #expect(script.watermarkSeconds == change.watermark)
    }

    @Test(arguments: forbidden)
    func isRefusedByName(_ change: Change) throws {
        let script = try stoppedScript(change.job)
        add(script, 32, 45)
        script.change(to: try changed(change))
        let error = #expect(throws: EngineError.self) { try script.start() }
        #expect(error?.code == .jobChanged)
        let lines = error?.message.split(separator: "\n").dropFirst() ?? []
        let names = lines.map { $0.drop { $0 == " " }.prefix { $0 != ":" } }
        #expect(names.contains { $0 == change.refusal ?? "" }, "\(error?.message ?? "")")
        #expect(error?.message.contains("not allowed: ") == true)
        // Nothing was touched: the old job goes on.
        script.change(to: change.job)
        try script.run()
        #expect(script.events.last?.sources[0].offsets.only?.upperBound == 6)
    }

    @Test func everyChangeChangesTheJob() throws {
        for change in Self.allowed + Self.forbidden {
            #expect(try changed(change) != change.job, "\(change.name)")
        }
    }
}

extension String {
    fileprivate func replacingCharacters(in range: Range<Index>, with text: String) -> String {
        self[..<range.lowerBound] + text + self[range.upperBound...]
    }
}
