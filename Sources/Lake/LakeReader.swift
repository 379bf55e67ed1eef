public import Columnar
public import Parquet
public import Storage

/// A data file of a table.
public struct LakeFile: Sendable {
    /// The path below the table's directory.
    public let path: String
    /// The size in bytes.
    public let bytes: Int64
    /// The partition columns and this file's values, as text; nil stands for null.
    public let partition: [(column: String, value: String?)]
    /// The batch that wrote it; nil when the name does not say.
    public let batch: Int64?
}

/// Reads a table: ours with its types, another Hive-partitioned directory of Parquet files with
/// strings as partition columns.
///
/// A reader sees the files that are there when it lists them.
public struct LakeReader: Sendable {
    /// The table's directory.
    public let path: Path
    /// Whose table it is; nil when it is not one of ours, or the name was too long to be kept.
    public let owner: TableOwner?
    let directory: TableDirectory

    /// Opens a table for reading.
    ///
    /// - Throws: `.notATable` when the directory has neither an owner's mark nor a Parquet file.
    public init(_ path: Path, _ files: any FileSystem) throws(LakeError) {
        self.path = path
        directory = TableDirectory(path: path, files: files)
        let info = try onStorage { () throws(StorageError) in try files.info(path) }
        guard info?.kind == .directory else {
            throw LakeError(.notATable, "there is no such table; check the path", path: path.string)
        }
        let markers = try directory.markers()
        owner = markers.first?.tableOwner
        let hasFiles = try !directory.entries().isEmpty
        guard !markers.isEmpty || hasFiles else {
            throw LakeError(
                .notATable, "the directory holds no table; check the path", path: path.string)
        }
    }

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
                    || $0.kind == .directory && PartitionPath.parse($0.name) != nil
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
        try directory.entries().map { entry in
            let parts = entry.path.split(separator: "/" as Character).map(String.init)
            return LakeFile(
                path: entry.path, bytes: entry.bytes,
                partition: parts.dropLast().compactMap { PartitionPath.parse($0) },
                batch: parts.last.flatMap { DataFileName.parse($0)?.batch })
        }
    }

    /// What a file says about itself, from its end alone: rows, columns, metadata.
    public func footer(of file: LakeFile) throws(LakeError) -> ParquetFooter {
        try directory.footer(of: file.path)
    }

    /// The columns as they are read: those in the files, then the partition columns.
    ///
    /// A table that has no file yet has none.
    public func schema() throws(LakeError) -> Schema {
        guard let first = try directory.entries().first else { return Schema([]) }
        return try directory.columns(of: first).schema
    }

    /// The rows of one file with its partition values as columns at the end.
    public func read(_ file: LakeFile) throws(LakeError) -> RecordBatch {
        let path = try directory.path(of: file.path)
        let parquet = try openParquet(path, directory.files)
        let rows = try onParquet(path) { () throws(ParquetError) in
            try parquet.readRowGroups()
        }
        let found = try directory.columns(parquet.footer, file.path)
        var columns = rows.columns
        for (field, part) in zip(found.partition, file.partition) {
            guard let text = part.value else {
                columns.append(Column(repeating: .null, field.type, count: rows.count))
                continue
            }
            guard let value = PartitionValue.parse(text, as: field.type) else {
                throw LakeError(
                    .damagedFile,
                    "'\(text)' is no \(field.type) for the partition column '\(field.name)'",
                    path: path.string)
            }
            columns.append(Column(repeating: value, field.type, count: rows.count))
        }
        return RecordBatch(found.schema, columns, count: rows.count)
    }

    /// All rows, file by file in the order of their paths.
    public func read() throws(LakeError) -> RecordBatch {
        var batches: [RecordBatch] = []
        for file in try listFiles() {
            let rows = try read(file)
            if let first = batches.first, rows.schema != first.schema {
                throw LakeError(
                    .damagedFile,
                    "the file \(file.path) has the columns (\(rows.schema)), others "
                        + "(\(first.schema)); files of one table have the same columns",
                    path: path.string)
            }
            batches.append(rows)
        }
        guard let first = batches.first else { return RecordBatch(empty: Schema([])) }
        return RecordBatch.concatenate(batches, schema: first.schema)
    }

    func openForReading(_ file: LakeFile) throws(LakeError) -> any ReadFile {
        let path = try directory.path(of: file.path)
        return try onStorage { () throws(StorageError) in
            try directory.files.openForReading(path)
        }
    }
}
