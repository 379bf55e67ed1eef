import Checkpoints
import Columnar
import CommandLine
import ConnectorAPI
import Expressions
import Jobs
import Lake
import Serving
import Storage

/// `streamer serve`: the page of a job without an engine.
let serveVerb = Verb(
    name: "serve",
    summary: "show a job's results on its page, without running it",
    details: """
        The page, /api and /events as with run --serve, from the job's tables and its checkpoint: only
        what was committed. An engine may run meanwhile, in another process: what it commits comes to
        the page. Nothing is changed. Without JOB the job recorded in the only checkpoint is taken.
        """,
    positionals: [.optional("JOB", "a job file, a checkpoint's name or its folder")],
    options: [
        .count("port", "the port; 0 takes a free one", fallback: "8050")
    ] + servingOptions.dropFirst(),
    examples: ["streamer serve", "streamer serve live --port 8051"],
    body: serveJob)

private func serveJob(_ arguments: Arguments, _ console: Console) throws -> ExitCode {
    guard let number = arguments.count("port"), let port = UInt16(exactly: number) else {
        throw arguments.fault("--port takes a port from 0 to 65535")
    }
    let options = try arguments.serving(port: port)
    let place =
        try arguments.optionalWord("JOB").map { try CheckpointPlace(named: $0) }
        ?? CheckpointPlace(verb: "serve")
    let planned = try recordedJob(of: place)
    if let project = try ProjectPlace(of: place.path, writtenAs: planned.job.checkpointLocation) {
        try POSIXFileSystem.enter(project.folder)
    }
    let tables = try planned.plan.queries.map { query in
        try query.sinks.flatMap(\.directories).first.map { try Path($0) }
    }
    let hub = try LiveHub(
        zip(planned.plan.queries, tables).map { ServedQuery($0, table: $1) })
    let job = planned.job
    let page = try PageService(
        hub,
        ServedJob(
            name: job.name, trigger: "no engine runs here", sources: job.sources.map(\.path),
            version: version, text: job.canonicalText, hasEngine: false),
        options, files: machineFiles)
    say(page, on: console)
    handleStopSignals(announcing: false)
    var tail = CommittedTail(place, hub)
    while !stopSignal.isRequested {
        try tail.look()
        SystemTime().sleep(nanos: 100_000_000)
    }
    page.end("stopped")
    return .interrupted
}

/// Hands over what another process commits.
private struct CommittedTail {
    /// More batches than these at once are history, which the page loads.
    private static let batchesMax: Int64 = 200

    private let place: CheckpointPlace
    private let hub: LiveHub
    private var last: Int64?

    init(_ place: CheckpointPlace, _ hub: LiveHub) {
        self.place = place
        self.hub = hub
    }

    /// Looks for batches since the last look.
    mutating func look() throws {
        guard let newest = try place.reader.committedBatches().last, newest.number != last else {
            return
        }
        let commit = try place.reader.commit(newest)
        for query in hub.queries { try handOver(query, newest.number) }
        hub.note(lastBatch: newest.number, watermarkMs: commit.nextWatermarkMs)
        last = newest.number
    }

    private func handOver(_ query: ServedQuery, _ newest: Int64) throws {
        guard let path = query.table, try machineFiles.exists(path) else { return }
        // A table without a file yet is none for a reader.
        guard let table = try? LakeReader(path, machineFiles) else { return }
        let first = max((last ?? newest - 1) + 1, newest - Self.batchesMax)
        for file in try table.listFiles() {
            let isNew = query.mode != .append || file.batch.map { $0 >= first } ?? false
            guard isNew, file.bytes < 64 << 20 else { continue }
            // A file that was replaced meanwhile comes with the next batch.
            guard let rows = try? table.read(file) else { continue }
            let columns = query.schema.names.compactMap { rows.column($0) }
            guard columns.map(\.type) == query.schema.fields.map(\.type) else { continue }
            hub.publish(
                query.name, batch: file.batch ?? newest,
                .init(query.schema, columns, count: rows.count))
        }
    }
}
