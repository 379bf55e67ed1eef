import Checkpoints
import Columnar
import ConnectorAPI
import Engine
import Jobs
import Lake
import Registry
import Settings
import Storage
import TestSupport
import Testing

/// What comes of a source of several splits depends on its rows alone: not on how they are cut into
/// batches, on threads, on when a split appears, or on where a run was killed.
@Suite struct SplitOrderTests {
    private static let schema = Schema([
        Field("ts", .timestamp), Field("key", .string), Field("value", .long),
        Field("price", .double),
    ])
    private static let splits = [SplitID("t", 0), SplitID("t", 2), SplitID("u", 0)]

    /// A job whose windows close when no more rows come, unless they stay open for the next run.
    private static func job(more: String = "", isLast: Bool = true) -> String {
        """
        { "name": "splits",
          "source": { "format": "log", "path": "log/x" \(more) },
          "watermark": { "eventTime": "ts", "delayThreshold": "60 seconds"
                         \(isLast ? ", \"idleTimeout\": \"0 seconds\"" : "") },
          "trigger": { "availableNow": true },
          "options": { "stateSnapshotIntervalBatches": 2 },
          "queries": [
            { "name": "candles", "groupBy": ["key", "window(ts, '10 seconds')"],
              "select": ["key", "unix_seconds(window.start) AS start", "count(*) AS n",
                         "sum(value) AS total", "max(value) AS top", "sum(price) AS paid",
                         "avg(price) AS mean", "first(price) AS open", "last(price) AS close",
                         "min_by(value, price) AS cheapest"],
              "outputMode": "append",
              "sinks": [{ "format": "parquet", "path": "lake/candles" }] },
            { "name": "kpi", "from": "candles", "groupBy": ["key"],
              "select": ["key", "sum(n) AS n", "max(top) AS top"], "outputMode": "complete",
              "sinks": [{ "format": "table", "path": "lake/kpi" }] } ] }
        """
    }

    /// Rows of each split; many have the same event time, and sums of the prices show their order.
    private static let rows: [SplitID: [[Value]]] = {
        var random = SeededGenerator(seed: 11)
        var rows: [SplitID: [[Value]]] = [:]
        for split in splits {
            rows[split] = (0..<14).map { index in
                let second = 100 + index * 3 - (index % 4 == 3 ? 5 : 0)
                return [
                    .timestamp(Int64(second) * 1_000_000), .string(index % 3 == 0 ? "b" : "a"),
                    .long(Int64.random(in: 0...99, using: &random)),
                    .double(Double.random(in: -1e9...1e9, using: &random) / 3),
                ]
            }
        }
        return rows
    }()

    private func filled(_ clock: ManualTime) -> MemorySource {
        let source = MemorySource(
            Self.schema, splits: [Self.splits[0]], clock: clock)
        for split in Self.splits { source.append(Self.rows[split] ?? [], to: split) }
        return source
    }

    /// Runs a job over what a source has now.
    private func run(
        _ text: String, _ source: MemorySource, _ files: any FileSystem, _ time: ManualTime,
        threads: Int = 1
    ) throws {
        let job = try Job.load(Array(text.utf8), path: "splits.json", registry: .all)
        let engine = try MicroBatchEngine(
            job: EngineJob(
                job: job, plan: job.plan([source.columns]), threads: threads, environment: [:],
                run: SinkRun(files: files)),
            sources: [source], checkpointPath: Path("ckpt"), files: files, time: time,
            observe: { _ in })
        defer { engine.close() }
        var limits = RunLimits()
        limits.sourceIsComplete = true
        _ = try engine.run(trigger: .availableNow, limits: limits) { false }
    }

    /// Every row of a table, bit for bit and in an order of its own.
    private func table(_ name: String, _ files: any FileSystem) throws -> [String] {
        let path = try Path("lake/\(name)")
        guard try files.exists(path) else { return [] }
        let reader = try LakeReader(path, files)
        return try reader.read().rows.map { row in
            row.map { if case .double(let value) = $0 { "\(value.bitPattern)" } else { "\($0)" } }
                .joined(separator: " ")
        }.sorted()
    }

    /// The files of the tables, and the end offsets of each batch that is kept.
    private func bytes(_ files: any FileSystem) throws -> [String: [UInt8]] {
        var found: [String: [UInt8]] = [:]
        for table in ["lake/candles", "lake/kpi"] where try files.exists(Path(table)) {
            for file in try LakeReader(Path(table), files).listFiles() {
                let path = try Path(table).joining(relative: file.path)
                found[path.string] = try files.read(path, maxBytes: 1 << 20)
            }
        }
        let reader = try CheckpointReader(Path("ckpt"), files: files)
        for batch in try reader.plannedBatches() {
            found["offsets/\(batch)"] = Array(
                "\(try reader.offsets(batch).sources.map(\.offsets.end.text))".utf8)
        }
        return found
    }

    private func result(_ files: any FileSystem) throws -> [[String]] {
        [try table("candles", files), try table("kpi", files)]
    }

    private func undisturbed() throws -> [[String]] {
        let (files, time) = (SimulatedFileSystem(), ManualTime())
        try run(Self.job(), filled(time), files, time)
        return try result(files)
    }

    @Test(arguments: [1, 4]) func anyCutGivesTheSameRows(_ threads: Int) throws {
        let expected = try undisturbed()
        try #require(expected[0].count > 6)
        for limit in [1, 2, 3, 5, 8, 13, 40] {
            let (files, time) = (SimulatedFileSystem(), ManualTime())
            let text = Self.job(more: ", \"maxOffsetsPerTrigger\": \(limit)")
            try run(text, filled(time), files, time, threads: threads)
            #expect(try result(files) == expected, "\(limit) rows a batch")
        }
    }

    /// Rows come to any split between two runs, some splits only then.
    @Test(arguments: [1, 4]) func anyArrivalGivesTheSameRows(_ threads: Int) throws {
        let expected = try undisturbed()
        for seed in 0..<12 as Range<UInt64> {
            var random = SeededGenerator(seed: seed)
            let (files, time) = (SimulatedFileSystem(), ManualTime())
            let source = MemorySource(
                Self.schema, splits: [Self.splits[Int(seed % 3)]], clock: time)
            var left = Self.rows
            while left.values.contains(where: { !$0.isEmpty }) {
                for split in Self.splits.shuffled(using: &random).prefix(2) {
                    let count = Int.random(in: 0...6, using: &random)
                    source.append(Array(left[split]?.prefix(count) ?? []), to: split)
                    left[split] = Array(left[split]?.dropFirst(count) ?? [])
                }
                let isLast = left.values.allSatisfy(\.isEmpty)
                try run(Self.job(isLast: isLast), source, files, time, threads: threads)
            }
            #expect(try result(files) == expected, "seed \(seed)")
        }
    }

    @Test(arguments: [1, 4]) func aKillAtEachStepLeavesTheSameBytes(_ threads: Int) throws {
        let text = Self.job(more: ", \"maxOffsetsPerTrigger\": 24")
        let undisturbed = SimulatedFileSystem()
        let time = ManualTime()
        try run(text, filled(time), undisturbed, time)
        let expected = try bytes(undisturbed)
        try #require(expected.count > 2)
        let survived = try sweepCrashes(
            seeds: 0, step: TestSlice.step(10),
            run: { files in
                let time = ManualTime()
                try self.run(text, self.filled(time), files, time, threads: threads)
            },
            recover: { files, point in
                let time = ManualTime()
                try self.run(text, self.filled(time), files, time, threads: threads)
                guard try self.bytes(files) == expected else { throw Different(point: point) }
            })
        #expect(survived > 100 / TestSlice.step(10))
    }
}

private struct Different: Error {
    let point: CrashPoint
}
