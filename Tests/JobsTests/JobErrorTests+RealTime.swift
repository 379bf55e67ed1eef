import Settings

@testable import Jobs

extension JobErrorTests {
    /// What batches that show rows as they come need.
    static let realTimeCases: [Case] = [
        realTime(
            "commits too often in real time", "1 second", code: .badDuration,
            says: "at least \"5 seconds\""),
        realTime(
            "real time without a console", "5 seconds",
            sinks: #"[{"format": "table", "path": "lake/q", "keys": ["symbol"]}]"#,
            code: .badValue, says: "has neither"),
        realTime(
            "real time of a result that is whole at a commit", "5 seconds", mode: "complete",
            code: .badValue, says: "has neither"),
        realTime(
            "real time of files", "5 seconds",
            source:
                #"{"format": "parquet", "path": "in", "schema": [{"name": "symbol", "type": "string"}, {"name": "event_time", "type": "timestamp"}]}"#,
            code: .badValue, says: "one log"),
        realTime(
            "real time with a clock that stands", "1 minute",
            watermark:
                #"{"eventTime": "event_time", "delayThreshold": "5 seconds", "maxFutureSkew": "59 seconds"}"#,
            code: .badDuration, pointer: "/watermark/maxFutureSkew", says: "at least as long"),
    ]

    /// A job in real time.
    private static func realTime(
        _ name: String, _ duration: String, mode: String = "update",
        sinks: String = #"[{"format": "console"}]"#, source: String? = nil,
        watermark: String = #"{"eventTime": "event_time", "delayThreshold": "5 seconds"}"#,
        code: SettingFault.Code, pointer: String = "/trigger/realTime", says: String
    ) -> Case {
        let queries = [
            sampleQuery(
                select: #"["symbol", "window.start AS s", "count(*) AS n"]"#, mode: mode,
                sinks: sinks)
        ]
        let trigger = "\"trigger\": {\"realTime\": \"\(duration)\"},"
        let job =
            source.map { source in
                sampleJob(source: source, watermark: watermark, queries: queries, more: trigger)
                    .replacing(#""feed": {"format": "simulator", "ticks": 1000}, "#, with: "")
            } ?? sampleJob(watermark: watermark, queries: queries, more: trigger)
        return Case(name: name, job: job, code: code, pointer: pointer, says: says)
    }
}
