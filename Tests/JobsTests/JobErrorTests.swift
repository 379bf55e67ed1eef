import ConnectorAPI
import Expressions
import JSON
import Registry
import Settings
import TestSupport
import Testing

@testable import Jobs

/// Every fault of a job file gets one error with its place.
@Suite struct JobErrorTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let name: String
        let job: String
        let code: SettingFault.Code
        let pointer: String
        /// What the message must say.
        let says: String
        var suggestion: String?

        var testDescription: String { name }
    }

    static let formCases: [Case] = [
        Case(
            name: "trigger in months",
            job: sampleJob(more: #""trigger": {"processingTime": "1 month"},"#),
            code: .badDuration, pointer: "/trigger/processingTime", says: "use days"),
        Case(
            name: "rows that go nowhere",
            job: sampleJob(queries: [sampleQuery(sinks: "[]")]), code: .badValue,
            pointer: "/queries/0/sinks", says: "go nowhere"),
        Case(
            name: "variable that is not set",
            job: sampleJob(source: #"{"path": "${NO_SUCH_VARIABLE}"}"#), code: .badVariable,
            pointer: "/source/path", says: "NO_SUCH_VARIABLE is not set"),
        Case(
            name: "decimal of too many digits",
            job: sampleJob(
                source:
                    #"{"path": "log/t", "schema": [{"name": "a", "type": "decimal(40,2)"}]}"#),
            code: .badValue, pointer: "/source/schema/0/type", says: "p is from 1 to 38"),
        Case(
            name: "unknown key", job: sampleJob(more: #""triger": {"once": true},"#),
            code: .unknownKey, pointer: "/triger", says: "Keys here: $schema, version, name, feed",
            suggestion: "trigger"),
        Case(
            name: "unknown key in a sink",
            job: sampleJob(queries: [
                sampleQuery(sinks: #"[{"format":"parquet","path":"a","partitonBy":["date"]}]"#)
            ]), code: .unknownKey, pointer: "/queries/0/sinks/0/partitonBy",
            says: "path, partitionBy, compression", suggestion: "partitionBy"),
        Case(
            name: "wrong type",
            job: sampleJob(feed: #"{"format": "simulator", "symbols": "IBM"}"#), code: .wrongType,
            pointer: "/feed/symbols", says: "Expected an array (of a name), found a string"),
        Case(
            name: "integer out of range",
            job: sampleJob(source: #"{"path": "log/t", "maxOffsetsPerTrigger": 0}"#),
            code: .badValue, pointer: "/source/maxOffsetsPerTrigger",
            says: "an integer from 1 to 1000000000, found an integer (0)"),
        Case(
            name: "missing key", job: sampleJob(source: "{}"), code: .missingKey,
            pointer: "/source", says: #"The key "path" is missing. The log's directory."#),
        Case(
            name: "missing format", job: sampleJob(feed: "{}"), code: .missingKey, pointer: "/feed",
            says: #""simulator", "csv", "json", "arrow" or "kafka""#),
        Case(
            name: "unknown format", job: sampleJob(feed: #"{"format": "simulatr"}"#),
            code: .badValue, pointer: "/feed/format", says: "found \"simulatr\"",
            suggestion: "simulator"),
        Case(
            name: "unknown mode", job: sampleJob(queries: [sampleQuery(mode: "upsert")]),
            code: .badValue, pointer: "/queries/0/outputMode", says: #""append", "update""#),
        Case(
            name: "two triggers",
            job: sampleJob(more: #""trigger": {"once": true, "availableNow": true},"#),
            code: .badValue, pointer: "/trigger", says: "exactly one of the keys"),
        Case(
            name: "trigger that is false", job: sampleJob(more: #""trigger": {"once": false},"#),
            code: .badValue, pointer: "/trigger/once", says: "Expected true"),
        Case(
            name: "negative duration",
            job: sampleJob(
                watermark: #"{"eventTime": "event_time", "delayThreshold": "-5 seconds"}"#),
            code: .badDuration, pointer: "/watermark/delayThreshold", says: "negative"),
        Case(
            name: "malformed duration",
            job: sampleJob(
                watermark: #"{"eventTime": "event_time", "delayThreshold": "5 secnds"}"#),
            code: .badDuration, pointer: "/watermark/delayThreshold", says: "secnds"),
        Case(
            name: "bad timestamp",
            job: sampleJob(feed: #"{"format": "simulator", "start": "2026-13-45"}"#),
            code: .badValue, pointer: "/feed/start", says: "2026-01-05T14:30:00Z"),
        Case(
            name: "bad query name", job: sampleJob(queries: [sampleQuery(name: "../x")]),
            code: .badValue, pointer: "/queries/0/name", says: "letters, digits"),
        Case(
            name: "duplicate query name",
            job: sampleJob(queries: [
                sampleQuery(name: "a"),
                sampleQuery(name: "a", sinks: #"[{"format":"parquet","path":"lake/b"}]"#),
            ]), code: .duplicate, pointer: "/queries/1/name", says: "is that of query 0 already"),
        Case(
            name: "from unknown",
            job: sampleJob(queries: [
                sampleQuery(name: "rolling"),
                sampleQuery(
                    name: "kpi", from: "roling", mode: "complete", sinks: #"[{"format":"console"}]"#
                ),
            ]), code: .unknownName, pointer: "/queries/1/from",
            says: "No query is named \"roling\"",
            suggestion: "rolling"),
        Case(
            name: "cycle",
            job: sampleJob(queries: [
                sampleQuery(name: "a", from: "b", sinks: "[]"),
                sampleQuery(name: "b", from: "c", sinks: "[]"),
                sampleQuery(name: "c", from: "b", sinks: "[]"),
            ]), code: .cycle, pointer: "/queries/1/from", says: "b reads c reads b"),
        Case(
            name: "two sinks with one path",
            job: sampleJob(queries: [
                sampleQuery(
                    sinks:
                        #"[{"format":"parquet","path":"lake/a"},{"format":"parquet","path":"./lake//a"}]"#
                )
            ]), code: .duplicate, pointer: "/queries/0/sinks/1/path",
            says: "a sink of query \"q\" (/queries/0/sinks/0/path)"),
        Case(
            name: "a sink inside the log",
            job: sampleJob(queries: [
                sampleQuery(sinks: #"[{"format":"parquet","path":"log/t/x"}]"#)
            ]), code: .duplicate, pointer: "/queries/0/sinks/0/path", says: "the log"),
        Case(
            name: "a column of the log twice",
            job: sampleJob(
                source:
                    #"{"path": "l", "schema": [{"name":"a","type":"int"},{"name":"a","type":"int"}]}"#
            ),
            code: .duplicate, pointer: "/source/schema/1/name", says: "number 0"),
        Case(
            name: "variable that is not set", job: sampleJob(source: #"{"path": "${LOGG}/t"}"#),
            code: .badVariable, pointer: "/source/path", says: "LOGG is not set"),
        Case(
            name: "variable that is not closed", job: sampleJob(source: #"{"path": "${LOG"}"#),
            code: .badVariable, pointer: "/source/path", says: "not closed"),
        Case(
            name: "version of the future", job: sampleJob(more: #""version": 2,"#),
            code: .badValue, pointer: "/version", says: "Expected 1, found an integer (2)"),
        Case(
            name: "not an object", job: "[]", code: .wrongType, pointer: "",
            says: "Expected an object"),
        Case(name: "not JSON", job: "{", code: .notJSON, pointer: "", says: "ends too early"),
        Case(
            name: "a key twice", job: #"{"name": "a", "name": "b"}"#, code: .duplicate, pointer: "",
            says: "The first one is at 1:2."),
    ]

    static let feedCases: [Case] = [
        csvCase(
            "no such event time", #""eventTime": "tme""#, .unknownName, "/eventTime",
            "Columns: time"),
        csvCase(
            "event time of another type", #""eventTime": "price""#, .wrongType, "/eventTime",
            "timestamp"),
        csvCase(
            "both from and value", #""eventTime": "time""#, .badValue, "/columns/2/value",
            "not \"from\" and \"value\"",
            column: #"{"name": "s", "type": "string", "value": "BAC", "from": 1}"#),
        csvCase(
            "date of a file as a number", #""eventTime": "time""#, .wrongType,
            "/columns/2/fromPath", "this column is int",
            column: #"{"name": "s", "type": "int", "fromPath": "fileDate"}"#),
        csvCase(
            "scale of a decimal", #""eventTime": "time""#, .badValue, "/columns/2/scale",
            "power of ten", column: #"{"name": "s", "type": "decimal(9,2)", "scale": 30}"#),
        csvCase(
            "scale of a count", #""eventTime": "time""#, .badValue, "/columns/2/scale",
            "for doubles and decimals", column: #"{"name": "s", "type": "long", "scale": 10}"#),
        csvCase(
            "column twice", #""eventTime": "time""#, .duplicate, "/columns/2/name", "number 1",
            column: #"{"name": "price", "type": "double"}"#),
        csvCase(
            "header name without header", #""eventTime": "time", "header": false"#, .badValue,
            "/columns/2/from", "index", column: #"{"name": "s", "type": "string", "from": "S"}"#),
        csvCase(
            "a date since midnight", #""eventTime": "time""#, .badValue, "/columns/2/format",
            "\"iso\" or \"yyyymmdd\"",
            column: #"{"name": "t", "type": "date", "format": "ms_since_midnight"}"#),
        csvCase(
            "format of a number", #""eventTime": "time""#, .badValue, "/columns/2/format",
            "for timestamps", column: #"{"name": "n", "type": "int", "format": "epoch_ms"}"#),
        csvCase(
            "unknown type", #""eventTime": "time""#, .badValue, "/columns/2/type", "boolean, int",
            column: #"{"name": "n", "type": "dobule"}"#),
        csvCase(
            "delimiter of two", #""eventTime": "time", "delimiter": ";;""#, .badValue,
            "/delimiter", "one ASCII character"),
    ]

    static func csvCase(
        _ name: String, _ keys: String, _ code: SettingFault.Code, _ pointer: String,
        _ says: String,
        column: String = #"{"name": "s", "type": "string"}"#
    ) -> Case {
        Case(
            name: name,
            job: sampleJob(
                feed: """
                    {"format": "csv", "paths": "a.csv", \(keys),
                     "columns": [{"name": "time", "type": "timestamp"},
                                 {"name": "price", "type": "double"}, \(column)]}
                    """, watermark: nil,
                queries: [#"{"name": "q", "select": ["*"], "sinks": [{"format": "console"}]}"#]),
            code: code, pointer: "/feed" + pointer, says: says)
    }

    @Test(arguments: formCases + feedCases + optionCases + realTimeCases)
    func fault(_ case: Case) throws {
        let errors = Job.errors(`case`.job)
        let error = try #require(errors.first { $0.code == `case`.code }, "\(errors)")
        #expect(error.pointer == `case`.pointer)
        #expect(error.message.contains(`case`.says), "\(error.message)")
        if let suggestion = `case`.suggestion {
            #expect(error.suggestion == suggestion)
            #expect(error.message.contains("Did you mean \"\(suggestion)\"?"))
        }
        // One fault, one error.
        #expect(errors.count == 1, "\(errors)")
    }

    @Test func allFaultsInOneGoInTheOrderOfTheFile() {
        let errors = Job.errors(
            """
            {
              "name": "a b",
              "feed": {"format": "simulator", "seed": -1, "tick": 5},
              "source": {"path": ""},
              "queries": [
                {"name": "q", "select": [], "sinks": [{"format": "parquet"}]},
                {"name": "r", "select": ["symbol"], "from": "s"}
              ]
            }
            """)
        #expect(
            errors.map { "\($0.position) \($0.pointer)" } == [
                "2:11 /name", "3:43 /feed/seed", "3:47 /feed/tick", "4:22 /source/path",
                "6:29 /queries/0/select", "6:43 /queries/0/sinks/0", "7:49 /queries/1/from",
            ])
        #expect(
            errors[0].description
                == "jobs/x.json:2:11: /name: Expected a name of 1 to 64 letters, digits, \"_\", "
                + "\".\" and \"-\", found \"a b\".")
    }

    /// Faults of form do not hide those of names and expressions.
    @Test func aFaultHidesNoOther() {
        let errors = Job.errors(
            """
            {
              "name": "bad",
              "feed": {"format": "simulator", "tick": 5, "seed": "x"},
              "source": {"path": "log/t", "startingOffsets": "earlist"},
              "watermark": {"eventTime": "event_time", "delayThreshold": "-5 seconds"},
              "queries": [
                {"name": "a", "groupBy": ["symbol"], "select": ["symbol", "max(pirce) AS m"],
                 "outputMode": "apend", "sinks": [{"format": "table", "path": "lake/a"}]},
                {"name": "a", "from": "b", "select": []}
              ]
            }
            """)
        #expect(
            errors.map(\.pointer) == [
                "/feed/tick", "/feed/seed", "/source/startingOffsets", "/watermark/delayThreshold",
                "/queries/0/select/1", "/queries/0/outputMode", "/queries/1/name",
                "/queries/1/from", "/queries/1/select",
            ])
    }

    /// A file that is wrong throughout is refused in bounded time and memory.
    @Test func errorsAreBounded() {
        let paths = Array(repeating: "1", count: 9_000).joined(separator: ",")
        let many = Job.errors(
            sampleJob(feed: #"{"format": "arrow", "paths": [\#(paths)]}"#))
        #expect(many.count == SettingFaults.countMax)
        let queries = Array(repeating: "{}", count: 100_000).joined(separator: ",")
        let errors = Job.errors(
            #"{"name": "a", "source": {"path": "b"}, "queries": [\#(queries)]}"#)
        #expect(errors.map(\.message) == ["Expected 1 to 100 values, found 100000."])
        let large = Job.errors(String(repeating: " ", count: 1 << 21))
        #expect(large.map(\.code) == [.notJSON])
    }

    /// A value changed for one of each JSON type never traps, wherever it stands.
    @Test(arguments: ShippedFilesTests.jobs)
    func anyValueMayBeOfAnyType(path: String) throws {
        let bytes = try #require(ShippedFile.bytes(path))
        let text = try SettingsText.read(bytes, file: path, environment: [:]).text
        var number = 0
        for range in text.root.allRanges {
            for other in ["null", "true", "-1e300", "\"\"", "[]", "{}"] {
                number += 1
                guard number % TestSlice.step(5) == 0 else { continue }
                let changed =
                    bytes[..<range.lowerBound] + Array(other.utf8) + bytes[range.upperBound...]
                do throws(JobErrors) {
                    _ = try Job.load(Array(changed), path: path, registry: .all)
                } catch {
                    #expect(error.errors.allSatisfy { $0.position.line >= 1 })
                }
            }
        }
    }
}
