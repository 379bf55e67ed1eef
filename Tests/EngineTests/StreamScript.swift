import Columnar
import ConnectorAPI
import Engine
import Expressions
import Jobs
import Operators
import Registry
import Settings
import Storage
import Synchronization
import TestSupport
import Testing

/// A sink that remembers what each batch gave it; it outlives the engines of a script.
final class MemorySink: Sink {
    private let batches = Mutex<[Int64: [[Value]]]>([:])
    private let whenWritten = Mutex<@Sendable (Int64) throws -> Void>({ _ in })

    let id = SinkID(query: "memory", place: "memory")
    var description: String { "memory" }
    var history: SinkHistory { .everyBatch }
    var all: [Int64: [[Value]]] { batches.withLock { $0 } }

    /// What happens before a batch is written.
    func onWrite(_ action: @escaping @Sendable (Int64) throws -> Void) {
        whenWritten.withLock { $0 = action }
    }

    func recover(_ last: SinkRecovery) {}

    func prepare(_ batch: SinkBatch) -> any PreparedBatch {
        WrittenBatch {
            try self.whenWritten.withLock { $0 }(batch.number.number)
            self.batches.withLock { $0[batch.number.number] = batch.rows.rows }
        }
    }

    func verify(_ batch: SinkBatch, _ receipts: [SinkReceipt]) -> [String] { [] }
}

/// A batch that something is done with when it is committed.
struct WrittenBatch: PreparedBatch {
    let write: @Sendable () throws -> Void

    func commit() throws(ConnectorError) -> [SinkReceipt] {
        try connectorErrors { try write() }
        return []
    }

    func abort() {}
}

/// A sink that remembers what it was shown, and that it was asked to write nothing of it.
final class MemoryLiveSink: LiveSink {
    private let shownRows = Mutex<[(batch: Int64, rows: [[Value]])]>([])
    private let written = Mutex<[Int64]>([])

    let id = SinkID(query: "live", place: "live")
    var description: String { "live" }
    var history: SinkHistory { .newestBatch }
    var shown: [(batch: Int64, rows: [[Value]])] { shownRows.withLock { $0 } }
    var writtenBatches: [Int64] { written.withLock { $0 } }

    func show(_ update: LiveUpdate) {
        shownRows.withLock { $0.append((update.number.number, update.rows.rows)) }
    }

    func recover(_ last: SinkRecovery) {}

    func prepare(_ batch: SinkBatch) -> any PreparedBatch {
        WrittenBatch { self.written.withLock { $0.append(batch.number.number) } }
    }

    func verify(_ batch: SinkBatch, _ receipts: [SinkReceipt]) -> [String] { [] }
}

/// The sinks of tables beside the results, made when they are first asked for.
final class MemorySideTables: Sendable {
    private let sinks = Mutex<[String: MemorySink]>([:])

    func sink(_ table: SideTable) -> MemorySink {
        sinks.withLock { sinks in
            let sink = sinks[table.path] ?? MemorySink()
            sinks[table.path] = sink
            return sink
        }
    }

    /// The rows of a table, batch by batch and in order.
    subscript(_ path: String) -> [[Value]] {
        sinks.withLock { $0[path]?.all.sorted { $0.key < $1.key }.flatMap(\.value) ?? [] }
    }
}

/// Drives an engine step by step, in the style of Spark's StreamTest: add rows, let it run until
/// it has nothing to do, look at what came out, stop, start again.
///
/// Times are whole seconds since 1970; the query counts rows by 5-second windows unless another is
/// given.
final class StreamScript {
    static let schema = Schema([
        Field("ts", .timestamp), Field("key", .string), Field("value", .long),
    ])

    /// The sources of rows that a script adds, in the job's order.
    let sources: [MemorySource]
    /// What is read.
    private let inputs: [any Source]
    let sink = MemorySink()
    /// The console of jobs whose trigger is `realTime`.
    let live = MemoryLiveSink()
    let sideTables = MemorySideTables()
    let time: ManualTime
    var files: any FileSystem
    private let threads: Int
    private(set) var starts: [RunStart] = []
    private(set) var events: [BatchProgress] = []
    /// What the last run did.
    private(set) var summary: RunSummary?
    private var engine: MicroBatchEngine?
    private var text: String
    private var shown: Set<Int64> = []

    init(
        _ text: String, schema: Schema = StreamScript.schema, sources: Int = 1,
        splits: [SplitID] = [.only], offsetStep: Int64 = 1, threads: Int = 1,
        files: any FileSystem = SimulatedFileSystem()
    ) {
        let time = ManualTime()
        self.text = text
        self.time = time
        self.threads = threads
        self.sources = (0..<sources).map { _ in
            MemorySource(schema, splits: splits, offsetStep: offsetStep, clock: time)
        }
        inputs = self.sources
        self.files = files
    }

    /// A script over sources that get their rows elsewhere.
    init(
        _ text: String, reading inputs: [any Source], time: ManualTime, threads: Int = 1,
        files: any FileSystem
    ) {
        self.text = text
        self.time = time
        self.threads = threads
        self.inputs = inputs
        sources = []
        self.files = files
    }

    /// The only source, or the first.
    var source: MemorySource { sources[0] }

    /// A job that counts rows by window.
    static func counting(
        mode: String = "append", delay: String = "10 seconds", more: String = "",
        trigger: String = "\"availableNow\": true", groupBy: String = "window(ts, '5 seconds')",
        select: String = "unix_seconds(window.start) AS start"
    ) -> String {
        """
        { "name": "script", "source": { "format": "log", "path": "log/x" \(more) },
          "watermark": { "eventTime": "ts", "delayThreshold": "\(delay)" },
          "trigger": { \(trigger) },
          "queries": [ { "name": "q", "groupBy": ["\(groupBy)"],
            "select": ["\(select)", "count(*) AS n"], "outputMode": "\(mode)",
            "sinks": [{ "format": "console" }] } ] }
        """
    }

    /// Changes the job that the next start runs.
    func change(to text: String) { self.text = text }

    func start() throws {
        let job = try Job.load(Array(text.utf8), path: "script.json", registry: .all)
        let plan = try job.plan(
            inputs.prefix(job.sources.count).map(\.columns))
        let (sink, live) = (sink, live)
        let isLive = if case .realTime = job.trigger { true } else { false }
        engine = try MicroBatchEngine(
            job: EngineJob(
                job: job, plan: plan, threads: threads, environment: [:],
                openSideTable: { [sideTables] table, _ in sideTables.sink(table) },
                openSinks: { query, _ in
                    query.sinks.map { spec -> any Sink in
                        isLive && spec.showsLive ? live : sink
                    }
                }),
            sources: Array(inputs.prefix(job.sources.count)), checkpointPath: Path("ckpt"),
            files: files, time: time
        ) { [self] event in
            switch event {
            case .started(let start): starts.append(start)
            case .progress(let progress): events.append(progress)
            default: break
            }
        }
    }

    /// Runs committed batches again and compares.
    func verify(from batch: Int64) throws -> VerificationReport? {
        if engine == nil { try start() }
        return try engine?.verify(from: batch)
    }

    func stop() {
        engine?.close()
        engine = nil
    }

    func restart() throws {
        stop()
        try start()
    }

    func add(_ seconds: Int64..., to source: Int = 0) {
        add(
            rows: seconds.map { [.timestamp($0 * 1_000_000), .string("k"), .long($0)] },
            to: source)
    }

    func add(rows: [[Value]], to source: Int = 0) { sources[source].append(rows) }

    /// The file of a batch's commit.
    func commit(_ batch: Int64) throws -> Path { try Path("ckpt/commits/\(batch)") }

    /// The file of a batch's plan.
    func offsets(_ batch: Int64) throws -> Path { try Path("ckpt/offsets/\(batch)") }

    /// Runs until there is nothing to do, starting the engine if it is not; gives the rows that
    /// came out, batch by batch and in order.
    @discardableResult
    func run(
        _ limits: RunLimits = RunLimits(), until shouldStop: () -> Bool = { false }
    ) throws -> [[Value]] {
        if engine == nil { try start() }
        guard let engine else { return [] }
        let job = try Job.load(Array(text.utf8), path: "script.json", registry: .all)
        summary = try engine.run(trigger: job.trigger, limits: limits, shouldStop: shouldStop)
        return output()
    }

    /// The rows of batches not looked at before.
    func output() -> [[Value]] {
        let new = sink.all.filter { !shown.contains($0.key) }.sorted { $0.key < $1.key }
        shown.formUnion(new.map(\.key))
        return new.flatMap(\.value)
    }

    /// The rows as pairs of numbers, for queries of two long columns.
    func runPairs(_ limits: RunLimits = RunLimits()) throws -> [[Int64]] {
        try run(limits).map { row in
            row.map { if case .long(let number) = $0 { number } else { .min } }
        }
    }

    var watermarkSeconds: Int64 { (events.last?.nextWatermarkMs ?? 0) / 1_000 }
    var stateRows: Int { events.last?.queries[0].operators.last?.stateRows ?? 0 }
}
