import Columnar
import ConnectorAPI
import Expressions
import JSON
import Registry
import Settings
import SimulatorConnector
import Testing

@testable import Jobs

/// Faults that only show when expressions are resolved, and what a plan says.
@Suite struct JobPlanTests {
    typealias Case = JobErrorTests.Case

    static let rolling = sampleQuery(
        name: "rolling",
        select: #"["symbol", "window.start AS s", "window.end AS e", "avg(price) AS a"]"#)

    static let cases: [Case] = [
        Case(
            name: "unknown column",
            job: sampleJob(queries: [sampleQuery(select: #"["symbol", "max(pirce) AS p"]"#)]),
            code: .badExpression, pointer: "/queries/0/select/1", says: "pirce"),
        Case(
            name: "unknown function",
            job: sampleJob(queries: [sampleQuery(select: #"["symbol", "mxa(price) AS p"]"#)]),
            code: .badExpression, pointer: "/queries/0/select/1", says: "mxa"),
        Case(
            name: "aggregate without grouping",
            job: sampleJob(queries: [
                sampleQuery(
                    groupBy: #"["symbol"]"#, select: #"["price", "count(*) AS n"]"#,
                    mode: "complete", sinks: "[]")
            ]),
            code: .badExpression, pointer: "/queries/0/select/0", says: "price"),
        Case(
            name: "slide beyond duration",
            job: sampleJob(queries: [
                sampleQuery(
                    groupBy: #"["symbol", "window(event_time, '1 minute', '2 minutes')"]"#,
                    select: #"["symbol", "count(*) AS n"]"#)
            ]), code: .badExpression, pointer: "/queries/0/groupBy/1", says: "slide"),
        Case(
            name: "outputs of one name",
            job: sampleJob(queries: [
                sampleQuery(select: #"["symbol", "count(*) AS n", "max(price) AS n"]"#)
            ]), code: .badExpression, pointer: "/queries/0/select/2", says: "n"),
        Case(
            name: "append without watermark", job: sampleJob(watermark: nil),
            code: .badOutputMode, pointer: "/queries/0/outputMode",
            says: "needs a watermark"),
        Case(
            name: "append without window",
            job: sampleJob(queries: [
                sampleQuery(groupBy: #"["symbol"]"#, select: #"["symbol", "count(*) AS n"]"#)
            ]), code: .badOutputMode, pointer: "/queries/0/outputMode",
            says: "group by a window over the watermark's column"),
        Case(
            name: "complete without aggregate",
            job: sampleJob(queries: [
                sampleQuery(groupBy: "[]", select: #"["symbol"]"#, mode: "complete", sinks: "[]")
            ]), code: .badOutputMode, pointer: "/queries/0/outputMode", says: "needs an aggregation"
        ),
        Case(
            name: "session in update mode",
            job: sampleJob(queries: [
                sampleQuery(
                    groupBy: #"["symbol", "session_window(event_time, '1 minute')"]"#,
                    select: #"["symbol", "count(*) AS n"]"#, mode: "update", sinks: "[]")
            ]), code: .badOutputMode, pointer: "/queries/0/outputMode", says: "session windows"),
        Case(
            name: "parquet in update mode",
            job: sampleJob(queries: [sampleQuery(mode: "update")]), code: .badOutputMode,
            pointer: "/queries/0/sinks/0/format", says: "needs output mode \"append\""),
        Case(
            name: "table in append mode",
            job: sampleJob(queries: [sampleQuery(sinks: #"[{"format":"table","path":"lake/q"}]"#)]),
            code: .badOutputMode, pointer: "/queries/0/sinks/0/format", says: "\"complete\" or"),
        Case(
            name: "partition column that is not selected",
            job: sampleJob(queries: [
                sampleQuery(
                    sinks: #"[{"format":"parquet","path":"lake/q","partitionBy":["dat"]}]"#)
            ]), code: .unknownName, pointer: "/queries/0/sinks/0/partitionBy/0",
            says: "Columns: symbol, s, e, n, date", suggestion: "date"),
        Case(
            name: "bloom filter of an unknown column",
            job: sampleJob(queries: [
                sampleQuery(
                    sinks: #"[{"format":"parquet","path":"lake/q","bloomFilter":["symbl"]}]"#)
            ]), code: .unknownName, pointer: "/queries/0/sinks/0/bloomFilter/0",
            says: "No output column is named \"symbl\"", suggestion: "symbol"),
        Case(
            name: "bloom filter of a directory",
            job: sampleJob(queries: [
                sampleQuery(
                    sinks:
                        #"[{"format":"parquet","path":"a","partitionBy":["date"],"bloomFilter":["date"]}]"#
                )
            ]), code: .badValue, pointer: "/queries/0/sinks/0/bloomFilter/0",
            says: "it is a directory, not in the files"),
        Case(
            name: "bloom filter of a boolean",
            job: sampleJob(queries: [
                sampleQuery(
                    select: #"["symbol", "window.start AS s", "count(*) > 5 AS many"]"#,
                    sinks: #"[{"format":"parquet","path":"lake/q","bloomFilter":["many"]}]"#)
            ]), code: .badValue, pointer: "/queries/0/sinks/0/bloomFilter/0",
            says: "a boolean, which has no bloom filter"),
        Case(
            name: "event time that is no column",
            job: sampleJob(
                watermark: #"{"eventTime": "eventtime", "delayThreshold": "5 seconds"}"#),
            code: .unknownName, pointer: "/watermark/eventTime", says: "No column named",
            suggestion: "event_time"),
        Case(
            name: "event time that is no timestamp",
            job: sampleJob(watermark: #"{"eventTime": "price", "delayThreshold": "5 seconds"}"#),
            code: .wrongType, pointer: "/watermark/eventTime", says: "is double"),
        Case(
            name: "reading rows that change",
            job: sampleJob(queries: [
                sampleQuery(name: "a", mode: "complete", sinks: "[]"),
                sampleQuery(
                    name: "b", from: "a", groupBy: #"["symbol"]"#,
                    select: #"["symbol", "max(n) AS m"]"#, mode: "complete", sinks: "[]"),
            ]), code: .badOutputMode, pointer: "/queries/1/outputMode", says: "whose rows repeat"),
        Case(
            name: "append downstream without event time",
            job: sampleJob(queries: [
                rolling,
                sampleQuery(
                    name: "b", from: "rolling", groupBy: #"["symbol", "window(s, '1 hour')"]"#,
                    select: #"["symbol", "max(a) AS m"]"#,
                    sinks: #"[{"format":"console"}]"#),
            ]), code: .badOutputMode, pointer: "/queries/1/outputMode", says: "window"),
        Case(
            name: "update table without the grouping columns",
            job: sampleJob(queries: [
                sampleQuery(
                    select: #"["count(*) AS n"]"#, mode: "update",
                    sinks: #"[{"format":"table","path":"lake/q"}]"#)
            ]), code: .missingKey, pointer: "/queries/0/sinks/0", says: "needs \"keys\""),
    ]

    @Test(arguments: cases)
    func fault(_ case: Case) throws {
        try JobErrorTests().fault(`case`)
    }

    @Test func errorsPointIntoTheText() throws {
        let job = sampleJob(queries: [
            #"{"name": "q", "where": "price > 0 AND symbol <> '\u0041\"é' AND pirce > 0", "select": ["*"]}"#
        ])
        let error = try #require(Job.errors(job).first)
        let lines = job.split(separator: "\n")
        let line = lines[error.position.line - 1]
        let place = line.index(line.startIndex, offsetBy: error.position.column - 1)
        #expect(line[place...].hasPrefix("pirce > 0"), "\(error)")
        #expect(error.description.hasPrefix("jobs/x.json:2:"))
        #expect(error.suggestion == "price")
    }

    @Test func queriesComeAfterWhatTheyRead() throws {
        let job = try Job.load(
            sampleJob(queries: [
                sampleQuery(
                    name: "kpi", from: "rolling", groupBy: #"["symbol"]"#,
                    select: #"["symbol", "max(a) AS m"]"#, mode: "complete",
                    sinks: #"[{"format":"table","path":"lake/kpi"}]"#),
                Self.rolling,
                sampleQuery(
                    name: "hours", from: "rolling", groupBy: #"["symbol", "window(e, '1 hour')"]"#,
                    select: #"["symbol", "window.end AS e", "max(a) AS m"]"#,
                    sinks: #"[{"format":"console"}]"#),
            ]))
        let plan = try job.plan(inputSchema: try #require(job.declaredColumns)[0].schema)
        #expect(plan.queries.map(\.name) == ["rolling", "kpi", "hours"])
        #expect(plan.queries.map(\.upstream) == [nil, 0, 0])
        #expect(plan.queries.map(\.index) == [1, 0, 2])
        #expect(plan.eventTimeColumn == 1)
        // The end of a window is bounded by the watermark, so that hours close.
        #expect(plan.queries.map(\.isWatermarked) == [true, true, true])
        #expect(plan.queries[2].eventTimeColumn == 2)
        #expect(plan.queries[1].outputSchema.names == ["symbol", "m"])
    }

    @Test func tablesGetTheirKeys() throws {
        let job = try Job.load(
            sampleJob(queries: [
                sampleQuery(mode: "update", sinks: #"[{"format":"table","path":"lake/q"}]"#)
            ]))
        let plan = try job.plan(inputSchema: SimulatorSpec.schema)
        #expect(
            plan.queries[0].sinks.map(\.summary) == [
                "table lake/q, one file, replaced, keys symbol, s"
            ])
    }

    @Test func theLogMustFitTheFeed() throws {
        let job = try Job.load(sampleJob())
        var fields = SimulatorSpec.schema.fields
        fields[2].type = .int
        fields.append(Field("extra", .string))
        let error = #expect(throws: JobErrors.self) {
            try job.plan(inputSchema: Schema(fields))
        }
        let mismatches = (error?.errors ?? []).filter { $0.code == .schemaMismatch }
        #expect(mismatches.map(\.pointer) == ["/feed", "/feed"])
        #expect(mismatches.first?.message.contains("\"price\" is int, not double") == true)
        #expect(mismatches.last?.message.contains("\"extra\"") == true)
    }

    @Test(arguments: ShippedFilesTests.jobs)
    func shippedJobPlans(path: String) throws {
        let job = try Job.load(
            try #require(ShippedFile.bytes(path)), path: path, registry: .all)
        let plan = try job.plan(inputSchema: try #require(job.declaredColumns)[0].schema)
        #expect(plan.queries.count == job.queries.count)
    }
}
