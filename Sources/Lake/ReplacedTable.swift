public import Columnar
public import Parquet
public import Storage

/// A small table that is one file, replaced whole by every batch.
///
/// Readers see the file before or the file after, never a mixture. The file is named after the
/// directory: `kpi/kpi.zstd.parquet`.
public struct ReplacedTable: Sendable {
    /// The table's directory.
    public let path: Path
    /// Whose table it is.
    public let owner: TableOwner
    /// The columns.
    public let description: TableDescription

    private let directory: TableDirectory
    private let options: ParquetOptions
    private let file: Path

    /// The key of the file's metadata that holds the number of the batch that wrote it.
    public static let batchKey = "streamer.batch"

    /// Opens a table; unless that is left to ``make()``, makes it where there is none.
    ///
    /// - Throws: `.ownedByAnother`, `.foreignFiles`, `.schemaDiffers`.
    public init(
        _ path: Path, _ files: any FileSystem, owner: TableOwner, schema: Schema,
        options: ParquetOptions = ParquetOptions(), making: Bool = true
    ) throws(LakeError) {
        self.path = path
        self.options = options
        file = try onStorage { () throws(StorageError) in
            try path.appending(Self.fileName(of: path))
        }
        directory = TableDirectory(path: path, files: files)
        self.owner = owner
        description = TableDescription(layout: .replaced, schema: schema, partitionBy: [])
        if making { _ = try make() } else { try directory.check(owner, description) }
    }

    /// Makes the table where there is none, and removes unpublished files from it.
    public func make() throws(LakeError) -> MadeTable { try directory.claim(owner, description) }

    /// Checks that the file of the owner's newest batch is there.
    ///
    /// - Parameter recorded: what the newest commit with files recorded.
    /// - Throws: `.missingFile`.
    public func requirePublished(_ recorded: [FileReceipt]) throws(LakeError) {
        try directory.requirePublished(recorded)
    }

    private static func fileName(of path: Path) -> String {
        let name = path.name
        let isPlain = name != "." && name != ".." && name != "/"
        return (isPlain ? name : "table") + DataFileName.suffix
    }

    /// Writes and syncs a table of these rows alone; `publish` puts it in place.
    public func stage(batch: Int64, replacing rows: RecordBatch) throws(LakeError) -> StagedBatch {
        precondition(rows.schema == description.schema, "rows of another schema")
        return try stage(batch: batch, rows)
    }

    private func stage(batch: Int64, _ rows: RecordBatch) throws(LakeError) -> StagedBatch {
        var options = options
        options.keyValueMetadata.append((key: Self.batchKey, value: String(batch)))
        let bytes = try onParquet(file) { () throws(ParquetError) in
            try ParquetWriter.encode(rows, options)
        }
        let staged = try onStorage { () throws(StorageError) in
            try directory.files.stage(file, mode: .replace, contents: [bytes])
        }
        return StagedBatch(
            batch: batch, receipts: [FileReceipt(staged)], files: [staged], table: path)
    }

    /// Writes and syncs the table's rows with `rows` put in by key; `publish` puts it in place.
    ///
    /// Of rows with equal keys the last one stays, those of the table counting as earlier. The
    /// result is sorted by the key columns, nulls first. Upserting the same rows again changes
    /// nothing, so that a batch may run twice. A column that the rows no longer have stays, with what
    /// rows before have in it.
    /// - Throws: `.unknownKey` when a key is no column; `.staleFile` when the table is not as the
    ///   batch before, or an earlier run of this one, left it.
    public func stage(
        batch: Int64, upserting rows: RecordBatch, keys: [String]
    ) throws(LakeError) -> StagedBatch {
        precondition(!keys.isEmpty, "an upsert has a key")
        precondition(rows.schema == description.schema, "rows of another schema")
        let before = try read(beforeBatch: batch)
        let schema = before.count == 0 ? rows.schema : before.schema.merged(with: rows.schema)
        let columns = try keyColumns(keys, of: before.count == 0 ? schema : before.schema, path)
        let all = try concatenated(
            [before, rows].map { $0.completed(to: schema) }, schema, path)
        return try stage(batch: batch, lastOfEachKey(all, columns))
    }

    /// Puts a staged table in place of the one before, in one step for every reader.
    @discardableResult
    public func publish(_ staged: StagedBatch) throws(LakeError) -> [FileReceipt] {
        _ = try onStorage { () throws(StorageError) in try directory.files.publish(staged.files) }
        return staged.receipts
    }

    /// The table's rows, with the columns that they have; none when nothing was published yet.
    public func read() throws(LakeError) -> RecordBatch {
        try open().map { (parquet) throws(LakeError) in try rows(of: parquet) }
            ?? RecordBatch(empty: description.schema)
    }

    /// The rows that a batch builds on: every batch replaces the file, so it bears the number of
    /// the batch before, or of this one when it ran before.
    private func read(beforeBatch batch: Int64) throws(LakeError) -> RecordBatch {
        guard let parquet = try open() else {
            guard batch == 0 else {
                throw stale("the file of batch \(batch - 1) is missing")
            }
            return RecordBatch(empty: description.schema)
        }
        let found = parquet.footer.metadata(Self.batchKey).flatMap { Int64($0) }
        guard let found, found == batch || found == batch - 1 else {
            throw stale(
                "the file is of batch \(found.map(String.init) ?? "unknown"), expected is batch "
                    + String(batch - 1))
        }
        return try rows(of: parquet)
    }

    private func stale(_ message: String) -> LakeError {
        LakeError(
            .staleFile,
            message + ": it was removed, or put back from a copy; restore the newest one, or clear "
                + "the job's checkpoint and tables and start over", path: file.string)
    }

    private func open() throws(LakeError) -> ParquetFile? {
        guard try onStorage({ () throws(StorageError) in try directory.files.isTaken(file) }) else {
            return nil
        }
        return try directory.openParquet(file)
    }

    private func rows(of parquet: ParquetFile) throws(LakeError) -> RecordBatch {
        if let (old, new) = parquet.schema.conflict(with: description.schema) {
            throw LakeError(
                .damagedFile,
                "the file has the column \(old), and the table \(new); clear the table",
                path: file.string)
        }
        return try onParquet(file) { () throws(ParquetError) in try parquet.readPieces() }
    }
}
