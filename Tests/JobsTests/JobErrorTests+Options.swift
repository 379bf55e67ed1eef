import Expressions
import Settings

@testable import Jobs

extension JobErrorTests {
    /// Faults of duplicates, late rows and rows from the future.
    static let optionCases: [Case] = [
        Case(
            name: "duplicates by an unknown column",
            job: sampleJob(queries: [
                sampleQuery(more: #""dropDuplicates": ["symbol", "pric"],"#)
            ]), code: .unknownName, pointer: "/queries/0/dropDuplicates/1",
            says: "No input column is named \"pric\"", suggestion: "price"),
        Case(
            name: "duplicates by a column twice",
            job: sampleJob(queries: [
                sampleQuery(more: #""dropDuplicates": ["symbol", "symbol"],"#)
            ]), code: .duplicate, pointer: "/queries/0/dropDuplicates/1", says: "listed twice"),
        Case(
            name: "duplicates by no column",
            job: sampleJob(queries: [sampleQuery(more: #""dropDuplicates": [],"#)]),
            code: .badValue, pointer: "/queries/0/dropDuplicates", says: "1 to 63"),
        Case(
            name: "duplicates of both kinds",
            job: sampleJob(queries: [
                sampleQuery(
                    more: #""dropDuplicates": ["symbol"], "#
                        + #""dropDuplicatesWithinWatermark": ["symbol"],"#)
            ]), code: .badValue, pointer: "/queries/0/dropDuplicatesWithinWatermark",
            says: "not both"),
        Case(
            name: "duplicates within no watermark",
            job: sampleJob(
                watermark: nil,
                queries: [
                    sampleQuery(
                        groupBy: "[]", select: #"["symbol"]"#, sinks: "[]",
                        more: #""dropDuplicatesWithinWatermark": ["symbol"],"#)
                ]), code: .badOutputMode, pointer: "/queries/0/dropDuplicatesWithinWatermark",
            says: "needs a watermark"),
        Case(
            name: "duplicates of rows that change",
            job: sampleJob(queries: [
                sampleQuery(mode: "update", sinks: "[]"),
                sampleQuery(
                    name: "d", from: "q", groupBy: "[]", select: #"["n"]"#, mode: "update",
                    sinks: "[]", more: #""dropDuplicates": ["symbol"],"#),
            ]), code: .badOutputMode, pointer: "/queries/1/dropDuplicates",
            says: "outputMode `append`"),
        Case(
            name: "late rows in a sink's directory",
            job: sampleJob(queries: [sampleQuery(more: #""late": {"path": "lake/q"},"#)]),
            code: .duplicate, pointer: "/queries/0/sinks/0/path", says: "the late rows of query"),
        Case(
            name: "late rows nowhere",
            job: sampleJob(queries: [sampleQuery(more: #""late": {},"#)]), code: .missingKey,
            pointer: "/queries/0/late", says: "\"path\""),
        Case(
            name: "negative future skew",
            job: sampleJob(
                watermark: #"{"eventTime": "event_time", "delayThreshold": "5 seconds", "#
                    + #""maxFutureSkew": "-1 second"}"#),
            code: .badDuration, pointer: "/watermark/maxFutureSkew", says: "negative"),
    ]
}
