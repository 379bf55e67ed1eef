import Columnar
public import ConnectorAPI
public import Lake
import Parquet
public import Storage

/// A partitioned Parquet table as a sink: every batch adds its files.
public final class LakeSink: Sink {
    /// Which sink of its job it is.
    public let id: SinkID
    private let table: LakeTable
    private let files: any FileSystem
    private let compaction: TableCompaction?
    private let making = TableMaking()

    /// A sink into an open table, whose files are kept few where that is asked for.
    public init(
        _ id: SinkID, _ table: LakeTable, _ files: any FileSystem,
        compaction: TableCompaction? = nil
    ) {
        self.id = id
        self.table = table
        self.files = files
        self.compaction = compaction
    }

    /// `parquet[path]`.
    public var description: String { "parquet[\(table.path)]" }
    /// Files of earlier batches stay, or their rows do in others.
    public var history: SinkHistory { .everyBatch }
    /// Where files are kept few.
    public var isMaintained: Bool { compaction != nil }

    /// Checks that what was published is there, makes the table where there is none, and removes
    /// what no batch published.
    public func recover(_ last: SinkRecovery) throws(ConnectorError) {
        try connectorErrors { try table.requirePublished(last.receipts.compactMap(\.file)) }
        try making.make { try table.make() }
        try connectorErrors { try compaction?.begin() }
    }

    /// Takes the table away again.
    public func withdraw() { making.takeAway() }

    /// Writes a batch's files aside; a batch without rows has none.
    public func prepare(_ batch: SinkBatch) throws(ConnectorError) -> any PreparedBatch {
        let (table, files, compaction) = (table, files, compaction)
        let isRepeated = batch.attempt == .repeated
        compaction?.beginBatch()
        let staged: StagedBatch
        do throws(ConnectorError) {
            staged = try stage(batch)
        } catch {
            compaction?.endBatch([])
            throw error
        }
        return PreparedFiles {
            // Without rows there is nothing to publish, but an earlier attempt may have to go.
            guard !staged.receipts.isEmpty || isRepeated else { return [] }
            return try table.publish(staged, isRerun: isRepeated)
        } discard: {
            staged.discard(files)
        } end: { published in
            compaction?.endBatch(published)
        }
    }

    /// Writes the batch's files again, aside, and compares them with those in place.
    public func verify(
        _ batch: SinkBatch, _ receipts: [SinkReceipt]
    ) throws(ConnectorError) -> [String] {
        let staged = try stage(batch)
        defer { staged.discard(files) }
        return try connectorErrors {
            try differences(
                computed: staged.receipts, recorded: receipts.compactMap(\.file), at: table.path,
                files, isCompacted: { [table] in table.isCompacted($0) })
        }
    }

    /// Puts the next small files together.
    public func maintain(_ moment: CheckpointMoment) throws(ConnectorError) -> Bool {
        try connectorErrors {
            try compaction?.next(
                committed: moment.committed.number, retainedFrom: moment.keptFrom.number) != nil
        }
    }

    /// Removes what compaction has put aside.
    public func close() { compaction?.close() }

    private func stage(_ batch: SinkBatch) throws(ConnectorError) -> StagedBatch {
        try connectorErrors { try table.stage(batch: batch.number.number, rows: batch.rows) }
    }
}

/// A small table, replaced or upserted whole by every batch, as a sink.
public final class TableSink: Sink {
    /// Which sink of its job it is.
    public let id: SinkID
    private let table: ReplacedTable
    private let keys: [String]
    private let files: any FileSystem
    private let making = TableMaking()

    /// A sink that replaces the table's rows, or, given keys, puts rows in by key.
    public init(
        _ id: SinkID, _ table: ReplacedTable, upsertKeys keys: [String], _ files: any FileSystem
    ) {
        self.id = id
        self.table = table
        self.keys = keys
        self.files = files
    }

    /// `table[path]`.
    public var description: String { "table[\(table.path)]" }
    /// The table is one file.
    public var history: SinkHistory { .newestBatch }

    /// Checks that what was published is there, makes the table where there is none, and removes
    /// what no batch published.
    public func recover(_ last: SinkRecovery) throws(ConnectorError) {
        try connectorErrors { try table.requirePublished(last.receipts.compactMap(\.file)) }
        try making.make { try table.make() }
    }

    /// Takes the table away again.
    public func withdraw() { making.takeAway() }

    /// Writes the table as it will be aside.
    public func prepare(_ batch: SinkBatch) throws(ConnectorError) -> any PreparedBatch {
        let (table, files) = (table, files)
        let staged = try stage(batch)
        return PreparedFiles {
            try table.publish(staged)
        } discard: {
            staged.discard(files)
        }
    }

    /// Compares the table that the batch's rows make with the one in place.
    public func verify(
        _ batch: SinkBatch, _ receipts: [SinkReceipt]
    ) throws(ConnectorError) -> [String] {
        let staged = try stage(batch)
        defer { staged.discard(files) }
        return try connectorErrors {
            try differences(
                computed: staged.receipts, recorded: receipts.compactMap(\.file), at: table.path,
                files)
        }
    }

    private func stage(_ batch: SinkBatch) throws(ConnectorError) -> StagedBatch {
        let number = batch.number.number
        return try connectorErrors {
            keys.isEmpty
                ? try table.stage(batch: number, replacing: batch.rows)
                : try table.stage(batch: number, upserting: batch.rows, keys: keys)
        }
    }
}

/// A sentence for each file that was computed now, recorded in the commit or found in place, and
/// is not the same in all three.
func differences(
    computed: [FileReceipt], recorded: [FileReceipt], at directory: Path, _ files: any FileSystem,
    isCompacted: (FileReceipt) -> Bool = { _ in false }
) throws -> [String] {
    var found: [String] = []
    let recordedByPath = Dictionary(
        recorded.map { ($0.path, $0) }, uniquingKeysWith: { _, last in last })
    for file in computed {
        let path = try directory.joining(relative: file.path)
        guard recordedByPath[file.path]?.xxh3 == file.xxh3 else {
            found.append("\(path): the batch, run again, gives other bytes than it published")
            continue
        }
        if isCompacted(file) { continue }
        guard try files.isTaken(path) else {
            found.append("\(path): the file is missing")
            continue
        }
        if try files.difference(of: path, from: file) != nil {
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
