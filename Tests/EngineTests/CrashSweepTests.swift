import Columnar
import Connectors
import Engine
import Jobs
import Lake
import Operators
import Storage
import Streams
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

    /// The same candles as a Delta table, in few batches.
    static let deltaJob = """
        { "name": "sweep", "source": { "format": "log", "path": "log", "maxOffsetsPerTrigger": 20 },
          "watermark": { "eventTime": "ts", "delayThreshold": "3 seconds" },
          "trigger": { "availableNow": true },
          "queries": [
            { "name": "candles", "groupBy": ["key", "window(ts, '5 seconds')"],
              "select": ["key", "window.start AS start", "sum(value) AS total",
                         "to_date(window.start) AS date"],
              "outputMode": "append",
              "sinks": [{ "format": "delta", "path": "lake/delta", "partitionBy": ["date"] }] },
            { "name": "kpi", "groupBy": ["key"], "select": ["key", "max(value) AS top"],
              "outputMode": "update", "sinks": [{ "format": "delta", "path": "lake/kpi" }] } ] }
        """

    static let rows: [[Value]] = (0..<40).map { index in
        // Across midnight, so that there are two partitions; some rows out of order, some late.
        let second = 86_385 + index - (index % 7 == 3 ? 4 : 0) - (index % 13 == 5 ? 20 : 0)
        return [
            .timestamp(Int64(second) * 1_000_000), .string(index % 2 == 0 ? "a" : "b"),
            .long(Int64(index)),
        ]
    }

    private func fillLog(_ files: any FileSystem) throws {
        let path = try Path("log")
        try TickLogWriter.create(path, schema: StreamScript.schema, timeColumn: "ts", files)
        let writer = try TickLogWriter(path, files)
        try writer.append(RecordBatch(StreamScript.schema, rows: Self.rows), producer: nil)
        try writer.sync()
        try writer.close()
    }

    private func run(
        _ files: any FileSystem, threads: Int = 1, job text: String = Self.job
    ) throws {
        let reader = try TickLogReader(Path("log"), files)
        let job = try Job.load(Array(text.utf8), path: "sweep.json")
        let plan = try job.plan(inputSchema: reader.schema, timeColumn: reader.timeColumn)
        let engine = try MicroBatchEngine(
            job: EngineJob(job: job, plan: plan, threads: threads, environment: [:]) {
                try openSinks($0, $1, files)
            },
            source: LogSource(reader), checkpointPath: Path("ckpt"), files: files,
            time: ManualTime(), observe: { _ in })
        defer { engine.close() }
        var limits = RunLimits()
        limits.sourceIsComplete = true
        _ = try engine.run(trigger: job.trigger, limits: limits) { false }
    }

    /// Every data file of the lake with its bytes.
    private func lake(
        _ files: any FileSystem, tables: [String] = ["lake/candles", "lake/kpi"]
    ) throws -> [String: [UInt8]] {
        var found: [String: [UInt8]] = [:]
        for table in tables {
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
        let undisturbed = SimulatedFileSystem()
        try fillLog(undisturbed)
        try run(undisturbed)
        let expected = try lake(undisturbed)
        try #require(expected.count > 5)
        let survived = try sweepCrashes(
            seeds: 0, prepare: fillLog, run: { try self.run($0) },
            recover: { files, point in
                try self.run(files)
                let found = try self.lake(files)
                guard found == expected else { throw Violation(point: point) }
            })
        #expect(survived > 400)
    }

    @Test func everyCrashLeavesTheUndisturbedDeltaTables() throws {
        let tables = ["lake/delta", "lake/kpi"]
        let undisturbed = SimulatedFileSystem()
        try fillLog(undisturbed)
        try run(undisturbed, job: Self.deltaJob)
        let expected = try lake(undisturbed, tables: tables)
        try #require(expected.count > 3)
        try sweepCrashes(
            seeds: 0, prepare: fillLog, run: { try self.run($0, job: Self.deltaJob) },
            recover: { files, point in
                try self.run(files, job: Self.deltaJob)
                let found = try self.lake(files, tables: tables)
                guard found == expected else { throw Violation(point: point) }
            })
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
        try fillLog(one)
        try run(one)
        let two = SimulatedFileSystem()
        try fillLog(two)
        try run(two, threads: 2)
        #expect(try lake(one) == lake(two))
    }
}

private struct Violation: Error {
    let point: CrashPoint
}

private func openSinks(
    _ query: PlannedQuery, _ checkpointID: String, _ files: any FileSystem
) throws -> [any Sink] {
    let owner = TableOwner(checkpointID: checkpointID, query: query.name)
    return try query.sinks.compactMap { sink in
        switch sink {
        case .parquet(let spec):
            let table = try LakeTable(
                Path(spec.path), files, owner: owner, schema: query.outputSchema,
                partitionBy: spec.partitionBy)
            return LakeSink(table, files)
        case .table(let spec):
            let table = try ReplacedTable(
                Path(spec.path), files, owner: owner, schema: query.outputSchema)
            return TableSink(table, upsertKeys: [], files)
        case .delta(let spec):
            let table = try DeltaTable(
                Path(spec.path), files, owner: owner, schema: query.outputSchema,
                partitionBy: spec.partitionBy,
                layout: query.outputMode == .append ? .partitioned : .replaced)
            return DeltaSink(
                table, upsertKeys: query.outputMode == .update ? spec.keys : [], files)
        case .console: return nil
        }
    }
}
