import Columnar
import ConnectorAPI
import Engine
import Expressions
import Jobs
import Lake
import LogConnector
import Registry
import Settings
import Storage
import TestSupport
import Testing
import TickLog

/// The whole engine on a machine that loses power: log, state, checkpoint, lake.
///
/// Whatever survives of what was not synced, the next run leaves exactly the files that an
/// undisturbed run leaves.
@Suite struct CrashSweepTests {
    static let job = """
        { "name": "sweep", "source": { "format": "log", "path": "log", "maxOffsetsPerTrigger": 12 },
          "watermark": { "eventTime": "ts", "delayThreshold": "3 seconds",
                         "idleTimeout": "0 seconds" },
          "trigger": { "availableNow": true },
          "options": { "stateSnapshotIntervalBatches": 2 },
          "queries": [
            { "name": "candles", "groupBy": ["key", "window(ts, '5 seconds')"],
              "select": ["key", "window.start AS start", "sum(value) AS total",
                         "last(value) AS close", "to_date(window.start) AS date"],
              "outputMode": "append",
              "sinks": [{ "format": "parquet", "path": "lake/candles",
                          "partitionBy": ["date"] }] },
            { "name": "kpi", "from": "candles", "groupBy": ["key"],
              "select": ["key", "max(total) AS top"], "outputMode": "complete",
              "sinks": [{ "format": "table", "path": "lake/kpi" }] } ] }
        """

    /// Delta tables, one that grows and one that is replaced by key, in few batches.
    static let delta = """
        { "name": "sweep", "source": { "format": "log", "path": "log", "maxOffsetsPerTrigger": 20 },
          "watermark": { "eventTime": "ts", "delayThreshold": "3 seconds" },
          "trigger": { "availableNow": true },
          "queries": [
            { "name": "candles", "groupBy": ["key", "window(ts, '5 seconds')"],
              "select": ["key", "window.start AS start", "sum(value) AS total",
                         "to_date(window.start) AS date"],
              "outputMode": "append",
              "sinks": [{ "format": "delta", "path": "lake/candles", "partitionBy": ["date"] }] },
            { "name": "kpi", "groupBy": ["key"], "select": ["key", "max(value) AS top"],
              "outputMode": "update", "sinks": [{ "format": "delta", "path": "lake/kpi" }] } ] }
        """

    /// The same job in batches that show rows as they come.
    static let live = job.replacing("\"availableNow\": true", with: "\"realTime\": \"5 seconds\"")
        .replacing(
            "\"queries\": [",
            with: """
                "queries": [
                  { "name": "now", "groupBy": ["key"], "select": ["key", "sum(value) AS total"],
                    "outputMode": "update",
                    "sinks": [{ "format": "console" }, { "format": "table", "path": "lake/now",
                                                         "keys": ["key"] }] },
                """)

    static let watermark = """
        "watermark": { "eventTime": "ts", "delayThreshold": "3 seconds",
                         "idleTimeout": "0 seconds" },
        """

    /// The same job over two logs, each with a part of the rows and a watermark of its own; one is
    /// through before the other.
    static let union = job.replacing(watermark, with: "").replacing(
        "\"source\": { \"format\": \"log\", \"path\": \"log\", \"maxOffsetsPerTrigger\": 12 }",
        with: """
            "sources": [
              { "name": "one", \(watermark) "path": "log", "maxOffsetsPerTrigger": 7 },
              { "name": "two", \(watermark) "path": "log2", "maxOffsetsPerTrigger": 4,
                "where": "value >= 0", "select": ["value", "ts", "key"] } ]
            """)

    static let rows: [[Value]] = (0..<40).map { index in
        // Across midnight, so that there are two partitions; some rows out of order, some late.
        let second = 86_385 + index - (index % 7 == 3 ? 4 : 0) - (index % 13 == 5 ? 20 : 0)
        return [
            .timestamp(Int64(second) * 1_000_000), .string(index % 2 == 0 ? "a" : "b"),
            .long(Int64(index)),
        ]
    }

    private func fillLog(_ files: any FileSystem) throws {
        try fill("log", Self.rows, files)
    }

    private func fillLogs(_ files: any FileSystem) throws {
        try fill("log", Self.rows.enumerated().filter { $0.offset % 3 != 1 }.map(\.element), files)
        try fill("log2", Self.rows.enumerated().filter { $0.offset % 3 == 1 }.map(\.element), files)
    }

    private func fill(_ name: String, _ rows: [[Value]], _ files: any FileSystem) throws {
        let path = try Path(name)
        try TickLogWriter.create(path, schema: StreamScript.schema, timeColumn: "ts", files)
        let writer = try TickLogWriter(path, files)
        try writer.append(RecordBatch(StreamScript.schema, rows: rows), producer: nil)
        try writer.sync()
        try writer.close()
    }

    private func run(
        _ files: any FileSystem, _ text: String = job, threads: Int = 1
    ) throws {
        let job = try Job.load(Array(text.utf8), path: "sweep.json", registry: .all)
        let logs = try job.sources.map { source in
            TickLogWriter.mend(try Path(source.path), files)
            return try TickLogReader(Path(source.path), files)
        }
        let plan = try job.plan(
            logs.map { SourceColumns(schema: $0.schema, timeColumn: $0.timeColumn) })
        var engineJob = EngineJob(
            job: job, plan: plan, threads: threads, environment: [:], run: SinkRun(files: files))
        let openTables = engineJob.openSinks
        engineJob.openSinks = { query, owner in
            let shown = query.sinks.filter(\.needsTerminal).map { _ in MemoryLiveSink() }
            return try openTables(query, owner) + shown
        }
        let time = ManualTime()
        let engine = try MicroBatchEngine(
            job: engineJob,
            sources: logs.map { LogSource($0, time: time) }, checkpointPath: Path("ckpt"),
            files: files, time: time, observe: { _ in })
        defer { engine.close() }
        var limits = RunLimits()
        limits.sourceIsComplete = true
        if !job.trigger.isBounded {
            limits.untilOffsets = try logs.map { SourceOffsets(only: try $0.refresh()) }
        }
        _ = try engine.run(trigger: job.trigger, limits: limits) { false }
    }

    /// Every data file of the lake with its bytes.
    private func lake(_ files: any FileSystem) throws -> [String: [UInt8]] {
        var found: [String: [UInt8]] = [:]
        for table in ["lake/candles", "lake/kpi", "lake/now"]
        where try files.exists(Path(table)) {
            let reader = try LakeReader(Path(table), files)
            // Of a Delta table also how many commits there are: one a batch, whatever happened.
            found[table] = reader.version.map { Array("\($0)".utf8) }
            for file in try reader.listFiles() {
                let path = try Path(table).joining(relative: file.path)
                found[path.string] = try files.read(path, maxBytes: 1 << 20)
            }
        }
        return found
    }

    @Test func everyCrashLeavesTheUndisturbedLake() throws {
        try sweep(Self.job, prepare: fillLog)
    }

    @Test func everyCrashOfAUnionLeavesTheUndisturbedLake() throws {
        try sweep(Self.union, prepare: fillLogs)
    }

    @Test func everyCrashLeavesTheUndisturbedDeltaTables() throws {
        try sweep(Self.delta, crashesMin: 100, prepare: fillLog)
    }

    @Test func everyCrashInRealTimeLeavesTheUndisturbedLake() throws {
        try sweep(Self.live, prepare: fillLog)
    }

    /// Batches that are stored while the next ones are computed, and old files removed beside both.
    @Test func everyCrashOfTwoThreadsLeavesTheUndisturbedLake() throws {
        let job = Self.job.replacing(
            "\"options\": {", with: "\"options\": { \"minBatchesToRetain\": 2,")
        try sweep(job, threads: 2, prepare: fillLog)
    }

    private func sweep(
        _ job: String, threads: Int = 1, crashesMin: Int = 400,
        prepare: (SimulatedFileSystem) throws -> Void
    ) throws {
        let undisturbed = SimulatedFileSystem()
        try prepare(undisturbed)
        try run(undisturbed, job)
        let expected = try lake(undisturbed)
        try #require(expected.count > 4)
        let survived = try sweepCrashes(
            seeds: 0, step: TestSlice.step(10), prepare: prepare,
            run: { try self.run($0, job, threads: threads) },
            recover: { files, point in
                try self.run(files, job, threads: threads)
                let found = try self.lake(files)
                guard found == expected else { throw Violation(point: point) }
            })
        #expect(survived > crashesMin / TestSlice.step(10))
    }

    @Test func droppedSyncsAreNoticed() throws {
        // The sweep can fail: a machine that only pretends to sync loses what was promised.
        let undisturbed = SimulatedFileSystem()
        try fillLog(undisturbed)
        try run(undisturbed)
        let expected = try lake(undisturbed)
        #expect(throws: (any Error).self) {
            try sweepCrashes(
                seeds: 0, mutant: Mutant(.fileSyncDropped), prepare: fillLog,
                run: { try self.run($0) },
                recover: { files, point in
                    try self.run(files)
                    guard try self.lake(files) == expected else { throw Violation(point: point) }
                })
        }
    }

    @Test func threadsLeaveTheSameBytes() throws {
        let one = SimulatedFileSystem()
        try fillLogs(one)
        try run(one, Self.union)
        let two = SimulatedFileSystem()
        try fillLogs(two)
        try run(two, Self.union, threads: 2)
        #expect(try lake(one) == lake(two))
    }
}

private struct Violation: Error {
    let point: CrashPoint
}
