public import Columnar
public import Parquet
public import Storage
import Synchronization

/// A data file of a table.
public struct LakeFile: Sendable {
    /// The path below the table's directory.
    public let path: String
    /// The size in bytes.
    public let bytes: Int64
    /// The partition columns and this file's values, as text; nil stands for null.
    public let partition: [(column: String, value: String?)]
    /// The batch that wrote it, the last of them when there were several; nil when the file does
    /// not say.
    public let batch: Int64?
}

/// Reads a table: ours with its types, another Hive-partitioned directory of Parquet files with
/// strings as partition columns.
///
/// A reader sees the files that are there when it lists them; of a Delta table, those of the version
/// that was the newest when it was opened, or of the version that was asked for.
public struct LakeReader: Sendable {
    /// The table's directory.
    public let path: Path
    /// Whose table it is; nil when it is not one of ours, or the name was too long to be kept.
    public let owner: TableOwner?
    let directory: TableDirectory
    /// What the log says; nil when there is none, as in a table of plain files.
    let snapshot: DeltaSnapshot?
    /// The columns of a table of plain files, once they were asked for.
    private let columns = KnownColumns()

    /// Opens a table for reading.
    ///
    /// - Parameters:
    ///   - path: the table's directory.
    ///   - files: where it lies.
    ///   - version: of a Delta table, the version to read; the newest by default.
    /// - Throws: `.notATable` when the directory has neither a log, nor an owner's mark, nor a
    ///   Parquet file; `.damagedLog`, `.unsupportedTable`, `.unknownVersion` for a Delta table.
    public init(
        _ path: Path, _ files: any FileSystem, version: Int64? = nil
    ) throws(LakeError) {
        self.path = path
        var directory = TableDirectory(path: path, files: files)
        let info = try onStorage { () throws(StorageError) in try files.info(path) }
        guard info?.kind == .directory else {
            throw LakeError(.notATable, "there is no such table; check the path", path: path.string)
        }
        let log = try DeltaLog(path, files)
        if try log.exists() {
            let snapshot = try log.snapshot(at: version)
            owner = snapshot.metadata?.owner
            self.snapshot = snapshot
            directory.isOwn = owner != nil
            self.directory = directory
            return
        }
        guard version == nil else {
            throw LakeError(
                .unknownVersion,
                "only Delta tables have versions, this is one of plain Parquet files",
                path: path.string)
        }
        snapshot = nil
        let markers = try directory.markers()
        owner = markers.first?.tableOwner
        directory.isOwn = !markers.isEmpty
        self.directory = directory
        let hasFiles = try !directory.entries().isEmpty
        guard !markers.isEmpty || hasFiles else {
            throw LakeError(
                .notATable, "the directory holds no table; check the path", path: path.string)
        }
    }

    /// The number of rows of all files, as the files say it.
    public func rowCount() throws(LakeError) -> Int {
        var total = 0
        for file in try listFiles() { total.addClamped(try footer(of: file).rowCount) }
        return total
    }

    /// Whether batches add rows and none takes any away.
    ///
    /// False for tables that are replaced, which have one file named after the directory, and for
    /// those of others.
    public var isAppendOnly: Bool {
        guard owner != nil else { return false }
        if let snapshot { return snapshot.metadata?.layout == .partitioned }
        guard let files = try? listFiles() else { return false }
        return files.isEmpty || files.contains { $0.batch != nil }
    }

    /// Whether the table says that it is one of this project's.
    public var isOurs: Bool { directory.isOwn }

    /// The version that is read; nil for a table of plain files.
    public var version: Int64? { snapshot?.version }

    /// The tables below a directory, in the order of their paths.
    public static func tables(
        in root: Path, _ files: any FileSystem
    ) throws(LakeError) -> [Path] {
        var tables: [Path] = []
        var pending = [root]
        while let next = pending.popLast() {
            let entries = try onStorage { () throws(StorageError) in try files.list(next) }
            let isTable = entries.contains {
                $0.kind == .file
                    && ($0.name.hasPrefix(OwnerMarker.prefix) || $0.name.hasSuffix(".parquet"))
                    || $0.kind == .directory
                        && ($0.name == DeltaLog.directoryName
                            || PartitionPath.parse($0.name) != nil)
            }
            if isTable {
                tables.append(next)
                continue
            }
            for entry in entries
            where entry.kind == .directory && !TableDirectory.isHidden(entry.name) {
                pending.append(
                    try onStorage { () throws(StorageError) in try next.appending(entry.name) })
            }
        }
        return tables.sorted()
    }

    /// The data files, in the order of their paths.
    public func listFiles() throws(LakeError) -> [LakeFile] {
        if let snapshot { return snapshot.sortedFiles.map(LakeFile.init) }
        return try directory.entries().map { entry in
            let parts = entry.path.split(separator: "/" as Character).map(String.init)
            return LakeFile(
                path: entry.path, bytes: entry.bytes,
                partition: parts.dropLast().compactMap { PartitionPath.parse($0) },
                batch: parts.last.flatMap {
                    DataFileName.parse($0)?.batch ?? CompactedFileName.parse($0)?.batches.upperBound
                })
        }
    }

    /// What a file says about itself, from its end alone: rows, columns, metadata.
    public func footer(of file: LakeFile) throws(LakeError) -> ParquetFooter {
        try directory.footer(of: file.path)
    }

    /// The columns as they are read: those in the files, then the partition columns; of a Delta
    /// table, those of its log.
    ///
    /// A file that lacks one has nulls. A table of plain files that has no file yet has none.
    public func schema() throws(LakeError) -> Schema {
        if let metadata = snapshot?.metadata { return metadata.schema }
        return try columns.get { () throws(LakeError) in try directory.commonColumns() }
    }

    /// The rows of one file with its partition values as columns.
    ///
    /// - Parameters:
    ///   - file: one of `listFiles()`.
    ///   - conditions: ranges of columns, by their names; rows that are outside of one may be left
    ///     out, and are where the file's statistics tell without reading them.
    /// - Returns: the rows, in the order of the file.
    /// - Throws: when the file is damaged or is not the table's.
    public func read(
        _ file: LakeFile, where conditions: [String: ColumnRange] = [:]
    ) throws(LakeError) -> RecordBatch {
        var pieces = try pieces(of: file, where: conditions)
        return try pieces.rest()
    }

    /// The same rows piece by piece: a file may have more than there is memory for.
    public func pieces(
        of file: LakeFile, where conditions: [String: ColumnRange] = [:]
    ) throws(LakeError) -> LakePieces {
        try pieces(of: file, where: conditions, isAlone: false)
    }

    /// The same; `isAlone` leaves the other files aside, and with them the columns that this lacks.
    func pieces(
        of file: LakeFile, where conditions: [String: ColumnRange] = [:], isAlone: Bool
    ) throws(LakeError) -> LakePieces {
        if let snapshot, let metadata = snapshot.metadata {
            guard let found = snapshot.files[Array(file.path.utf8)] else {
                preconditionFailure("a file of another version or table")
            }
            return try directory.pieces(of: found, metadata.schema, where: conditions)
        }
        let path = try directory.path(of: file.path)
        let parquet = try directory.openParquet(path)
        let found = try directory.columns(parquet.footer, file.path)
        var values: [(value: Value, type: DataType)] = []
        for (field, part) in zip(found.partition, file.partition) {
            guard let text = part.value else {
                values.append((.null, field.type))
                continue
            }
            guard let value = PartitionValue.parse(text, as: field.type) else {
                throw LakeError(
                    .damagedFile,
                    "'\(text)' is no \(field.type) for the partition column '\(field.name)'",
                    path: path.string)
            }
            values.append((value, field.type))
        }
        let schema = isAlone ? found.schema : try schema()
        return try LakePieces(parquet, at: path, where: conditions, schema: schema) { rows in
            let constants = values.map { Column(repeating: $0.value, $0.type, count: rows.count) }
            return RecordBatch(found.schema, rows.columns + constants, count: rows.count)
                .completed(to: schema)
        }
    }

    /// All rows, file by file in the order of their paths.
    public func read() throws(LakeError) -> RecordBatch {
        var batches: [RecordBatch] = []
        for file in try listFiles() { batches.append(try read(file)) }
        return try concatenated(batches, try schema(), path)
    }
}

/// What was found once, of a table whose files do not change while it is read.
private final class KnownColumns: Sendable {
    private let known: Mutex<Schema?> = Mutex(nil)

    func get(_ find: () throws(LakeError) -> Schema) throws(LakeError) -> Schema {
        if let schema = known.withLock({ $0 }) { return schema }
        let found = try find()
        known.withLock { $0 = found }
        return found
    }
}

extension LakeFile {
    init(_ file: DeltaFile) {
        path = file.path
        bytes = file.bytes
        partition = file.partition
        batch = file.tag(DeltaFile.batchTag).flatMap { Int64($0) }
    }
}
