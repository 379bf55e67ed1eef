import Checkpoints
import Columnar
import ConnectorAPI
import KeyedState
import Parquet
import Storage
import TestSupport
import TickLog

/// Whole inputs of a target, from which fuzzing begins; empty for those of archives, which only
/// other programs write.
public func fuzzSeeds(_ target: FuzzTarget) throws -> [[UInt8]] {
    switch target {
    case .job: jobSeeds.map { Array($0.utf8) }
    case .expression: expressionSeeds.map { Array($0.utf8) }
    case .values: valueSeeds.map { Array($0.utf8) }
    case .times: (0..<32).map { [UInt8($0), 0, 0, 0] }
    case .csv: [Array(csvSeed.utf8)]
    case .json: [Array(jsonSeed.utf8)]
    case .archive: []
    case .arrow: arrowSeeds()
    case .parquet: try parquetSeeds()
    case .log: try logSeeds()
    case .checkpoint: [try checkpointSeed()]
    case .state: try stateSeeds()
    case .partition: partitionSeeds.map { Array($0.utf8) }
    }
}

private let csvSeed =
    "ts,key,value,price,amount\n2026-01-05T14:30:00Z,\"a\"\"b\",1,2.5,3\n,,,,\n"
private let jsonSeed =
    "{\"ts\":\"2026-01-05T14:30:00Z\",\"key\":\"a\\u00e9\",\"value\":1}\n{}\n"
private let partitionSeeds = ["date=2026-01-05", "a%2Fb=__HIVE_DEFAULT_PARTITION__"]

private let jobSeeds = [
    """
    {"name":"j","feed":{"format":"csv","paths":"a.csv","eventTime":"ts","columns":[{"name":"ts",
    "type":"timestamp","format":"epoch_ms"},{"name":"key","type":"string"},{"name":"value",
    "type":"decimal(18,4)"}]},"source":{"path":"log/x","maxOffsetsPerTrigger":9},"watermark":{
    "eventTime":"ts","delayThreshold":"3 seconds","idleTimeout":"1m"},"trigger":{"availableNow":
    true},"options":{"threads":1},"queries":[{"name":"q","groupBy":["key",
    "window(ts, '5 seconds', '1 second')"],"select":["key","window.start AS s","sum(value) AS v"],
    "having":"count(*) > 1","outputMode":"append","sinks":[{"format":"parquet","path":"lake/q"}]},
    {"name":"r","from":"q","select":["*"],"where":"v > 1","sinks":[{"format":"console"}]}]}
    """,
    """
    {"name":"s","feed":{"format":"simulator","symbols":["${SYMBOL:-a}"],"ticks":10},"source":{
    "path":"log/s"},"trigger":{"processingTime":"1 second"},"queries":[{"name":"q",
    "dropDuplicates":["symbol"],"select":["symbol","price"],"sinks":[]}]}
    """,
]

private let expressionSeeds = [
    "value + 1 * count - price / 2.5e0", "key LIKE 'a%' AND NOT flag OR value IN (1, 2, NULL)",
    "CASE WHEN value > 3 THEN upper(key) ELSE concat(key, 'x') END",
    "date_trunc('minute', ts) + INTERVAL '3' DAY", "CAST(amount AS DECIMAL(38,10)) % 7",
    "coalesce(try_divide(value, count), -9223372036854775808)", "substring(key, 2, 3) || `key`",
    "to_date(ts) BETWEEN DATE '2026-01-01' AND current_date()", "x'ff' <=> NULL", "((((1))))",
]

private let valueSeeds = [
    "3 days 4 hours", "INTERVAL '1-2' YEAR TO MONTH", "1h30m", "500ms",
    "2026-01-05T14:30:00.5+01:00", "-12345.6789", "1e308", "NaN", "true",
    "[1,{\"a\":\"\\ud83d\\ude00\"},null]", "decimal(38,10)",
]

private let logRows = RecordBatch(
    fuzzedLogSchema,
    rows: (0..<6).map {
        [.timestamp(Int64($0) * 1_000), $0 == 3 ? .null : .string("k\($0 % 2)"), .long(Int64($0))]
    })

private func arrowSeeds() -> [[UInt8]] {
    [
        ArrowStreamWriter(fuzzedLogSchema),
        ArrowStreamWriter(fuzzedLogSchema, compression: .zstd(level: 1)),
    ].map { $0.encodeStream([logRows, logRows], metadata: []) }
}

/// The columns of the nested seed.
let fuzzedNestedFields: [NestedField] = [
    .group("group", [.text("text"), .texts("texts")]), .textMap("map"),
]

private func parquetSeeds() throws -> [[UInt8]] {
    var plain = ParquetOptions()
    plain.compression = .uncompressed
    return [
        try ParquetWriter.encode(logRows, plain),
        try ParquetWriter.encode(logRows, ParquetOptions()),
        try encodeNested(
            [
                [.group([.text("a"), .texts(["b", "c"])]), .textMap([("k", "v"), ("n", nil)])],
                [.null, .textMap([])],
            ], fuzzedNestedFields, plain),
    ]
}

/// A log's cell and segment: one that grows, and one that is sealed.
private func logSeeds() throws -> [[UInt8]] {
    var seeds: [[UInt8]] = []
    for isSealed in [false, true] {
        let files = SimulatedFileSystem()
        let path = try Path("log")
        try TickLogWriter.create(
            path, schema: fuzzedLogSchema, timeColumn: "ts", uuid: fuzzedIdentity, files)
        let writer = try TickLogWriter(path, options: TickLogOptions(groupRowsMax: 3), files)
        try writer.append(logRows, producer: ProducerPosition(id: "p", position: "1"))
        try writer.sync()
        let cell = try files.read(path.appending("durable"), maxBytes: 64)
        if isSealed { try writer.seal() }
        let segment = try files.read(
            path.appending("00000000000000000000.arrows"), maxBytes: 1 << 20)
        seeds.append(cell + segment)
    }
    return seeds
}

/// Identity, plan and commit, with a record separator between them.
private func checkpointSeed() throws -> [UInt8] {
    let files = SimulatedFileSystem()
    guard let identity = CheckpointIdentity(fuzzedIdentity) else { return [] }
    let store = try CheckpointStore.open(Path("c"), files: files, newIdentity: identity)
    try store.logOffsets(
        OffsetsEntry(
            batch: .first, watermarkMs: 0, timestampMs: 1, conf: ["a": "b"],
            sources: [SourceRange(name: "source", offsets: OffsetRange(only: 0..<6))],
            watermarkMaximaMs: ["w": 5]))
    try store.logCommit(
        CommitEntry(
            batch: .first, nextWatermarkMs: 5, watermarkMaximaMs: ["w": 5], counters: ["n": 6],
            state: [Owned(owner: "q", FileReceipt(path: "0.delta", bytes: 9, xxh3: 1))],
            sinks: [
                Owned(owner: "table[lake/t]", .file(FileReceipt(path: "t", bytes: 9, xxh3: 2))),
                Owned(owner: "0f", .external("rows=3")),
            ]))
    let parts = try ["c/metadata", "c/offsets/0", "c/commits/0"].map {
        try files.read(Path($0), maxBytes: 1 << 20)
    }
    return Array(parts.joined(separator: [0x1e]))
}

private func stateSeeds() throws -> [[UInt8]] {
    let table = fuzzedTable()
    for group in 0..<4 {
        table.encodeKey([Column(.string, [.string("g\(group)")])], row: 0)
        table.setKey(1, to: Int64(group) * 60)
        let slot = Int(try table.findOrInsert().slot)
        // Safe: the slot is one of the table's, the columns are as `fuzzedTable` lays them out.
        unsafe table.columns[0].pointer(as: Int64.self)[slot] = Int64(group)
    }
    let files = SimulatedFileSystem()
    let store = StateStore(
        directory: try Path("state"), fileSystem: files, fingerprint: "fuzz",
        snapshotIntervalBatches: 1)
    try store.prepare()
    let staged = try store.stage(store.takeChanges(of: table, batch: 0))
    _ = try files.publish(staged.files)
    return try staged.files.map { try files.read($0.target, maxBytes: 1 << 20) }
}
