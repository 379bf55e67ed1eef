import ConnectorAPI
import JSON
import Storage

/// An entry of a log of batches: it has a number, bytes, and a link that the next one carries.
protocol LoggedEntry: Sendable {
    /// The directory of the log within the checkpoint.
    static var folder: String { get }

    var batch: BatchID { get }

    /// The entry's bytes, which decide its link.
    func encoded() -> [UInt8]

    /// Reads an entry; the link is left for the log to fill in.
    init(lines: [String], path: Path) throws(CheckpointError)

    var link: UInt64 { get set }
}

extension LoggedOffsets: LoggedEntry {
    static let folder = "offsets"

    var batch: BatchID { entry.batch }

    func encoded() -> [UInt8] {
        let metadata = JSONValue.object([
            ("batchWatermarkMs", .integer(entry.watermarkMs)),
            ("batchTimestampMs", .integer(entry.timestampMs)),
            ("conf", .sorted(entry.conf.mapValues { .string($0) })),
            ("batchId", .integer(entry.batch.number)),
            ("previous", .string(Checksum.hex(previous))),
            ("retainedFrom", .integer(retainedFrom.number)),
            ("watermarkMaximaMs", .sorted(entry.watermarkMaximaMs.mapValues { .integer($0) })),
            (
                "sources",
                .array(
                    entry.sources.map {
                        .object([
                            ("name", .string($0.name)),
                            ("startOffset", .string($0.offsets.start.text)),
                        ])
                    })
            ),
        ])
        return EntryText.encode([metadata.text()] + entry.sources.map(\.offsets.end.text))
    }

    init(lines: [String], path: Path) throws(CheckpointError) {
        let fields = try EntryFields(lines.first, path: path)
        let sources = try fields.list("sources")
        guard lines.count == 1 + sources.count else {
            throw EntryText.damaged(
                path, "it names \(sources.count) sources, but has \(lines.count - 1) offsets")
        }
        var ranges: [SourceRange] = []
        for (source, end) in zip(sources, lines.dropFirst()) {
            let (name, start) = (try source.string("name"), try source.string("startOffset"))
            do throws(ConnectorError) {
                ranges.append(
                    SourceRange(name: name, offsets: try OffsetRange(parsing: start, to: end)))
            } catch {
                throw EntryText.damaged(path, "of the source '\(name)': \(error.message)")
            }
        }
        self.init(
            entry: OffsetsEntry(
                batch: try fields.batch("batchId"),
                watermarkMs: try fields.int64("batchWatermarkMs"),
                timestampMs: try fields.int64("batchTimestampMs"),
                conf: try fields.strings("conf"), sources: ranges,
                watermarkMaximaMs: try fields.integers("watermarkMaximaMs")),
            previous: try fields.link("previous"), retainedFrom: try fields.batch("retainedFrom"),
            link: 0)
    }
}

extension LoggedCommit: LoggedEntry {
    static let folder = "commits"

    var batch: BatchID { entry.batch }

    func encoded() -> [UInt8] {
        var members: [(String, JSONValue)] = [
            ("nextBatchWatermarkMs", .integer(entry.nextWatermarkMs)),
            ("batchId", .integer(entry.batch.number)),
            ("previous", .string(Checksum.hex(previous))),
            ("offsets", .string(Checksum.hex(offsets))),
            ("watermarkMaximaMs", .sorted(entry.watermarkMaximaMs.mapValues { .integer($0) })),
            ("counters", .sorted(entry.counters.mapValues { .integer($0) })),
            ("tails", .sorted(entry.tails.mapValues { .string($0) })),
            ("state", .array(entry.state.map(\.json))),
            ("sinks", .array(entry.sinks.map(\.json))),
        ]
        // Written where there are any: most jobs have none.
        if !entry.newestReceiptsMs.isEmpty {
            let receipts = entry.newestReceiptsMs.mapValues { JSONValue.integer($0) }
            members.append(("newestReceiptsMs", .sorted(receipts)))
        }
        return EntryText.encode([JSONValue.object(members).text()])
    }

    init(lines: [String], path: Path) throws(CheckpointError) {
        guard lines.count == 1 else {
            throw EntryText.damaged(path, "it has \(lines.count) lines where it needs one")
        }
        let fields = try EntryFields(lines.first, path: path)
        self.init(
            entry: CommitEntry(
                batch: try fields.batch("batchId"),
                nextWatermarkMs: try fields.int64("nextBatchWatermarkMs"),
                watermarkMaximaMs: try fields.integers("watermarkMaximaMs"),
                newestReceiptsMs: try fields.has("newestReceiptsMs")
                    ? fields.integers("newestReceiptsMs") : [:],
                counters: try fields.integers("counters"),
                tails: try fields.has("tails") ? fields.strings("tails") : [:],
                state: try LoggedCommit.stateFiles(fields.list("state")),
                sinks: try LoggedCommit.receipts(fields.list("sinks"))),
            previous: try fields.link("previous"), offsets: try fields.link("offsets"), link: 0)
    }

    private static func stateFiles(
        _ list: [EntryFields]
    ) throws(CheckpointError) -> [Owned<FileReceipt>] {
        var files: [Owned<FileReceipt>] = []
        for fields in list {
            files.append(Owned(owner: try fields.string("owner"), try fields.file()))
        }
        return files
    }

    private static func receipts(
        _ list: [EntryFields]
    ) throws(CheckpointError) -> [Owned<Receipt>] {
        var receipts: [Owned<Receipt>] = []
        for fields in list {
            let receipt: Receipt =
                if fields.has("external") {
                    .external(try fields.string("external"))
                } else {
                    .file(try fields.file())
                }
            receipts.append(Owned(owner: try fields.string("owner"), receipt))
        }
        return receipts
    }
}

extension Owned<FileReceipt> {
    fileprivate var json: JSONValue {
        .object([
            ("owner", .string(owner)), ("path", .string(receipt.path)),
            ("bytes", .integer(receipt.bytes)), ("xxh3", .string(Checksum.hex(receipt.xxh3))),
        ])
    }
}

extension Owned<Receipt> {
    fileprivate var json: JSONValue {
        switch receipt {
        case .file(let file): Owned<FileReceipt>(owner: owner, file).json
        case .external(let text):
            .object([("owner", .string(owner)), ("external", .string(text))])
        }
    }
}

extension EntryFields {
    fileprivate func file() throws(CheckpointError) -> FileReceipt {
        FileReceipt(
            path: try string("path"), bytes: try int64("bytes"), xxh3: try link("xxh3"))
    }
}
