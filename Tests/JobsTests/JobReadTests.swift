import Columnar
import ConnectorAPI
import Decoding
import Expressions
import Registry
import Settings
import SimulatorConnector
import Testing
import TextConnector

@testable import Jobs

/// What a job file means once it is read.
@Suite struct JobReadTests {
    @Test func theMainJob() throws {
        let job = try Job.load(
            try #require(ShippedFile.bytes("jobs/ohlcv.json")), path: "jobs/ohlcv.json",
            registry: .all)
        #expect(job.name == "ohlcv" && job.path == "jobs/ohlcv.json")
        #expect(job.checkpointLocation == "checkpoints/ohlcv")
        #expect(job.trigger == .availableNow)
        #expect(
            job.watermark
                == WatermarkSpec(
                    eventTime: "event_time", delayThresholdMs: 5_000, closesAtEnd: true))
        let source = job.sources[0]
        #expect(job.sources.count == 1 && source.name == "source")
        #expect(source.select.isEmpty && source.where == nil && source.watermark == nil)
        #expect(source.spec.tickLog == "log/ticks" && !source.spec.declaresColumns)
        #expect(source.startingOffsets == .earliest && source.maxOffsetsPerTrigger == 250_000)
        let feed = try #require(source.feed as? SimulatorSpec)
        #expect(feed.ticks == 2_000_000 && feed.seed == 7 && feed.symbols.count == 5)
        #expect(feed.start == .at(micros: 1_767_623_400_000_000))
        #expect(feed.intervalMicros == 10_000 && feed.ticksPerSecond == nil)
        #expect(job.declaredColumns?[0].schema == SimulatorSpec.schema)
        #expect(job.queries.map(\.name) == ["ohlcv", "rolling", "kpi"])
        #expect(job.queries[0].where == "price > 0 AND volume > 0")
        #expect(job.queries[2].from == "rolling" && job.queries[2].outputMode == .complete)
        #expect(
            job.queries[0].sinks.map(\.summary) == ["parquet lake/ohlcv, by date, zstd level 3"])
        #expect(
            job.queries[2].sinks.map(\.summary) == [
                "table lake/kpi, one file, replaced", "console, at most 20 rows a batch",
            ])
        #expect(job.options.noDataBatches && job.options.maxStateRows == 10_000_000)
    }

    @Test func theEquityJob() throws {
        let job = try Job.load(
            try #require(ShippedFile.bytes("jobs/equity.json")), path: "jobs/equity.json",
            environment: ["SYMBOL": "ibm"], registry: .all)
        let feed = try #require(job.sources[0].feed as? CSVSpec)
        #expect(feed.input.paths == ["ticks/ibm/*_trade.zip"])
        #expect(!feed.hasHeader && feed.delimiter == ",")
        #expect(feed.columns.map(\.origin).prefix(3) == [.directory, .index(0), .index(1)])
        #expect(feed.columns[0].letterCase == .upper)
        #expect(feed.columns[1].timestampFormat == .millisSinceMidnight)
        #expect(feed.columns[1].timeZone == "America/New_York")
        #expect(feed.columns[2].scale == 10_000)
        let schema = try #require(job.declaredColumns)[0].schema
        #expect(schema[1] == Field("event_time", .timestamp, isNullable: false))
        #expect(schema[2] == Field("price", .decimal(precision: 18, scale: 4), isNullable: false))
        #expect(job.name == "equity_ibm" && job.sources[0].path == "log/equity_ibm")
    }

    @Test(arguments: [
        (#"{"availableNow": true}"#, TriggerSpec.availableNow), (#"{"once": true}"#, .once),
        (#"{"processingTime": "1 minute 30 seconds"}"#, .processingTime(intervalMs: 90_000)),
        (#"{"processingTime": "500ms"}"#, .processingTime(intervalMs: 500)),
        (#"{"realTime": "5 seconds"}"#, .realTime(durationMs: 5_000)),
    ])
    func triggers(text: String, trigger: TriggerSpec) throws {
        let shown = sampleQuery(mode: "update", sinks: #"[{"format": "console"}]"#)
        let job = try Job.load(sampleJob(queries: [shown], more: "\"trigger\": \(text),"))
        #expect(job.trigger == trigger)
        #expect(try Job.load(sampleJob()).trigger == .processingTime(intervalMs: 0))
    }

    @Test(arguments: [
        (#""latest""#, StartingOffsets.latest), ("17", .at(SourceOffsets(only: 17))),
        (
            #"{"timestamp": "2026-01-05T14:30:00Z"}"#,
            .time(EventTime(micros: 1_767_623_400_000_000))
        ),
    ])
    func startingOffsets(text: String, offsets: StartingOffsets) throws {
        let job = try Job.load(sampleJob(source: #"{"path": "l", "startingOffsets": \#(text)}"#))
        #expect(job.sources[0].startingOffsets == offsets)
    }

    @Test(arguments: [
        (#""rate": 1000"#, 1_000), (#""rate": 1000, "interval": "2 ms""#, 2_000),
        (#""rate": 1e9"#, 1), (#""rate": "max""#, 10_000),
    ])
    func theIntervalFollowsTheRate(keys: String, micros: Int64) throws {
        let job = try Job.load(sampleJob(feed: #"{"format": "simulator", \#(keys)}"#))
        let feed = try #require(job.sources[0].feed as? SimulatorSpec)
        #expect(feed.intervalMicros == micros)
    }

    /// A program that makes a spec says as little as a job file does, and means the same.
    @Test func defaultsAreThoseOfTheFormat() throws {
        func feed(_ text: String) throws -> (any FeedSpec)? {
            try Job.load(sampleJob(feed: text)).sources[0].feed
        }
        #expect(try feed(#"{"format": "simulator"}"#) as? SimulatorSpec == SimulatorSpec())
        let csv = try feed(
            #"""
            {"format": "csv", "paths": "a", "eventTime": "event_time",
             "columns": [{"name": "symbol", "type": "string"},
                         {"name": "event_time", "type": "timestamp"}]}
            """#)
        let columns = Self.columns
        #expect(csv as? CSVSpec == CSVSpec(Self.input, columns: columns, eventTime: "event_time"))
        let json = try feed(
            #"""
            {"format": "json", "paths": "a", "eventTime": "event_time",
             "fields": [{"name": "symbol", "type": "string"},
                        {"name": "event_time", "type": "timestamp"}]}
            """#)
        #expect(
            json as? JSONLinesSpec
                == JSONLinesSpec(Self.input, columns: columns, eventTime: "event_time"))
    }

    private static let input = FeedInput(["a"])
    private static let columns = [
        FeedColumn("symbol", .string), FeedColumn("event_time", .timestamp),
    ]

    @Test func variables() throws {
        let source = #"{"path": "${ROOT}/${NAME:-ticks}/$x/${EMPTY:-e}"}"#
        let job = try Job.load(
            sampleJob(source: source), environment: ["ROOT": "a${b}", "EMPTY": ""])
        #expect(job.sources[0].path == "a${b}/ticks/$x/e", "what is filled in is not read again")
    }

    @Test func commentsMayStandInAnyObject() throws {
        let job = try Job.load(
            sampleJob(
                source: #"{"path": "l", "// why": {"any": [null]}}"#,
                more: #""//": "${NOT_SET}", "//2": 1,"#))
        #expect(job.sources[0].path == "l")
    }

    @Test func truncation() throws {
        for (text, expected) in [("false", nil), ("true", 20), ("7", 7)] as [(String, Int?)] {
            let job = try Job.load(
                sampleJob(queries: [
                    sampleQuery(sinks: #"[{"format": "console", "truncate": \#(text)}]"#)
                ]))
            guard case .text(20, let cellMax) = job.queries[0].sinks[0].exported else {
                Issue.record("a console shows text")
                return
            }
            #expect(cellMax == expected)
        }
    }
}
