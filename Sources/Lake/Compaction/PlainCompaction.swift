import Columnar
import Parquet
public import Storage

// Small files of a directory cannot become one in a single step for readers that take every file
// there is. So the directory is made anew beside the table (`.tmp-compact-…`), with the large files
// and with those that stay, and then both directories change places, which is one step.

extension LakeTable {
    /// Puts small files of a partitioned table together, directory by directory.
    ///
    /// After a crash every directory is the one before or the one after. A reader that has listed a
    /// directory before it changed may miss the files.
    ///
    /// - Parameters:
    ///   - path: the table's directory.
    ///   - files: where it lies.
    ///   - targetBytes: files of this size are large.
    ///   - retainedFrom: the first batch that the owner's checkpoint still knows of.
    ///   - isDryRun: whether to say what would be done only.
    /// - Precondition: the caller holds the lock of the owner's checkpoint, whose every batch is
    ///   committed.
    /// - Returns: what was done.
    /// - Throws: `.damagedFile` for a file that is not what was published; its directory stays as
    ///   it was.
    public static func compact(
        _ path: Path, _ files: any FileSystem, targetBytes: Int64, retainedFrom: Int64,
        isDryRun: Bool
    ) throws(LakeError) -> CompactionReport {
        let compaction = PlainCompaction(
            directory: TableDirectory(path: path, files: files), targetBytes: targetBytes,
            retainedFrom: retainedFrom)
        return try compaction.run(isDryRun: isDryRun)
    }
}

/// One compaction of a plain table.
private struct PlainCompaction {
    let directory: TableDirectory
    let targetBytes: Int64
    let retainedFrom: Int64

    private struct Input {
        let name: String
        let bytes: Int64
        let rows: Int
        let batches: ClosedRange<Int64>
        let schema: Schema
    }

    func run(isDryRun: Bool) throws(LakeError) -> CompactionReport {
        if !isDryRun { try removeLeftovers() }
        var report = CompactionReport()
        for (folder, entries) in try folders() {
            let bins = try bins(entries)
            guard !bins.isEmpty else { continue }
            for bin in bins {
                report.filesBefore += bin.files.count
                report.filesAfter += 1
                report.bytesBefore.addClamped(bin.bytes)
                report.rows.addClamped(bin.rows)
            }
            if !isDryRun { report.bytesAfter += try rebuild(folder, bins) }
        }
        return report
    }

    /// The files of each directory, by its path below the table's.
    private func folders() throws(LakeError) -> [(String, [TableDirectory.Entry])] {
        var folders: [(String, [TableDirectory.Entry])] = []
        for entry in try directory.entries() {
            let folder = entry.path.split(separator: "/" as Character).dropLast()
                .joined(separator: "/")
            if let last = folders.last, last.0.utf8.elementsEqual(folder.utf8) {
                folders[folders.count - 1].1.append(entry)
            } else {
                folders.append((folder, [entry]))
            }
        }
        return folders
    }

    private func bins(
        _ entries: [TableDirectory.Entry]
    ) throws(LakeError) -> [CompactionBin<Input>] {
        var inputs: [Input] = []
        var rowsMax = Int.max
        for entry in entries {
            let name = entry.path.split(separator: "/" as Character).last.map(String.init) ?? ""
            let batches =
                DataFileName.parse(name).map { $0.batch...$0.batch }
                ?? CompactedFileName.parse(name)?.batches
            guard let batches else { continue }
            let footer = try directory.footer(of: entry.path)
            rowsMax = min(
                rowsMax, ParquetWriter.rowGroupRowsMax(footer.schema, ParquetOptions()))
            inputs.append(
                Input(
                    name: name, bytes: entry.bytes, rows: footer.rowCount, batches: batches,
                    schema: footer.schema))
        }
        inputs.sort { left, right in
            left.batches.lowerBound != right.batches.lowerBound
                ? left.batches.lowerBound < right.batches.lowerBound
                : left.name.utf8.lexicographicallyPrecedes(right.name.utf8)
        }
        return compactionBins(
            inputs, targetBytes: targetBytes, rowsMax: rowsMax, bytes: \.bytes, rows: \.rows,
            fits: { $0.schema == $1.schema })
    }

    /// Makes a directory anew and puts it in place of the old one; the bytes of its new files.
    private func rebuild(
        _ folder: String, _ bins: [CompactionBin<Input>]
    ) throws(LakeError) -> Int64 {
        let old = folder.isEmpty ? directory.path : try directory.path(of: folder)
        let new = try temporary()
        try onStorage { () throws(StorageError) in try directory.files.createDirectories(new) }
        var staged: [StagedFile] = []
        for (number, bin) in bins.enumerated() {
            staged.append(try stage(bin, number: number, from: old, into: new))
        }
        let bytes = staged.reduce(0) { $0 + $1.size }
        let gone = Set(bins.flatMap { $0.files.map { Array($0.name.utf8) } })
        for entry in try onStorage({ () throws(StorageError) in try directory.files.list(old) })
        where !gone.contains(Array(entry.name.utf8)) {
            guard entry.kind == .file else {
                throw LakeError(
                    .foreignFiles,
                    "'\(entry.name)' lies among the data files and is none; move it away",
                    path: old.string)
            }
            staged.append(
                try onStorage { () throws(StorageError) in
                    let content = try directory.files.readOwn(
                        try old.appending(entry.name), maxBytes: Int(entry.size) + 1)
                    return try directory.files.stage(
                        try new.appending(entry.name), mode: .createNew, contents: [content])
                })
        }
        try onStorage { () throws(StorageError) in
            _ = try directory.files.publish(staged)
            try directory.files.rename(new, to: old, mode: .exchange)
            try directory.files.removeTree(new)
        }
        return bytes
    }

    private func stage(
        _ bin: CompactionBin<Input>, number: Int, from old: Path, into new: Path
    ) throws(LakeError) -> StagedFile {
        var parts: [RecordBatch] = []
        var inputs: [CompactedInput] = []
        var metadata: [(key: String, value: String)] = []
        for input in bin.files {
            let path = try onStorage { () throws(StorageError) in try old.appending(input.name) }
            let content = try onStorage { () throws(StorageError) in
                let handle = try directory.files.openOwn(path)
                return try handle.read(at: 0, count: Int(try handle.size()))
            }
            let checksum = Checksum.xxh3(content)
            let hash =
                DataFileName.parse(input.name)?.hash ?? CompactedFileName.parse(input.name)?.hash
            let file = try directory.parquet(of: Buffer(copying: content), at: path)
            guard let hash, Checksum.hex(checksum).hasPrefix(hash) else {
                throw LakeError(
                    .damagedFile,
                    "its content is not what its name says; restore it from a copy, or replay the "
                        + "job", path: path.string)
            }
            parts.append(
                try onParquet(path) { () throws(ParquetError) in
                    try file.readPieces()
                })
            if let listed = file.footer.metadata(CompactedInputs.key) {
                inputs += CompactedInputs.decode(listed) ?? []
            } else {
                let file = FileReceipt(path: input.name, bytes: input.bytes, xxh3: checksum)
                inputs.append(CompactedInput(file: file, rows: input.rows))
            }
            if metadata.isEmpty, let columns = file.footer.metadata(PartitionColumns.key) {
                metadata = [(PartitionColumns.key, columns)]
            }
        }
        let known = inputs.filter { (DataFileName.parse($0.file.path)?.batch ?? 0) >= retainedFrom }
        metadata.append((CompactedInputs.key, CompactedInputs.encode(known)))
        return try write(bin, number: number, parts, metadata, into: new)
    }

    private func write(
        _ bin: CompactionBin<Input>, number: Int, _ parts: [RecordBatch],
        _ metadata: [(key: String, value: String)], into new: Path
    ) throws(LakeError) -> StagedFile {
        guard let schema = parts.first?.schema, parts.allSatisfy({ $0.schema == schema }) else {
            throw LakeError(
                .damagedFile, "files of one directory have different columns",
                path: directory.path.string)
        }
        var options = ParquetOptions()
        options.keyValueMetadata = metadata
        let rows = try concatenated(parts, schema, directory.path)
        let bytes = try onParquet(new) { () throws(ParquetError) in
            try ParquetWriter.encode(rows, options)
        }
        let first = bin.files.map(\.batches.lowerBound).min() ?? 0
        let last = bin.files.map(\.batches.upperBound).max() ?? 0
        let name = CompactedFileName.name(
            first...last, number: number, checksum: Checksum.xxh3(bytes))
        return try onStorage { () throws(StorageError) in
            try directory.files.stage(
                try new.appending(name), mode: .createNew, contents: [bytes])
        }
    }

    // MARK: Beside the table

    private func temporary() throws(LakeError) -> Path {
        try onStorage { () throws(StorageError) in
            try directory.path.parent.appending(
                "\(temporaryNamePrefix)compact-\(directory.path.name)")
        }
    }

    /// Removes what an interrupted compaction left.
    private func removeLeftovers() throws(LakeError) {
        let temporary = try temporary()
        try onStorage { () throws(StorageError) in
            if try directory.files.exists(temporary) {
                try directory.files.removeTree(temporary)
            }
        }
    }
}
