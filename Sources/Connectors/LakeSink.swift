public import Columnar
public import ConnectorAPI
public import Lake
import Parquet
public import Storage

/// A partitioned Parquet table as a sink: every batch adds its files.
public final class LakeSink: Sink {
    private let table: LakeTable
    private let files: any FileSystem

    /// A sink into an open table.
    public init(_ table: LakeTable, _ files: any FileSystem) {
        self.table = table
        self.files = files
    }

    /// `parquet[path]`.
    public var description: String { "parquet[\(table.path)]" }
    /// Files of earlier batches stay.
    public var keepsOnlyLatestBatch: Bool { false }

    /// Publishes a batch's files; a batch without rows publishes none.
    public func write(
        batch: Int64, rows: RecordBatch, timestampMs: Int64, isRerun: Bool
    ) throws -> [SinkReceipt] {
        // Without rows there is nothing to stage, but an earlier attempt may have to be removed.
        guard rows.count > 0 || isRerun else { return [] }
        let staged = try table.stage(batch: batch, rows: rows)
        return try table.publish(staged, isRerun: isRerun).map(SinkReceipt.init)
    }

    /// Writes the batch's files again, aside, and compares them with those in place.
    public func verify(
        batch: Int64, rows: RecordBatch, receipts: [SinkReceipt]
    ) throws -> [String] {
        let staged = try table.stage(batch: batch, rows: rows)
        defer { staged.discard(files) }
        return try differences(
            computed: staged.receipts.map(SinkReceipt.init), recorded: receipts, at: table.path,
            files, isCompacted: { [table] in table.isCompacted(FileReceipt($0)) })
    }
}

/// A small table, replaced or upserted whole by every batch, as a sink.
public final class TableSink: Sink {
    private let table: ReplacedTable
    private let keys: [String]
    private let files: any FileSystem

    /// A sink that replaces the table's rows, or, given keys, puts rows in by key.
    public init(_ table: ReplacedTable, upsertKeys keys: [String], _ files: any FileSystem) {
        self.table = table
        self.keys = keys
        self.files = files
    }

    /// `table[path]`.
    public var description: String { "table[\(table.path)]" }
    /// The table is one file.
    public var keepsOnlyLatestBatch: Bool { true }

    /// Puts the batch's rows in place.
    public func write(
        batch: Int64, rows: RecordBatch, timestampMs: Int64, isRerun: Bool
    ) throws -> [SinkReceipt] {
        try table.publish(stage(batch, rows)).map(SinkReceipt.init)
    }

    /// Compares the table that the batch's rows make with the one in place.
    public func verify(
        batch: Int64, rows: RecordBatch, receipts: [SinkReceipt]
    ) throws -> [String] {
        let staged = try stage(batch, rows)
        defer { staged.discard(files) }
        return try differences(
            computed: staged.receipts.map(SinkReceipt.init), recorded: receipts, at: table.path,
            files)
    }

    private func stage(_ batch: Int64, _ rows: RecordBatch) throws -> StagedBatch {
        keys.isEmpty
            ? try table.stage(batch: batch, replacing: rows)
            : try table.stage(batch: batch, upserting: rows, keys: keys)
    }
}

extension FileReceipt {
    /// The number of rows is not recorded.
    fileprivate init(_ receipt: SinkReceipt) {
        self.init(path: receipt.path, rows: 0, bytes: receipt.bytes, xxh3: receipt.checksum)
    }
}

extension SinkReceipt {
    init(_ receipt: FileReceipt) {
        self.init(path: receipt.path, bytes: receipt.bytes, checksum: receipt.xxh3)
    }
}

/// A sentence for each file that was computed now, recorded in the commit or found in place, and
/// is not the same in all three.
func differences(
    computed: [SinkReceipt], recorded: [SinkReceipt], at directory: Path, _ files: any FileSystem,
    isCompacted: (SinkReceipt) -> Bool = { _ in false }
) throws -> [String] {
    var found: [String] = []
    let recordedByPath = Dictionary(
        recorded.map { ($0.path, $0) }, uniquingKeysWith: { _, last in last })
    for file in computed {
        let path = try directory.joining(relative: file.path)
        guard recordedByPath[file.path]?.checksum == file.checksum else {
            found.append("\(path): the batch, run again, gives other bytes than it published")
            continue
        }
        if isCompacted(file) { continue }
        guard try files.exists(path) else {
            found.append("\(path): the file is missing")
            continue
        }
        let bytes = try files.read(path, maxBytes: Int(file.bytes) * 2 + 4_096)
        if Checksum.xxh3(bytes) != file.checksum {
            found.append("\(path): the file's bytes are not those that were published")
        }
    }
    let computedPaths = Set(computed.map(\.path))
    for file in recorded where !computedPaths.contains(file.path) {
        let path = try directory.joining(relative: file.path)
        found.append("\(path): the batch published this file, run again it does not")
    }
    return found
}
