import Checkpoints
public import Columnar
import ConnectorAPI
import Decoding
import Expressions
import JSON
import Jobs
public import KeyedState
import Lake
import Parquet
import Registry
import Settings
import Storage
import TestSupport
import TextConnector
import TickLog

/// A parser of bytes from outside, to be given any bytes: it may refuse them, and nothing else.
public enum FuzzTarget: String, CaseIterable, Sendable {
    /// A job file, checked and planned.
    case job
    /// An expression over some columns, evaluated over a few rows.
    case expression
    /// Text as an interval, and cast to each type.
    case values
    /// Times and durations at the ends of what 64 bits hold, in expressions and windows.
    case times
    /// A CSV file.
    case csv
    /// JSON lines.
    case json
    /// A compressed or zipped CSV file.
    case archive
    /// An Arrow IPC stream.
    case arrow
    /// A Parquet file: footer and pages.
    case parquet
    /// The last segment of a log and its durable cell.
    case log
    /// The newest plan and commit of a checkpoint, and its identity.
    case checkpoint
    /// A state file that its commit vouches for.
    case state
    /// The name of a partition's directory.
    case partition

    /// Gives the parser these bytes; only a trap, a hang or too much memory is a finding.
    public func run(_ bytes: [UInt8]) {
        switch self {
        case .job: fuzzJob(bytes)
        case .expression: fuzzExpression(bytes)
        case .values: fuzzValues(bytes)
        case .times: fuzzTimes(bytes)
        case .csv: fuzzFeed(bytes, name: "ticks.csv")
        case .json: fuzzJsonLines(bytes)
        case .archive: fuzzFeed(bytes, name: "ticks.zip")
        case .arrow: fuzzArrow(bytes)
        case .parquet: fuzzParquet(bytes)
        case .log: fuzzLog(bytes)
        case .checkpoint: fuzzCheckpoint(bytes)
        case .state: fuzzState(bytes)
        case .partition: fuzzPartition(bytes)
        }
    }
}

private let schema = Schema([
    Field("ts", .timestamp, isNullable: false), Field("key", .string), Field("value", .long),
    Field("price", .double), Field("amount", .decimal(precision: 18, scale: 4)),
    Field("day", .date), Field("flag", .boolean), Field("count", .int),
])

private let rows = RecordBatch(
    schema,
    rows: [
        [
            .timestamp(1_767_600_000_000_000), .string("a"), .long(1), .double(1.5),
            .decimal(unscaled: 15_000, scale: 4), .date(20_458), .boolean(true), .int(3),
        ],
        [.timestamp(-1), .null, .null, .null, .null, .null, .null, .null],
        [
            .timestamp(.max), .string("caf\u{e9}\n"), .long(.min), .double(.nan),
            .decimal(unscaled: -1, scale: 4), .date(.min), .boolean(false), .int(.max),
        ],
    ])

private func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

private func fuzzJob(_ bytes: [UInt8]) {
    guard
        let job = try? Job.load(
            bytes, path: "job.json", environment: ["SYMBOL": "IBM"], registry: .all)
    else { return }
    guard let columns = job.declaredColumns else { return }
    _ = try? job.plan(columns)
}

private func fuzzExpression(_ bytes: [UInt8]) {
    guard let bound = try? BoundExpression(parsing: text(bytes), input: schema) else { return }
    _ = try? bound.evaluate(rows, EvaluationContext(batchTimestampMicros: 0))
    _ = bound.text
}

private let casts: [BoundExpression] = [
    "BOOLEAN", "INT", "LONG", "DOUBLE", "DECIMAL(18,4)", "DECIMAL(38,0)", "DATE", "TIMESTAMP",
].compactMap {
    try? BoundExpression(
        parsing: "try_cast(text AS \($0))", input: Schema([Field("text", .string)]))
}

private func fuzzValues(_ bytes: [UInt8]) {
    let text = text(bytes)
    _ = try? parseInterval(text)
    let batch = RecordBatch(Schema([Field("text", .string)]), rows: [[.string(text)]])
    for cast in casts { _ = try? cast.evaluate(batch, EvaluationContext(batchTimestampMicros: 0)) }
    _ = DataType(parsing: text)
    _ = try? JSONValue.parse(bytes)
}

private let columns = [
    FeedColumn("ts", .timestamp), FeedColumn("key", .string), FeedColumn("value", .long),
    FeedColumn("price", .double), FeedColumn("amount", .decimal(precision: 18, scale: 4)),
]

private func machine(_ name: String, _ bytes: [UInt8]) -> SimulatedFileSystem {
    let files = SimulatedFileSystem()
    do {
        try files.createAtomically(Path(name), mode: .createNew, contents: bytes)
    } catch {
        preconditionFailure("the simulated disk takes a file: \(error)")
    }
    return files
}

private func fuzzFeed(_ bytes: [UInt8], name: String) {
    var spec = CSVSpec(FeedInput([name]), columns: columns, eventTime: "ts")
    spec.input.rejectsMaxShare = 1
    spec.input.maxRecordBytes = 4_096
    guard let feed = try? CSVFeed(spec, files: machine(name, bytes), readBytes: 64) else { return }
    while case .rows(let batch)? = try? feed.next(rowsMax: 100, until: .distantFuture),
        batch.rows.count >= 0
    {}
}

private func fuzzJsonLines(_ bytes: [UInt8]) {
    var spec = JSONLinesSpec(FeedInput(["ticks.json"]), columns: columns, eventTime: "ts")
    spec.input.rejectsMaxShare = 1
    spec.input.maxRecordBytes = 4_096
    let files = machine("ticks.json", bytes)
    guard let feed = try? JSONLinesFeed(spec, files: files, readBytes: 64) else { return }
    while case .rows(let batch)? = try? feed.next(rowsMax: 100, until: .distantFuture),
        batch.rows.count >= 0
    {}
}

private func fuzzArrow(_ bytes: [UInt8]) {
    guard var reader = try? ArrowStreamReader(Buffer(copying: bytes)) else { return }
    while let batch = try? reader.next() {
        // Values one by one take far more memory than the columns.
        if batch.count < 10_000 { _ = batch.rows }
    }
}

private func fuzzParquet(_ bytes: [UInt8]) {
    guard let file = try? ParquetFile(Buffer(copying: bytes)) else { return }
    _ = try? file.read()
    _ = try? decodeNested(Buffer(copying: bytes), fuzzedNestedFields)
}

private func fuzzPartition(_ bytes: [UInt8]) {
    let name = text(bytes)
    if let parsed = PartitionPath.parse(name), let value = parsed.value {
        _ = PartitionPath.unescape(PartitionPath.escape(value))
    }
    _ = try? Path(name)
    _ = try? Path("lake").joining(relative: name)
}

/// The bytes up to a separator, and those behind it.
private func parts(_ bytes: [UInt8], _ count: Int) -> [[UInt8]] {
    var parts = bytes.split(
        separator: 0x1e, maxSplits: count - 1, omittingEmptySubsequences: false
    ).map(Array.init)
    while parts.count < count { parts.append([]) }
    return parts
}

/// The identity that the seeds of logs and checkpoints bear.
public let fuzzedIdentity = "01234567-89ab-4cde-8f01-23456789abcd"

private func fuzzLog(_ bytes: [UInt8]) {
    guard bytes.count >= 64 else { return }
    let files = SimulatedFileSystem()
    do {
        let path = try Path("log")
        try TickLogWriter.create(
            path, schema: fuzzedLogSchema, timeColumn: "ts", uuid: fuzzedIdentity, files)
        // First the cell, then the segment.
        try files.createAtomically(
            path.appending("durable"), mode: .replace, contents: Array(bytes[..<64]))
        try files.createAtomically(
            path.appending("00000000000000000000.arrows"), mode: .replace,
            contents: Array(bytes[64...]))
        if let reader = try? TickLogReader(path, files) {
            _ = try? reader.verify()
            _ = try? reader.read(reader.startOffset..<reader.endOffset)
        }
        let writer = try TickLogWriter(path, files)
        try writer.close()
        _ = try TickLogReader(path, files).verify()
    } catch {
        return
    }
}

/// The columns of the log that the seeds are of.
public let fuzzedLogSchema = Schema([
    Field("ts", .timestamp, isNullable: false), Field("key", .string), Field("value", .long),
])

private func fuzzCheckpoint(_ bytes: [UInt8]) {
    let parts = parts(bytes, 3)
    let files = SimulatedFileSystem()
    do {
        for folder in ["c/offsets", "c/commits"] { try files.createDirectories(Path(folder)) }
        for (name, content) in zip(["c/metadata", "c/offsets/0", "c/commits/0"], parts)
        where !content.isEmpty {
            try files.createAtomically(Path(name), mode: .createNew, contents: content)
        }
        let reader = try CheckpointReader(Path("c"), files: files)
        _ = try? reader.verify()
        _ = try decideRecovery(reader.facts())
    } catch {
        return
    }
}

private func fuzzState(_ bytes: [UInt8]) {
    let files = SimulatedFileSystem()
    do {
        let store = StateStore(
            directory: try Path("state"), fileSystem: files, fingerprint: "fuzz")
        try store.prepare()
        for name in ["0.delta", "0.snapshot"] {
            try files.createAtomically(
                Path("state").appending(name), mode: .createNew, contents: bytes)
            let receipt = FileReceipt(
                path: name, bytes: Int64(bytes.count), xxh3: Checksum.xxh3(bytes))
            let table = fuzzedTable()
            _ = try? store.restore(table, toVersion: 1) { $0 == 0 ? [receipt] : nil }
        }
    } catch {
        return
    }
}

/// The table whose files the seeds are.
public func fuzzedTable() -> GroupTable {
    GroupTable(
        keys: [Field("key", .string), Field("window.start", .timestamp, isNullable: false)],
        state: [
            Field("agg0.count", .long, isNullable: false), Field("agg1.sum", .double),
            Field("agg2.sum", .decimal(precision: 38, scale: 4)), Field("agg3.value", .string),
        ], sortOrder: [1, 0], rowsMax: 10_000)
}
