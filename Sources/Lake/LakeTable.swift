public import Columnar
public import Parquet
public import Storage

/// A directory of Parquet files, partitioned as Hive does, to which every batch adds its files.
///
/// Invariants:
/// - A file's name and content are functions of batch number, rows and options alone; a batch
///   that runs again makes the same files, and publishing them again changes nothing.
/// - The directory has one owner, written in it before the first file.
public struct LakeTable: Sendable {
    /// The table's directory.
    public let path: Path
    /// Whose table it is.
    public let owner: TableOwner
    /// Columns and partition columns.
    public let description: TableDescription

    let directory: TableDirectory
    private(set) var options: ParquetOptions
    private let partitionColumns: [Int]
    /// A file is one row group: readers that limit what a file may decode to take it whole.
    private let fileRowsMax: Int
    /// What was made of the files of earlier batches, when the table was opened: since then only
    /// batches were compacted that never run again.
    private let compacted: CompactedFiles

    /// Partitions that one batch may add to.
    public static let partitionsMax = 10_000

    /// Opens a table; unless that is left to ``make()``, makes it where there is none.
    ///
    /// The caller holds the lock of the owner's checkpoint: a table has one writer.
    /// - Throws: `.ownedByAnother`, `.foreignFiles`, `.schemaDiffers`, `.invalidPartitioning`.
    public init(
        _ path: Path, _ files: any FileSystem, owner: TableOwner, schema: Schema,
        partitionBy: [String] = [], options: ParquetOptions = ParquetOptions(),
        making: Bool = true
    ) throws(LakeError) {
        partitionColumns = try Self.partitionColumns(schema, partitionBy, path)
        self.path = path
        self.options = options
        fileRowsMax = ParquetWriter.rowGroupRowsMax(schema, options)
        directory = TableDirectory(path: path, files: files)
        self.owner = owner
        description = TableDescription(
            layout: .partitioned, schema: schema, partitionBy: partitionBy)
        if !partitionBy.isEmpty {
            self.options.keyValueMetadata.append(
                (
                    key: PartitionColumns.key,
                    value: PartitionColumns.encode(description.partitionFields)
                ))
        }
        if making {
            _ = try directory.claim(owner, description)
        } else {
            try directory.check(owner, description)
        }
        compacted = try CompactedFiles(directory, try directory.isThere ? directory.entries() : [])
    }

    /// Makes the table where there is none, and removes unpublished files from it; when that fails,
    /// nothing of a new table stays.
    public func make() throws(LakeError) -> MadeTable {
        let made = try directory.claim(owner, description)
        do throws(LakeError) {
            try directory.removeCompactionLeftovers()
        } catch {
            made.takeAway()
            throw error
        }
        return made
    }

    /// Checks that the files of the owner's newest batch are there, or compacted.
    ///
    /// - Parameter recorded: what the newest commit with files recorded.
    /// - Throws: `.missingFile`.
    public func requirePublished(_ recorded: [FileReceipt]) throws(LakeError) {
        try directory.requirePublished(recorded, isElsewhere: isCompacted)
    }

    static func partitionColumns(
        _ schema: Schema, _ names: [String], _ path: Path
    ) throws(LakeError) -> [Int] {
        var columns: [Int] = []
        for name in names {
            guard let index = schema.index(of: name) else {
                throw LakeError(
                    .invalidPartitioning,
                    "partitionBy names the column '\(name)', which the rows do not have; "
                        + "they have \(listed(schema.names))", path: path.string)
            }
            guard !columns.contains(index) else {
                throw LakeError(
                    .invalidPartitioning, "partitionBy names the column '\(name)' twice",
                    path: path.string)
            }
            columns.append(index)
        }
        guard columns.count < schema.count else {
            throw LakeError(
                .invalidPartitioning, "partitionBy leaves no column for the files",
                path: path.string)
        }
        return columns
    }

    /// Writes and syncs a batch's files under temporary names.
    ///
    /// A batch without rows has no files. After an error nothing is left behind.
    public func stage(batch: Int64, rows: RecordBatch) throws(LakeError) -> StagedBatch {
        precondition(rows.schema == description.schema, "rows of another schema")
        precondition(batch >= 0, "batches are numbered from 0")
        var receipts: [FileReceipt] = []
        var staged: [StagedFile] = []
        do throws(LakeError) {
            for partition in try partitions(of: rows) {
                let parts = try stageFiles(
                    of: partition, batch, firstNumber: staged.count, rowsMax: fileRowsMax, options,
                    in: directory)
                staged += parts.map(\.file)
                receipts += parts.map(\.receipt)
            }
        } catch {
            removeStaged(staged, in: path, directory.files)
            throw error
        }
        return StagedBatch(batch: batch, receipts: receipts, files: staged, table: path)
    }

    private func partitions(of rows: RecordBatch) throws(LakeError) -> [Partition] {
        guard let found = partition(rows, by: partitionColumns, most: Self.partitionsMax) else {
            throw Self.tooManyPartitions(rows.count, path)
        }
        return found
    }

    static func tooManyPartitions(_ rowCount: Int, _ path: Path) -> LakeError {
        LakeError(
            .tooManyPartitions,
            "a batch of \(rowCount) rows has more than \(partitionsMax) partitions; partition by "
                + "columns of fewer values", path: path.string)
    }

    /// Gives a staged batch's files their names; when it returns they are durable and visible.
    ///
    /// Publishing what was published before changes nothing.
    /// - Parameters:
    ///   - staged: what `stage` made.
    ///   - isRerun: whether the batch may have been published before, wholly or in part, by a
    ///     run that came to other files; those are then removed.
    /// - Returns: a receipt for each file, in the order of their paths.
    /// - Throws: `.storage`; some files may then have their names, and publishing the batch
    ///   again sets that right. `.compactedBatchDiffers` for a batch whose rows are in compacted
    ///   files already, and were others.
    @discardableResult
    public func publish(
        _ staged: StagedBatch, isRerun: Bool = false
    ) throws(LakeError) -> [FileReceipt] {
        let files = try notCompacted(staged)
        _ = try onStorage { () throws(StorageError) in try directory.files.publish(files) }
        if isRerun { try removeOthers(of: staged) }
        return staged.receipts
    }

    /// Whether a published file, as its receipt says it was, is now in a compacted one.
    public func isCompacted(_ receipt: FileReceipt) -> Bool { compacted.hold(receipt) }

    /// The files of a batch whose rows are not in compacted files; the others are discarded.
    private func notCompacted(_ staged: StagedBatch) throws(LakeError) -> [StagedFile] {
        guard let last = compacted.lastBatch, staged.batch <= last else { return staged.files }
        var kept: [StagedFile] = []
        for (file, receipt) in zip(staged.files, staged.receipts) where !compacted.hold(receipt) {
            guard
                try onStorage({ () throws(StorageError) in
                    try directory.files.isTaken(file.target)
                })
            else {
                staged.discard(directory.files)
                throw LakeError(
                    .compactedBatchDiffers,
                    "batch \(staged.batch) was published and compacted, and comes out with another "
                        + "file now, '\(receipt.path)': adding it could double rows. Replay the job "
                        + "into another folder, or clear it and run it anew", path: path.string)
            }
            kept.append(file)
        }
        for (file, receipt) in zip(staged.files, staged.receipts) where compacted.hold(receipt) {
            directory.files.discard(file)
        }
        return kept
    }

    private func removeOthers(of staged: StagedBatch) throws(LakeError) {
        let kept = Set(staged.receipts.map(\.path))
        for entry in try directory.entries() where !kept.contains(entry.path) {
            let name = entry.path.split(separator: "/" as Character).last.map(String.init) ?? ""
            guard DataFileName.parse(name)?.batch == staged.batch else { continue }
            try onStorage { () throws(StorageError) in
                try directory.files.remove(try path.joining(relative: entry.path))
            }
        }
    }
}
