import Settings
import Testing

@testable import Jobs

/// What may change between a checkpoint and the job that goes on from it.
@Suite struct JobDifferenceTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let change: String
        /// The text in the main job and what replaces it.
        let old: String
        let new: String
        /// The fields that differ.
        let fields: [String]
        let isAllowed: Bool

        var testDescription: String { change }
    }

    static let cases: [Case] = [
        Case(
            change: "trigger", old: #"{ "availableNow": true }"#,
            new: #"{ "processingTime": "1 second" }"#, fields: ["trigger"], isAllowed: true),
        Case(
            change: "rate limit", old: "250000", new: "1000",
            fields: ["source.maxOffsetsPerTrigger"], isAllowed: true),
        Case(
            change: "filter", old: #""price > 0 AND volume > 0""#, new: #""price > 1""#,
            fields: ["queries[ohlcv].where"], isAllowed: true),
        Case(
            change: "watermark delay", old: #""5 seconds""#, new: #""6 seconds""#,
            fields: ["watermark.delayThreshold"], isAllowed: true),
        Case(
            change: "feed", old: #""seed": 7"#, new: #""seed": 8"#, fields: ["feed.seed"],
            isAllowed: true),
        Case(
            change: "console", old: #", { "format": "console" }"#, new: "",
            fields: ["queries[kpi].sinks"], isAllowed: true),
        Case(
            change: "compression", old: #""compression": "zstd""#, new: #""compression": "none""#,
            fields: ["queries[ohlcv].sinks[lake/ohlcv].compression"], isAllowed: true),
        Case(
            change: "options", old: #""trigger":"#, new: #""options": {"threads": 4}, "trigger":"#,
            fields: ["options.threads"], isAllowed: true),
        Case(
            change: "source", old: #""log/ticks""#, new: #""log/other""#, fields: ["source.path"],
            isAllowed: false),
        Case(
            change: "grouping", old: #"["symbol", "window(event_time, '1 minute')"]"#,
            new: #"["symbol", "window(event_time, '2 minutes')"]"#,
            fields: ["queries[ohlcv].groupBy"], isAllowed: false),
        Case(
            change: "aggregate", old: "first(price) AS open", new: "min(price) AS open",
            fields: ["queries[ohlcv].select"], isAllowed: false),
        Case(
            change: "another expression over the same aggregates",
            old: "sum(price * volume) / sum(volume) AS vwap",
            new: "try_divide(sum(price * volume), sum(volume)) AS vwap",
            fields: ["queries[ohlcv].select"], isAllowed: true),
        Case(
            change: "another name of an output", old: "count(*) AS trades", new: "count(*) AS n",
            fields: ["queries[ohlcv].select"], isAllowed: true),
        Case(
            change: "another spelling of an aggregate", old: "count(*) AS trades",
            new: "count(1) AS trades", fields: ["queries[ohlcv].select"], isAllowed: true),
        Case(
            change: "another type under a name", old: "count(*) AS trades",
            new: "CAST(count(*) AS STRING) AS trades", fields: ["queries[ohlcv].select"],
            isAllowed: false),
        Case(
            change: "one aggregate less", old: ", \"count(*) AS trades\"", new: "",
            fields: ["queries[ohlcv].select"], isAllowed: false),
        Case(
            change: "output directory", old: #""lake/kpi""#, new: #""lake/kpi2""#,
            fields: ["queries[kpi].sinks[lake/kpi]", "queries[kpi].sinks[lake/kpi2]"],
            isAllowed: false),
        Case(
            change: "partitions", old: #""path": "lake/rolling", "partitionBy": ["date"]"#,
            new: #""path": "lake/rolling""#,
            fields: ["queries[rolling].sinks[lake/rolling].partitionBy"], isAllowed: false),
        Case(
            change: "query name", old: #""name": "kpi""#, new: #""name": "kpis""#,
            fields: ["queries[kpi]", "queries[kpis]"], isAllowed: false),
        Case(
            change: "job name", old: #""name": "ohlcv",\#n  "feed""#,
            new: #""name": "candles", "checkpointLocation": "checkpoints/ohlcv", "feed""#,
            fields: ["name", "checkpointLocation"], isAllowed: false),
        Case(
            change: "nothing but notation", old: #""seed": 7"#, new: #""//": "x", "seed":   7"#,
            fields: [], isAllowed: true),
        Case(
            change: "another spelling",
            old: #"["symbol", "window(event_time, '1 minute')"]"#,
            new: #"["symbol",  "window( event_time,'60 seconds' )"]"#, fields: [],
            isAllowed: true),
        Case(
            change: "another spelling of an output", old: "sum(volume) AS volume",
            new: "SUM( volume ) volume", fields: [], isAllowed: true),
        Case(
            change: "a default written out", old: #""seed": 7"#, new: #""seed": 7, "rate": "max""#,
            fields: [], isAllowed: true),
    ]

    @Test(arguments: cases)
    func change(_ case: Case) throws {
        let text = try #require(ShippedFile.text("jobs/ohlcv.json"))
        let changed = text.replacingFirst(`case`.old, with: `case`.new)
        try #require(changed != text)
        let differences = Job.difference(
            from: try Job.load(text), to: try Job.load(changed))
        #expect(differences.map(\.field) == `case`.fields)
        let isAllowed = differences.allSatisfy(\.isAllowed)
        #expect(isAllowed == `case`.isAllowed, "\(differences)")
    }

    @Test func aDifferenceReadsAsASentence() throws {
        let text = try #require(ShippedFile.text("jobs/ohlcv.json"))
        let changed = text.replacingFirst(#""log/ticks""#, with: #""log/other""#)
        let differences = Job.difference(from: try Job.load(text), to: try Job.load(changed))
        #expect(
            differences.first?.description
                == "source.path: \"log/ticks\" → \"log/other\" (not allowed: the checkpoint's "
                + "offsets are places in the old source)")
    }

    @Test func canonicalTextIsTheJobAgain() throws {
        let text = try #require(ShippedFile.text("jobs/equity.json"))
        let environment: Variables = ["SYMBOL": "ibm", "TICKS": "secret"]
        let job = try Job.load(text, environment: environment)
        let again = try Job.load(job.canonicalText, environment: environment)
        #expect(Job.difference(from: job, to: again).isEmpty)
        #expect(again.canonicalText == job.canonicalText)
        #expect(job.name == "equity_ibm")
        #expect(!job.canonicalText.contains("secret"), "variables stay as they are written")
        #expect(!job.canonicalText.contains("\"//\""))
    }
}

extension String {
    fileprivate func replacingFirst(_ old: String, with new: String) -> String {
        guard let range = firstRange(of: old) else { return self }
        return self[..<range.lowerBound] + new + self[range.upperBound...]
    }
}
