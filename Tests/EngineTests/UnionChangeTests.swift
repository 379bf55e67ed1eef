import Columnar
import ConnectorAPI
import Engine
import Testing

/// Changes of a job with several sources between a stop and a start (semantics, section 14).
@Suite struct UnionChangeTests {
    struct Change: Sendable, CustomTestStringConvertible {
        let name: String
        let old: String
        let new: String
        /// The field that a refusal must name; `nil` for a change that is allowed.
        var refusal: String?

        var testDescription: String { name }
    }

    static let left = """
        {"name": "left", "path": "log/l", "maxOffsetsPerTrigger": 2, "where": "value >= 0",
         "select": ["ts", "key", "value"],
         "watermark": {"eventTime": "ts", "delayThreshold": "10 seconds"}}
        """
    static let right = """
        {"name": "right", "path": "log/r",
         "watermark": {"eventTime": "ts", "delayThreshold": "5 seconds"}}
        """
    static let selected = #""select": ["ts", "key", "value"]"#
    static let cast = #""select": ["ts", "key", "CAST(value AS double) AS value"]"#
    static let third = #"{"name": "third", "path": "log/t"}"#

    static let job = """
        { "name": "script", "sources": [\(left), \(right)],
          "trigger": {"availableNow": true},
          "options": {"multipleWatermarkPolicy": "min"},
          "queries": [
            {"name": "counts", "groupBy": ["window(ts, '5 seconds')"],
             "select": ["window.start AS s", "sum(value) AS total"],
             "sinks": [{"format": "parquet", "path": "lake/counts"}]} ] }
        """

    static let allowed = [
        Change(
            name: "rate limit", old: "\"maxOffsetsPerTrigger\": 2",
            new: "\"maxOffsetsPerTrigger\": 3"),
        Change(name: "filter", old: "value >= 0", new: "value > 1"),
        Change(name: "filter removed", old: "\"where\": \"value >= 0\",", new: ""),
        Change(
            name: "select with the same columns", old: "\"value\"]",
            new: "\"abs(value) AS value\"]"),
        Change(name: "delay", old: "\"5 seconds\"}}", new: "\"6 seconds\"}}"),
        Change(
            name: "idle timeout", old: "\"5 seconds\"}}",
            new: "\"5 seconds\", \"idleTimeout\": \"1 minute\"}}"),
        Change(
            name: "the default policy unsaid", old: "\"multipleWatermarkPolicy\": \"min\"",
            new: ""),
    ]

    static let forbidden = [
        Change(
            name: "source added", old: ", \(right)]", new: ", \(right), \(third)]",
            refusal: "sources[third]"),
        Change(name: "source removed", old: ", \(right)]", new: "]", refusal: "sources[right]"),
        Change(
            name: "source renamed", old: "\"name\": \"right\"", new: "\"name\": \"other\"",
            refusal: "sources[right]"),
        Change(
            name: "sources in another order", old: "\(left), \(right)", new: "\(right), \(left)",
            refusal: "sources"),
        Change(
            name: "sources for one source", old: "\"sources\": [\(left), \(right)]",
            new: """
                "source": {"path": "log/l"},
                "watermark": {"eventTime": "ts", "delayThreshold": "5 seconds"}
                """, refusal: "sources"),
        Change(
            name: "policy", old: "\"min\"", new: "\"max\"",
            refusal: "options.multipleWatermarkPolicy"),
        Change(name: "path", old: "log/r", new: "log/r2", refusal: "sources[right].path"),
        Change(
            name: "columns of a source", old: "\(left), \(right)",
            new: "\(left.replacing(selected, with: cast)), "
                + right.replacing("\"path\"", with: "\(cast), \"path\""),
            refusal: "sources[left].select"),
        Change(
            name: "watermark of a source removed",
            old: ",\n \"watermark\": {\"eventTime\": \"ts\", \"delayThreshold\": \"5 seconds\"}}",
            new: "}", refusal: "sources[right].watermark"),
        Change(
            name: "a watermark over all rows", old: "\"sources\": [\(left), \(right)]",
            new: """
                "watermark": {"eventTime": "ts", "delayThreshold": "5 seconds"},
                "sources": [{"name": "left", "path": "log/l"}, {"name": "right", "path": "log/r"}]
                """, refusal: "watermark"),
    ]

    private func stoppedScript() throws -> StreamScript {
        let script = StreamScript(Self.job, sources: 3)
        script.add(10, 11, 31)
        script.add(12, 33, to: 1)
        try script.run()
        script.stop()
        return script
    }

    private func changed(_ change: Change) throws -> String {
        let range = try #require(Self.job.firstRange(of: change.old))
        return Self.job[..<range.lowerBound] + change.new + Self.job[range.upperBound...]
    }

    @Test(arguments: allowed)
    func isAccepted(_ change: Change) throws {
        let script = try stoppedScript()
        #expect(try changed(change) != Self.job)
        script.change(to: try changed(change))
        script.add(45)
        script.add(45, to: 1)
        try script.run()
        #expect(script.events.last?.sources.map(\.offsets.only?.upperBound) == [4, 3])
        #expect(script.watermarkSeconds == 35)
    }

    @Test(arguments: forbidden)
    func isRefusedByName(_ change: Change) throws {
        let script = try stoppedScript()
        script.add(45)
        let new = try changed(change)
        script.change(to: new)
        let error = #expect(throws: EngineError.self) { try script.start() }
        #expect(error?.code == .jobChanged)
        let lines = error?.message.split(separator: "\n").dropFirst() ?? []
        let names = lines.map { $0.drop { $0 == " " }.prefix { $0 != ":" } }
        #expect(names.contains { $0 == change.refusal ?? "" }, "\(error?.message ?? "")")
        // Nothing was touched: the old job goes on.
        script.change(to: Self.job)
        try script.run()
        #expect(script.events.last?.sources.map(\.offsets.only?.upperBound) == [4, 2])
    }
}
