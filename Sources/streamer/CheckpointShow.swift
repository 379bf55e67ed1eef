import Checkpoints
import Columnar
import CommandLine
import ConnectorAPI
import JSON
import Jobs
import Storage

/// `streamer checkpoint show`: batches, watermark, counters and receipts of one checkpoint.
let checkpointShowVerb = Verb(
    name: "checkpoint show",
    summary: "show a checkpoint: batches, offsets, watermarks, counters, receipts",
    details: """
        The receipts are those of the newest committed batch, or of the one given with --batch.
        With --format json everything is one object.
        """,
    positionals: [.required("JOB", "a job file, a checkpoint's name or its folder")],
    options: [
        .count("batch", "the batch whose receipts to show"),
        .limit("limit", "how many of the newest batches to list (default: 10 in a table)"),
        .choice(
            "format", ["table", "json"], "how to print the results", fallback: "table",
            environment: "STREAMER_FORMAT"),
    ],
    examples: [
        "streamer checkpoint show jobs/ohlcv.json",
        "streamer checkpoint show ohlcv --batch 3",
        "streamer checkpoint show jobs/ohlcv.json --format json | jq .counters",
    ],
    body: showCheckpoint)

private func showCheckpoint(_ arguments: Arguments, _ console: Console) throws -> ExitCode {
    let place = try CheckpointPlace(named: arguments.word("JOB"))
    let contents = try CheckpointContents(
        place, receiptsOf: arguments.count("batch").map { BatchID($0) },
        limit: arguments.limit("limit", fallback: arguments.format == .table ? 10 : nil))
    if arguments.format == .json {
        console.print(contents.json.text())
    } else {
        try contents.printTables(on: console)
    }
    return .done
}

/// What is shown of a checkpoint.
private struct CheckpointContents {
    private let path: Path
    private let id: String
    private let engine: String?
    private var batches: [(offsets: OffsetsEntry, commit: CommitEntry?)] = []
    private let last: CommitEntry?
    private let receipts: CommitEntry?
    private let tables: [JobTable]

    init(_ place: CheckpointPlace, receiptsOf wanted: BatchID?, limit: Int?) throws {
        let reader = place.reader
        path = place.path
        id = try reader.identity()?.id ?? ""
        engine = try reader.engine()
        let planned = try reader.plannedBatches()
        let committed = try reader.committedBatches()
        for batch in planned.suffix(limit ?? planned.count) {
            let commit = committed.contains(batch) ? try reader.commit(batch) : nil
            batches.append((try reader.offsets(batch), commit))
        }
        last = try committed.last.map { try reader.commit($0) }
        if let wanted, !committed.contains(wanted) {
            let range = committed.first.flatMap { first in committed.last.map { (first, $0) } }
            throw UsageError(
                "batch \(wanted) is not among the committed ones that are kept: "
                    + (range.map { "\($0.0) to \($0.1)" } ?? "there are none"))
        }
        receipts = try wanted.map { try reader.commit($0) } ?? last
        // What is recorded can be shown without the job's variables, but for the tables' names.
        tables = (try? place.tables()) ?? []
    }

    private var watermarkMs: Int64 {
        max(batches.last?.offsets.watermarkMs ?? 0, last?.nextWatermarkMs ?? 0)
    }

    func printTables(on console: Console) throws {
        console.print(console.styled("checkpoint \(path)", .bold, on: console.output))
        console.print("id         \(id)")
        console.print("engine     \(engine.map { "running: \($0)" } ?? "not running")")
        let watermark = watermarkMs == 0 ? "-" : timestampText(ms: watermarkMs)
        console.print("watermark  \(watermark)")
        console.print("")
        var table = Listing(
            [.plain("batch", .long), .plain("state", .string)]
                + (hasSeveralSources ? [.plain("source", .string)] : []) + [
                    .count("from"), .count("to"), .count("rows"), .plain("watermark", .timestamp),
                    .plain("planned_at", .timestamp), .count("files"), .size("bytes"),
                ])
        for batch in batches {
            for row in rows(of: batch.offsets, batch.commit) { table.add(row) }
        }
        try table.print(as: .table, on: console)
        guard let last else { return }
        if hasSeveralSources {
            console.print("")
            var maxima = Listing([.plain("source", .string), .plain("watermark", .timestamp)])
            for (name, maximum) in last.watermarkMaximaMs.sorted(by: { $0.key < $1.key }) {
                maxima.add([.string(name), .watermark(ms: maximum)])
            }
            try maxima.print(as: .table, on: console)
        }
        console.print("")
        var counters = Listing([.plain("counter", .string), .count("total")])
        for (name, value) in last.counters.sorted(by: { $0.key < $1.key }) {
            counters.add([.string(name), .long(value)])
        }
        try counters.print(as: .table, on: console)
        guard let receipts else { return }
        console.print("\nreceipts of batch \(receipts.batch)")
        var files = Listing([
            .plain("owner", .string), .plain("file", .string), .size("bytes"),
            .plain("xxh3", .string),
        ])
        for sink in receipts.sinks {
            switch sink.receipt {
            case .file(let file): files.add(Self.row(name(of: sink.owner), file))
            case .external(let text):
                files.add([.string(name(of: sink.owner)), .string(text), .null, .null])
            }
        }
        for state in receipts.state { files.add(Self.row(state.owner, state.receipt)) }
        try files.print(as: .table, on: console)
    }

    private static func row(_ owner: String, _ file: FileReceipt) -> [Value] {
        [
            .string(owner), .string(file.path), .long(file.bytes),
            .string(Checksum.hex(file.xxh3)),
        ]
    }

    /// What a sink is, for people.
    private func name(of owner: String) -> String {
        tables.table(of: owner)?.output.description ?? "a sink that the job does not have"
    }

    private var hasSeveralSources: Bool {
        batches.contains { batch in
            let sources = batch.offsets.sources
            return sources.count > 1 || sources.contains { $0.offsets.only == nil }
        }
    }

    /// A row for each split of each source.
    private func rows(of offsets: OffsetsEntry, _ commit: CommitEntry?) -> [[Value]] {
        offsets.sources.flatMap { source in
            source.offsets.start.splits.compactMap { split in
                source.offsets[split].map { range in
                    let name = split == .only ? source.name : "\(source.name) \(split)"
                    return row(name, range, offsets, commit)
                }
            }
        }
    }

    private func row(
        _ source: String, _ range: Range<Int64>, _ offsets: OffsetsEntry, _ commit: CommitEntry?
    ) -> [Value] {
        [
            .long(offsets.batch.number), .string(commit == nil ? "planned" : "committed"),
        ] + (hasSeveralSources ? [.string(source)] : []) + [
            .long(range.lowerBound), .long(range.upperBound),
            .long(range.upperBound - range.lowerBound),
            .watermark(ms: offsets.watermarkMs), .watermark(ms: offsets.timestampMs),
            .optional(commit) { .long(Int64($0.sinks.count)) },
            .optional(commit) {
                .long($0.sinks.clampedSum { $0.receipt.file?.bytes ?? 0 })
            },
        ]
    }

    var json: JSONValue {
        .object([
            ("path", .string(path.string)), ("id", .string(id)),
            ("engine", engine.map { .string($0) } ?? .null),
            ("watermark", watermarkMs == 0 ? .null : .string(timestampText(ms: watermarkMs))),
            (
                "counters",
                .object(
                    (last?.counters ?? [:]).sorted { $0.key < $1.key }
                        .map { ($0.key, .integer($0.value)) })
            ),
            (
                "watermarkMaximaMs",
                .object(
                    (last?.watermarkMaximaMs ?? [:]).sorted { $0.key < $1.key }
                        .map { ($0.key, .integer($0.value)) })
            ),
            ("batches", .array(batches.map(batchJSON))),
            ("receipts", receipts.map(receiptsJSON) ?? .null),
        ])
    }

    private func batchJSON(_ batch: (offsets: OffsetsEntry, commit: CommitEntry?)) -> JSONValue {
        // Of several sources each has its own.
        let only = batch.offsets.sources.count == 1 ? batch.offsets.sources.first : nil
        return .object([
            ("batch", .integer(batch.offsets.batch.number)),
            ("committed", .bool(batch.commit != nil)),
            ("startOffset", only?.offsets.start.json ?? .null),
            ("endOffset", only?.offsets.end.json ?? .null),
            ("sources", .array(batch.offsets.sources.map(sourceJSON))),
            ("watermarkMs", .integer(batch.offsets.watermarkMs)),
            ("timestampMs", .integer(batch.offsets.timestampMs)),
            ("nextWatermarkMs", .optional(batch.commit?.nextWatermarkMs)),
        ])
    }

    private func sourceJSON(_ source: SourceRange) -> JSONValue {
        .object([
            ("name", .string(source.name)), ("startOffset", source.offsets.start.json),
            ("endOffset", source.offsets.end.json),
        ])
    }

    private func receiptsJSON(_ commit: CommitEntry) -> JSONValue {
        func fields(_ owner: String, _ file: FileReceipt) -> JSONValue {
            .object([
                ("owner", .string(owner)), ("path", .string(file.path)),
                ("bytes", .integer(file.bytes)), ("xxh3", .string(Checksum.hex(file.xxh3))),
            ])
        }
        let sinks = commit.sinks.map { sink -> JSONValue in
            switch sink.receipt {
            case .file(let file): fields(name(of: sink.owner), file)
            case .external(let text):
                .object([("owner", .string(name(of: sink.owner))), ("external", .string(text))])
            }
        }
        return .object([
            ("batch", .integer(commit.batch.number)), ("sinks", .array(sinks)),
            ("state", .array(commit.state.map { fields($0.owner, $0.receipt) })),
        ])
    }
}

extension JSONValue {
    /// A number that may be missing.
    fileprivate static func optional(_ value: Int64?) -> JSONValue {
        value.map { .integer($0) } ?? .null
    }
}
