import ConnectorAPI
import Expressions
import Jobs
import Registry
import Storage
import TestSupport

/// What one seed chooses: jobs, input, sizes.
///
/// The same seed gives the same scenario everywhere.
///
/// A scenario is a sequence of processes on one machine: a log is filled from a CSV file with
/// broken, late and repeated records, by a job and beside it; jobs read it; the log is sealed,
/// compressed and trimmed in between.
struct Scenario: Sendable {
    /// One process, from its start to its end.
    enum Phase: Sendable {
        /// `log append`: the feed until the log has so many rows, all of them when nil.
        case fill(rows: Int?)
        /// `run`: a job, reading no offset from `until` on; the last run closes idle windows.
        case run(job: Int, until: Int?, isLast: Bool)
        /// `log trim`, and the compression of sealed segments.
        case tidy
    }

    let seed: UInt64
    let jobs: [Job]
    /// The jobs' plans, over the columns that their feed gives.
    let plans: [JobPlan]
    let input: [UInt8]
    let phases: [Phase]
    let segmentBytesMax: Int
    let appendRowsMax: Int
    /// Whether small appends go to journals, as those of a feed that fills a log live.
    var usesJournals: Bool { seed % 3 != 0 }
    /// Whether tables are compacted between batches.
    let compacts: Bool
    /// The tables that are compacted then.
    var compactedTables: [String] { ["lake/candles", "lake/odd", "lake/sessions"] }

    static let inputPath = "ticks.csv"
    static let logPath = "log/ticks"
    static let date = 1_767_657_600 as Int64  // 2026-01-06T00:00:00Z

    /// The layout of processes, the choice of queries and whether tables are compacted follow from
    /// the seed unless given.
    init(
        seed: UInt64, layout: Int? = nil, queries: Int? = nil, compacts: Bool? = nil
    ) throws {
        var random = SeededGenerator(seed: seed)
        self.seed = seed
        self.compacts = compacts ?? (seed % 4 != 1)
        let compaction = self.compacts ? ", \"compaction\": { \"minFiles\": 2 }" : ""
        let count = Int.random(in: 18...40, using: &random)
        input = Self.rows(count, &random)
        segmentBytesMax = Int.random(in: 0...3, using: &random) == 0 ? 1 << 20 : 2_600
        appendRowsMax = Int.random(in: 4...12, using: &random)
        let batch = Int.random(in: 8...16, using: &random)
        jobs = try [
            Self.job(
                "main", batch, Self.mainQueries(&random, queries, compaction), &random),
            Self.job("second", batch + 3, [Self.sessions(compaction)], &random),
        ].map { try Job.load(Array($0.utf8), path: "job.json", registry: .all) }
        plans = try jobs.map { job in
            guard let columns = job.sources[0].feed?.declaredColumns else {
                throw Violation("the jobs have feeds")
            }
            return try job.plan([columns])
        }
        let first = count / 2
        switch layout ?? Int.random(in: 0..<4, using: &random) {
        case 0:
            phases = [.fill(rows: nil), .run(job: 0, until: nil, isLast: true)]
        case 1:
            phases = [
                .fill(rows: first), .run(job: 0, until: first / 2, isLast: false),
                .fill(rows: nil), .run(job: 0, until: nil, isLast: true), .tidy,
            ]
        case 2:
            phases = [
                .fill(rows: nil), .run(job: 0, until: first, isLast: false),
                .run(job: 1, until: nil, isLast: true), .run(job: 0, until: nil, isLast: true),
            ]
        default:
            phases = [
                .fill(rows: first), .tidy, .fill(rows: nil),
                .run(job: 0, until: nil, isLast: false),
            ]
        }
    }

    /// Records across midnight: in order, late, far too late, repeated, broken.
    private static func rows(_ count: Int, _ random: inout SeededGenerator) -> [UInt8] {
        var text = "ts,key,value,id\n"
        var id = 0
        for index in 0..<count {
            var second = date - 30 + Int64(index) * 2
            switch Int.random(in: 0..<12, using: &random) {
            case 0: second -= 4
            case 1: second -= 25
            default: break
            }
            if Int.random(in: 0..<6, using: &random) != 0 { id += 1 }
            let key = ["a", "b", "c\u{e9}"][Int.random(in: 0..<3, using: &random)]
            let value = Int64.random(in: -50...50, using: &random)
            if Int.random(in: 0..<14, using: &random) == 0 { text += "broken,\(index)\n" }
            text += "\(second),\(key),\(value),\(id)\n"
        }
        return Array(text.utf8)
    }

    private static func job(
        _ name: String, _ batch: Int, _ queries: [String], _ random: inout SeededGenerator
    ) -> String {
        """
        { "name": "\(name)",
          "feed": { "format": "csv", "paths": "\(inputPath)", "eventTime": "ts",
                    "columns": [
                      { "name": "ts", "type": "timestamp", "format": "epoch_s" },
                      { "name": "key", "type": "string", "nullable": false },
                      { "name": "value", "type": "long", "nullable": false },
                      { "name": "id", "type": "long", "nullable": false } ],
                    "rejects": { "path": "lake/rejects" } },
          "source": { "format": "log", "path": "\(logPath)", "maxOffsetsPerTrigger": \(batch) },
          "watermark": { "eventTime": "ts", "delayThreshold": "3 seconds",
                         "idleTimeout": "1 hour" },
          "trigger": { "availableNow": true },
          "options": {
            "stateSnapshotIntervalBatches": \(Int.random(in: 1...3, using: &random)),
            "minBatchesToRetain": \(Int.random(in: 2...4, using: &random)), "threads": 1 },
          "queries": [ \(queries.joined(separator: ",\n")) ] }
        """
    }

    private static func mainQueries(
        _ random: inout SeededGenerator, _ chosen: Int?, _ compaction: String
    ) -> [String] {
        let compression = Bool.random(using: &random) ? "none" : "zstd"
        let late =
            Bool.random(using: &random) ? ", \"late\": { \"path\": \"lake/candles_late\" }" : ""
        let candles = """
            { "name": "candles", "groupBy": ["key", "window(ts, '5 seconds')"],
              "select": ["key", "window.start AS start", "sum(value) AS total",
                         "last(value) AS close", "to_date(window.start) AS date"],
              "outputMode": "append"\(late),
              "sinks": [{ "format": "parquet", "path": "lake/candles",
                          "partitionBy": ["date"], "compression": "\(compression)"\(compaction) }] }
            """
        let kpi = """
            { "name": "kpi", "from": "candles", "groupBy": ["key"],
              "select": ["key", "max(total) AS top"], "outputMode": "complete",
              "sinks": [{ "format": "table", "path": "lake/kpi" }] }
            """
        let totals = """
            { "name": "totals", "dropDuplicates": ["id"], "groupBy": ["key"],
              "select": ["key", "sum(value) AS total", "count(*) AS n"], "outputMode": "update",
              "sinks": [{ "format": "table", "path": "lake/totals", "keys": ["key"] }] }
            """
        let odd = """
            { "name": "odd", "where": "value % 2 = 1", "dropDuplicatesWithinWatermark": ["id"],
              "select": ["ts", "key", "value", "id"], "outputMode": "append",
              "late": { "path": "lake/odd_late" },
              "sinks": [{ "format": "parquet", "path": "lake/odd"\(compaction) }] }
            """
        switch chosen ?? Int.random(in: 0..<5, using: &random) {
        case 0: return [candles, kpi]
        case 1: return [candles, totals]
        case 2: return [odd, totals]
        case 3: return [candles]
        default: return [odd]
        }
    }

    private static func sessions(_ compaction: String) -> String {
        """
        { "name": "sessions", "groupBy": ["key", "session_window(ts, '4 seconds')"],
          "select": ["key", "session_window.start AS start", "count(*) AS n"],
          "outputMode": "append",
          "sinks": [{ "format": "parquet", "path": "lake/sessions", "compression": "none"\(compaction) }] }
        """
    }
}
