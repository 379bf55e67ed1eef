import Columnar
import Expressions
import Jobs
import Registry
import Settings
import SparkExport
import Testing

@Suite struct SparkProgramTests {
    static let input = Schema([
        Field("symbol", .string), Field("event_time", .timestamp),
        Field("price", .double), Field("bid size", .long),
    ])

    private func program(
        _ queries: String, more: String = "", takesAnyDuplicate: Bool = false
    ) throws -> String {
        let text = """
            { "name": "j", "source": { "format": "log", "path": "log/t" },
              "watermark": { "eventTime": "event_time", "delayThreshold": "5 seconds" \(more) },
              "queries": [\(queries)] }
            """
        let job = try Job.load(Array(text.utf8), path: "j.json", environment: [:], registry: .all)
        return try SparkProgram(
            job, job.plan(inputSchema: Self.input), takesAnyDuplicate: takesAnyDuplicate
        ).text
    }

    private func query(_ groupBy: String, _ select: String, more: String = "") -> String {
        """
        { "name": "q", "groupBy": [\(groupBy)], "select": [\(select)], \(more)
          "sinks": [{ "format": "console" }] }
        """
    }

    @Test(arguments: [
        ("first(price)", "min_by(price, struct(event_time, _offset))"),
        ("any_value(price)", "min_by(price, struct(event_time, _offset))"),
        (
            "last(price, true)",
            "max_by(price, struct(event_time, _offset)) FILTER (WHERE (price IS NOT NULL))"
        ),
        (
            "first(price) FILTER (WHERE price > 1)",
            "min_by(price, struct(event_time, _offset)) FILTER (WHERE (price > 1))"
        ),
        (
            "min_by(symbol, price)",
            "min_by(symbol, struct(price, event_time, _offset)) FILTER (WHERE (price IS NOT NULL))"
        ),
        (
            "max_by(symbol, price)",
            "max_by(symbol, struct(price, "
                + "coalesce(-unix_micros(event_time), 9223372036854775807), -_offset)) "
                + "FILTER (WHERE (price IS NOT NULL))"
        ),
        ("sum(`bid size`)", "sum(`bid size`)"),
        ("count(*)", "count(*)"),
    ])
    func aggregates(written: String, spark: String) throws {
        let text = try program(
            query("\"symbol\", \"window(event_time, '1m')\"", "\"\(written) AS x\""))
        #expect(text.contains("\(spark) AS agg0\n"), "\(text)")
    }

    @Test(arguments: [
        ("window(event_time, '1m')", "window(event_time, '60 seconds')"),
        (
            "window(event_time, '90s', '1500ms')",
            "window(event_time, '90 seconds', '1500000 microseconds')"
        ),
        (
            "window(event_time, '1h', '1h', '5m') AS w",
            "window(event_time, '3600 seconds', '3600 seconds', '300 seconds') AS w"
        ),
        ("session_window(event_time, '2m')", "session_window(event_time, '120 seconds')"),
        (
            "session_window(event_time, CASE WHEN price > 1 THEN '1s' ELSE '2s' END)",
            "session_window(event_time, CASE WHEN (price > 1) THEN '1000000 microseconds' "
                + "ELSE '2000000 microseconds' END)"
        ),
    ])
    func windows(written: String, spark: String) throws {
        let text = try program(query("\"symbol\", \"\(written)\"", "\"count(*) AS n\""))
        #expect(text.contains(spark), "\(text)")
    }

    @Test func namesOfGroupsBecomeColumns() throws {
        let text = try program(
            query(
                "\"upper(symbol) AS s\", \"window(event_time, '1m') AS w\"",
                "\"concat(s, '!') AS x\", \"upper(symbol) AS y\", \"window_time(w) AS t\", \"max(price) AS p\"",
                more: "\"having\": \"p > 1\","))
        #expect(
            text.contains("SELECT concat(s, '!') AS x,\n       s AS y,\n       window_time(w) AS t")
        )
        #expect(text.contains("WHERE (agg0 > 1)"))
        #expect(text.contains("GROUP BY upper(symbol), window(event_time, '60 seconds')"))
    }

    @Test func textsAreQuotedForBothLanguages() throws {
        let text = try program(
            query(
                "", #""concat(max(symbol), 'it''s \\\\ \"x\"') AS x""#,
                more: "\"outputMode\": \"complete\","))
        #expect(text.contains(#"concat(agg0, 'it\\'s \\\\ \"x\"')"#), "\(text)")
    }

    @Test(arguments: [
        (
            #"{ "name": "a", "groupBy": ["symbol", "window(event_time, '1m')"], "select": ["symbol", "window.end AS t", "count(*) AS n"] }, { "name": "b", "from": "a", "groupBy": ["window(t, '5m')"], "select": ["sum(n) AS n"], "sinks": [{ "format": "console" }] }"#,
            "Spark's watermark does not reach t"
        ),
        (
            #"{ "name": "a", "groupBy": ["symbol", "window(event_time, '1m')"], "select": ["window.end AS t", "count(*) AS n"] }, { "name": "b", "from": "a", "select": ["first(n) AS n"], "outputMode": "complete", "sinks": [{ "format": "console" }] }"#,
            "no order for rows of query a"
        ),
    ])
    func refusals(queries: String, reason: String) throws {
        let error = #expect(throws: SparkExportErrors.self) { try program(queries) }
        #expect(error?.description.contains(reason) == true)
    }

    @Test(arguments: [("dropDuplicates", "False"), ("dropDuplicatesWithinWatermark", "True")])
    func duplicates(key: String, within: String) throws {
        // The name of the view that the query would get is that of another query.
        let queries = """
            { "name": "a_distinct", "where": "price > 1", "\(key)": ["symbol", "bid size"],
              "select": ["*"] },
            { "name": "a", "from": "a_distinct", "dropDuplicates": ["symbol"],
              "groupBy": ["symbol", "window(event_time, '1m')"], "select": ["last(price) AS p"],
              "sinks": [{ "format": "console" }] }
            """
        let refusal = #expect(throws: SparkExportErrors.self) { try program(queries) }
        #expect(refusal?.reasons.count == 2)
        #expect(refusal?.description.contains("--any-duplicate") == true)
        let text = try program(queries, takesAnyDuplicate: true)
        #expect(
            text.contains(
                """
                "distinct": {"view": "a_distinct_distinct", "sql": \"""
                SELECT *
                FROM ticks
                WHERE (price > 1)
                \""", "columns": ["symbol", "bid size"], "within": \(within)}
                """), "\(text)")
        #expect(
            text.contains("\"view\": \"a_distinct_\", \"sql\": \"\"\"\nSELECT *\nFROM a_distinct\n")
        )
        #expect(text.contains("FROM a_distinct_\n  GROUP BY symbol"))
        // What the condition leaves out is left out once.
        #expect(text.split(separator: "WHERE (price > 1)").count == 2)
    }

    @Test func realTimeIsRefused() throws {
        let error = #expect(throws: SparkExportErrors.self) {
            try program(
                query("\"symbol\"", "\"count(*) AS n\"", more: "\"outputMode\": \"update\","),
                more: "}, \"trigger\": { \"realTime\": \"5 seconds\"")
        }
        #expect(
            error?.reasons == [
                "trigger: Spark's real-time mode reads Kafka only; use `processingTime` there"
            ])
    }

    @Test func idleTimeoutNeedsKnownSessions() throws {
        let dynamic =
            "\"symbol\", \"session_window(event_time, CASE WHEN price > 1 THEN '1s' ELSE '2s' END)\""
        let error = #expect(throws: SparkExportErrors.self) {
            try program(query(dynamic, "\"count(*) AS n\""), more: ", \"idleTimeout\": \"1s\"")
        }
        #expect(error?.reasons.count == 1)
    }
}
