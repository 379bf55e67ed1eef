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
    /// What the directory says about itself; nil when it is not a table of ours.
    public let description: TableDescription?
    private let directory: TableDirectory

    /// Opens a table for reading.
    ///
    /// - Throws: `.notATable` when the directory has neither a description nor a Parquet file.
    public init(_ path: Path, _ files: any FileSystem) throws(LakeError) {
        self.path = path
        directory = TableDirectory(path: path, files: files)
        let info = try onStorage { () throws(StorageError) in try files.info(path) }
        guard info?.kind == .directory else {
            throw LakeError(.notATable, "there is no such table; check the path", path: path.string)
        }
        description = try directory.description()
        let hasFiles = try !directory.entries().isEmpty
        guard description != nil || hasFiles else {
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
                    && ($0.name == TableDescription.fileName || $0.name.hasSuffix(".parquet"))
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
        let path = try path(of: file)
        let (trailer, size, handle) = try onStorage { () throws(StorageError) in
            let handle = try directory.files.openForReading(path)
            let size = try handle.size()
            let start = max(0, size - Int64(ParquetFooter.trailerBytes))
            return (try handle.readUpTo(ParquetFooter.trailerBytes, at: start), size, handle)
        }
        let length = try onParquet(path) { () throws(ParquetError) in
            try ParquetFooter.footerBytes(trailer: trailer, fileBytes: Int(size))
        }
        let bytes = try onStorage { () throws(StorageError) in
            try handle.read(
                at: size - Int64(ParquetFooter.trailerBytes + length), count: length)
        }
        return try onParquet(path) { () throws(ParquetError) in
            try ParquetFooter(Buffer(copying: bytes), fileBytes: Int(size))
        }
    }

    /// The columns as they are read: those in the files, then the partition columns.
    public func schema() throws(LakeError) -> Schema {
        if let description { return description.readSchema }
        guard let first = try listFiles().first else { return Schema([]) }
        return Schema(try footer(of: first).schema.fields + partitionFields(of: first))
    }

    /// The rows of one file with its partition values as columns at the end.
    public func read(_ file: LakeFile) throws(LakeError) -> RecordBatch {
        let path = try path(of: file)
        let parquet = try openParquet(path, directory.files)
        if let description, parquet.schema != description.fileSchema {
            throw LakeError(
                .damagedFile,
                "the file has the columns (\(parquet.schema)), the table "
                    + "(\(description.fileSchema)); remove the file if it is not the table's",
                path: path.string)
        }
        let rows = try onParquet(path) { () throws(ParquetError) in try parquet.read() }
        let fields = try partitionFields(of: file)
        var columns = rows.columns
        for field in fields {
            let text = file.partition.first { $0.column == field.name }?.value
            let value = text.map { PartitionValue.parse($0, as: field.type) } ?? .null
            guard let value else {
                throw LakeError(
                    .damagedFile,
                    "'\(text ?? "")' is no \(field.type) for the partition column "
                        + "'\(field.name)'", path: path.string)
            }
            columns.append(Column(repeating: value, field.type, count: rows.count))
        }
        return RecordBatch(
            Schema(rows.schema.fields + fields), columns, count: rows.count)
    }

    /// All rows, file by file in the order of their paths.
    public func read() throws(LakeError) -> RecordBatch {
        let schema = try schema()
        var batches: [RecordBatch] = []
        for file in try listFiles() {
            let rows = try read(file)
            guard rows.schema == schema else {
                throw LakeError(
                    .damagedFile,
                    "the file \(file.path) has the columns (\(rows.schema)), others (\(schema)); "
                        + "files of one table have the same columns", path: path.string)
            }
            batches.append(rows)
        }
        return batches.isEmpty
            ? RecordBatch(empty: schema) : RecordBatch.concatenate(batches, schema: schema)
    }

    func openForReading(_ file: LakeFile) throws(LakeError) -> any ReadFile {
        let path = try path(of: file)
        return try onStorage { () throws(StorageError) in
            try directory.files.openForReading(path)
        }
    }

    private func path(of file: LakeFile) throws(LakeError) -> Path {
        try onStorage { () throws(StorageError) in try path.joining(relative: file.path) }
    }

    private func partitionFields(of file: LakeFile) throws(LakeError) -> [Field] {
        let fields =
            description?.partitionFields ?? file.partition.map { Field($0.column, .string) }
        guard fields.map(\.name) == file.partition.map(\.column),
            Schema.duplicateName(in: fields) == nil
        else {
            throw LakeError(
                .damagedFile,
                "the directories of \(file.path) are not the table's partition columns",
                path: path.string)
        }
        return fields
    }
}
