import Columnar
import ConnectorAPI
import Engine
import Jobs
import Lake
import LogConnector
import Registry
import Settings
import Storage
import TestSupport
import Testing
import TickLog

/// Several sinks of one batch: nobody sees anything of it before all of them have prepared, and a
/// job that cannot begin leaves nothing.
@Suite struct TwoPhaseTests {
    static let job = """
        { "name": "two", "source": { "format": "log", "path": "log", "maxOffsetsPerTrigger": 12 },
          "watermark": { "eventTime": "ts", "delayThreshold": "3 seconds" },
          "trigger": { "availableNow": true },
          "queries": [
            { "name": "candles", "groupBy": ["key", "window(ts, '5 seconds')"],
              "select": ["key", "window.start AS start", "sum(value) AS total",
                         "to_date(window.start) AS date"],
              "outputMode": "append", "late": { "path": "lake/late" },
              "sinks": [{ "format": "parquet", "path": "lake/candles", "partitionBy": ["date"] },
                        { "format": "delta", "path": "lake/delta", "partitionBy": ["date"] }] },
            { "name": "kpi", "groupBy": ["key"], "select": ["key", "sum(value) AS total"],
              "outputMode": "update",
              "sinks": [{ "format": "table", "path": "lake/kpi" },
                        { "format": "delta", "path": "lake/totals" }] } ] }
        """
    static let tables = ["lake/candles", "lake/delta", "lake/kpi", "lake/late", "lake/totals"]

    private func fill(_ files: any FileSystem) throws {
        let path = try Path("log")
        try TickLogWriter.create(path, schema: StreamScript.schema, timeColumn: "ts", files)
        let writer = try TickLogWriter(path, files)
        try writer.append(
            RecordBatch(StreamScript.schema, rows: CrashSweepTests.rows), producer: nil)
        try writer.sync()
        try writer.close()
    }

    /// As `streamer run` does: what fails before the first batch is taken away again.
    private func run(
        _ files: any FileSystem, _ text: String = job, batches: Int? = nil, threads: Int = 1
    ) throws {
        let job = try Job.load(Array(text.utf8), path: "two.json", registry: .all)
        let log = try TickLogReader(Path("log"), files)
        let plan = try job.plan(inputSchema: log.schema, timeColumn: log.timeColumn)
        let engine = try MicroBatchEngine(
            job: EngineJob(
                job: job, plan: plan, threads: threads, environment: [:],
                run: SinkRun(files: files)),
            sources: [LogSource(log, time: ManualTime())], checkpointPath: Path("checkpoints/two"),
            files: files,
            time: ManualTime(), observe: { _ in })
        defer { engine.close() }
        var limits = RunLimits()
        limits.maxBatches = batches
        do {
            _ = try engine.run(trigger: job.trigger, limits: limits) { false }
        } catch {
            engine.withdraw()
            throw error
        }
    }

    /// The rows of every table, as a reader sees them.
    private func seen(_ files: any FileSystem) throws -> [String: [[Value]]] {
        try Self.tables.reduce(into: [:]) { found, table in
            found[table] = try LakeReader(Path(table), files).read().rows
        }
    }

    private func everything(_ files: SimulatedFileSystem) throws -> [String: [UInt8]] {
        let image = files.image
        var found: [String: [UInt8]] = [:]
        for path in image.filePaths { found[path] = image.content(try Path(path)) }
        for path in image.emptyDirectories { found[path + "/"] = [] }
        return found
    }

    private func lake(_ files: SimulatedFileSystem) throws -> [String: [UInt8]] {
        try everything(files).filter { $0.key.hasPrefix("lake/") }
    }

    /// A machine on which two batches are committed.
    private func begun() throws -> MachineImage {
        let files = SimulatedFileSystem()
        try fill(files)
        try run(files, batches: 2)
        return files.image
    }

    @Test func whateverFailsBeforeTheLastPrepareNobodySeesAnything() throws {
        let image = try begun()
        let before = try seen(image.started())
        let undisturbed = image.started()
        try run(undisturbed, batches: 1)
        let expected = try lake(undisturbed)
        #expect(try seen(undisturbed) != before)
        let shows = try #require(
            undisturbed.trace.firstIndex {
                $0.kind == .rename && $0.path.string.hasPrefix("lake/")
            })
        #expect(undisturbed.trace[..<shows].contains { $0.path.string.hasPrefix("lake/totals/") })
        for operation in 0..<undisturbed.operations {
            let files = image.started()
            files.plan(.failure(.noSpace), at: operation)
            let failed = (try? run(files, batches: 1)) == nil
            let step = "operation \(operation): \(undisturbed.trace[operation])"
            if operation < shows {
                #expect(failed, "\(step)")
                #expect(try seen(files) == before, "\(step)")
                #expect(files.image.firstStagedByTable == nil, "\(step)")
            }
            // What comes is the next run, which goes on behind a commit that only was not synced.
            let isThere = try files.exists(Path("checkpoints/two/commits/2"))
            if failed && !isThere { try run(files, batches: 1) }
            #expect(try lake(files) == expected, "\(step)")
        }
    }

    @Test func aFullDiskAtTheSecondSinkLeavesTheFirstAsItWas() throws {
        let image = try begun()
        let before = try seen(image.started())
        let undisturbed = image.started()
        try run(undisturbed, batches: 1)
        let expected = try lake(undisturbed)
        var failures = 0
        for free in stride(from: 0, through: 6_000, by: 200) {
            for threads in 1...2 {
                let files = image.started()
                files.limit(toBytes: files.usedBytes + free)
                guard (try? run(files, batches: 1, threads: threads)) == nil else { continue }
                failures += 1
                if try !files.exists(Path("checkpoints/two/state/kpi/2.delta")) {
                    #expect(try seen(files) == before, "\(free) bytes free")
                }
                files.limit(toBytes: nil)
                try run(files, batches: 1)
                #expect(try lake(files) == expected, "\(free) bytes free")
            }
        }
        #expect(failures > 10)
    }

    @Test func aJobThatCannotBeginLeavesNothing() throws {
        let machine = SimulatedFileSystem()
        try fill(machine)
        let image = machine.image
        let before = try everything(image.started())
        let undisturbed = image.started()
        try run(undisturbed, batches: 1)
        let planned = try #require(
            undisturbed.trace.firstIndex {
                $0.kind == .rename && $0.path.string == "checkpoints/two/offsets/0"
            })
        #expect(planned > 50)
        for operation in 0..<planned {
            let files = image.started()
            files.plan(.failure(.noSpace), at: operation)
            let step = "operation \(operation): \(undisturbed.trace[operation])"
            #expect(throws: (any Error).self, "\(step)") { try run(files, batches: 1) }
            let left = try everything(files)
            let names = Set(left.keys).symmetricDifference(before.keys).sorted()
            #expect(left == before, "\(step): \(names)")
        }
    }

    @Test func aSinkThatCannotOpenLeavesNothingOfTheOthers() throws {
        let files = SimulatedFileSystem()
        try fill(files)
        try files.createDirectories(Path("lake/totals"))
        try files.createAtomically(Path("lake/totals/mine.txt"), mode: .createNew, text: "x")
        let before = try everything(files)
        #expect(throws: (any Error).self) { try run(files) }
        #expect(try everything(files) == before)
        let missing = Self.job.replacing(
            "\"maxOffsetsPerTrigger\": 12", with: "\"startingOffsets\": 1000")
        #expect(throws: EngineError.self) { try run(files, missing) }
        #expect(try everything(files) == before)
    }

    @Test func aCheckpointThatWasThereStays() throws {
        let image = try begun()
        let files = image.started()
        let before = try everything(files)
        files.plan(.failure(.noSpace), at: 3)
        #expect(throws: (any Error).self) { try run(files) }
        let left = try everything(files)
        #expect(Set(before.keys).isSubset(of: left.keys))
    }
}
