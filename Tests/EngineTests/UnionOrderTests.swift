import Columnar
import Engine
import Jobs
import Storage
import TestSupport
import Testing

/// Rows of several sources in one group: where batches end changes no bit of a result.
@Suite struct UnionOrderTests {
    static let schema = Schema([
        Field("ts", .timestamp), Field("key", .string), Field("value", .long),
        Field("price", .double),
    ])

    /// Every aggregate that depends on the order of rows, straight over the union and behind a
    /// query that works row by row.
    private static func job(_ limits: [Int64?], from: String?) -> String {
        let sources = limits.enumerated().map { index, limit in
            """
            { "name": "s\(index)", "path": "log/\(index)"
              \(limit.map { ", \"maxOffsetsPerTrigger\": \($0)" } ?? ""),
              "watermark": { "eventTime": "ts", "delayThreshold": "1 hour",
                             "idleTimeout": "0 seconds" } }
            """
        }
        return """
            { "name": "script", "sources": [\(sources.joined(separator: ", "))],
              "trigger": { "availableNow": true },
              "queries": [
                \(from.map { "{ \"name\": \"\($0)\", \"where\": \"value <> 13\", \"select\": [\"*\"] }," } ?? "")
                { "name": "q" \(from.map { ", \"from\": \"\($0)\"" } ?? ""),
                  "groupBy": ["key", "window(ts, '10 seconds', '5 seconds')"],
                  "select": ["key", "window.start AS s", "first(value) AS open",
                    "last(value) AS close", "min_by(value, price) AS low",
                    "max_by(value, price) AS high", "sum(price) AS total", "avg(price) AS mean",
                    "stddev_samp(price) AS spread", "min(0 * price) AS zero",
                    "last(value, true) FILTER (WHERE value % 3 = 0) AS third"],
                  "sinks": [{ "format": "console" }] } ] }
            """
    }

    /// Many rows of equal times and equal prices, in three sources.
    private static func rows(_ random: inout SeededGenerator) -> [[[Value]]] {
        (0..<3).map { source in
            (0..<40).map { index in
                let sign = Bool.random(using: &random) ? 1.0 : -1.0
                return [
                    .timestamp(Int64.random(in: 0..<12, using: &random) * 2_000_000),
                    .string(["a", "b"].randomElement(using: &random) ?? ""),
                    .long(Int64(source * 100 + index)),
                    .double(sign * Double(Int.random(in: 0..<9, using: &random)) / 10),
                ]
            }
        }
    }

    private func result(
        _ rows: [[[Value]]], limits: [Int64?], from: String?, arrivals: Int = 1
    ) throws -> [String] {
        let script = StreamScript(
            Self.job(limits, from: from), schema: Self.schema, sources: rows.count)
        for arrival in 0..<arrivals {
            for (source, all) in rows.enumerated() {
                let size = all.count / arrivals
                let end = arrival == arrivals - 1 ? all.count : (arrival + 1) * size
                script.add(rows: Array(all[arrival * size..<end]), to: source)
            }
            var limits = RunLimits()
            // Only the last run finds the sources at their end.
            limits.maxBatches = arrival < arrivals - 1 ? 1 : nil
            limits.sourceIsComplete = arrival == arrivals - 1
            try script.run(limits)
            try script.restart()
        }
        // The bits: 0.0 and -0.0 differ.
        return script.sink.all.values.flatMap { $0 }.map { row in
            row.map { value in
                if case .double(let number) = value { return String(number.bitPattern, radix: 16) }
                return "\(value)"
            }.joined(separator: " ")
        }.sorted()
    }

    @Test(arguments: [nil, "rows"])
    func batchesChangeNoBit(from: String?) throws {
        var random = SeededGenerator(seed: 7)
        for _ in 0..<5 {
            let rows = Self.rows(&random)
            let whole = try result(rows, limits: [nil, nil, nil], from: from)
            #expect(whole.count > 8)
            for _ in 0..<4 {
                let limits: [Int64?] = (0..<3).map { _ in Int64.random(in: 1...15, using: &random) }
                #expect(try result(rows, limits: limits, from: from) == whole, "\(limits)")
            }
            #expect(try result(rows, limits: [9, nil, 4], from: from, arrivals: 2) == whole)
        }
    }

    /// Of rows with one event time those of the earlier source come first, whenever they come.
    @Test func theJobsOrderBreaksTies() throws {
        func row(_ value: Int64) -> [Value] {
            [.timestamp(1_000_000), .string("a"), .long(value), .double(1)]
        }
        let script = StreamScript(Self.job([1, 1], from: nil), schema: Self.schema, sources: 2)
        script.add(rows: [row(20), row(21)], to: 1)
        var limits = RunLimits()
        limits.maxBatches = 2
        try script.run(limits)
        try script.restart()
        script.add(rows: [row(10), row(11)], to: 0)
        limits.maxBatches = nil
        limits.sourceIsComplete = true
        try script.run(limits)
        let found = script.sink.all.values.flatMap { $0 }
        #expect(found.count == 2)
        for row in found {
            #expect(Array(row[2...5]) == [.long(10), .long(21), .long(10), .long(10)])
        }
    }

    /// Stopped after any batch, also before its commit, a run goes on to the same rows.
    @Test(arguments: [true, false])
    func restartsChangeNothing(losesCommits: Bool) throws {
        var random = SeededGenerator(seed: 11)
        let rows = Self.rows(&random)
        let text = Self.job([7, 5, nil], from: "rows")
        let scripts = [0, 1].map { _ in
            StreamScript(text, schema: Self.schema, sources: rows.count)
        }
        for script in scripts {
            for (source, rows) in rows.enumerated() { script.add(rows: rows, to: source) }
        }
        let (undisturbed, stopped) = (scripts[0], scripts[1])
        var limits = RunLimits()
        limits.sourceIsComplete = true
        try undisturbed.run(limits)
        limits.maxBatches = 1
        var batch: Int64 = -1
        while true {
            try stopped.restart()
            try stopped.run(limits)
            guard let last = stopped.events.last, last.batchId > batch else { break }
            batch = last.batchId
            stopped.stop()
            if losesCommits {
                try stopped.files.remove(stopped.commit(batch))
                try stopped.restart()
                try stopped.run(limits)
            }
        }
        #expect(stopped.sink.all == undisturbed.sink.all)
        #expect(undisturbed.events.count > 7)
        #expect(undisturbed.events.last?.watermarkMs == stopped.events.last?.watermarkMs)
    }

    @Test func verifyingRunsItAgain() throws {
        var random = SeededGenerator(seed: 13)
        let rows = Self.rows(&random)
        let script = StreamScript(
            Self.job([9, 11, 13], from: nil), schema: Self.schema, sources: rows.count)
        for (source, rows) in rows.enumerated() { script.add(rows: rows, to: source) }
        try script.run()
        let report = try #require(try script.verify(from: 2))
        #expect(report.differences == [])
        #expect(report.identicalFiles > 2)
    }
}
