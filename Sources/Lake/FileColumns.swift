import Columnar
import Parquet
import Storage

/// The columns of one data file: those it stores, and those that its directories name.
struct FileColumns {
    let stored: [Field]
    let partition: [Field]

    var schema: Schema { Schema(stored + partition) }
}

extension TableDirectory {
    /// What decoding rows of a table of this project may take beside eight times the file: with
    /// less, a row that was written could not be read again.
    private static let ownDecodedBytesSlack = 512 << 20

    /// Opens a data file; its pages are read when they are asked for.
    func openParquet(_ path: Path) throws(LakeError) -> ParquetFile {
        let file = try onStorage { () throws(StorageError) in
            try StoredFile(files.openOwn(path))
        }
        return try parquet(of: file, at: path)
    }

    /// The same for the bytes of a data file.
    func parquet(
        of source: any ParquetSource, at path: Path
    ) throws(LakeError) -> ParquetFile {
        let limit = source.byteCount.multipliedClamped(by: 8)
            .addingClamped(Self.ownDecodedBytesSlack)
        return try onParquet(path) { () throws(ParquetError) in
            try ParquetFile(source, decodedBytesMax: isOwn ? limit : nil)
        }
    }

    func path(of file: String) throws(LakeError) -> Path {
        try onStorage { () throws(StorageError) in try path.joining(relative: file) }
    }

    /// What a file says about itself, read from its end alone.
    func footer(of file: String) throws(LakeError) -> ParquetFooter {
        let path = try path(of: file)
        let (trailer, size, handle) = try onStorage { () throws(StorageError) in
            let handle = try files.openOwn(path)
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

    func columns(of entry: Entry) throws(LakeError) -> FileColumns {
        try columns(try footer(of: entry.path), entry.path)
    }

    /// The columns of a file, its partition columns with the types that it states, or as strings.
    func columns(_ footer: ParquetFooter, _ file: String) throws(LakeError) -> FileColumns {
        let directories = file.split(separator: "/" as Character).dropLast()
        let names = directories.compactMap { PartitionPath.parse(String($0))?.column }
        var partition = names.map { Field($0, .string) }
        if let text = footer.metadata(PartitionColumns.key) {
            guard let stated = PartitionColumns.decode(text), stated.map(\.name) == names else {
                throw LakeError(
                    .damagedFile,
                    "the file does not lie in the partition directories that it was written for; "
                        + "move it back", path: try path(of: file).string)
            }
            partition = stated
        }
        if let name = Schema.duplicateName(in: footer.schema.fields + partition) {
            throw LakeError(
                .damagedFile, "the column '\(name)' is in the file and in its path",
                path: try path(of: file).string)
        }
        return FileColumns(stored: footer.schema.fields, partition: partition)
    }
}
