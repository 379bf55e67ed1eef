import Columnar
import Parquet
public import Storage

// Small files of a directory cannot become one in a single step for readers that take every file
// there is. So the directory is made anew beside the table (`.tmp-compact-<table>/<n>`), with the
// large files and with those that stay, and then both directories change places, which is one step.

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
            directory: TableDirectory(path: path, files: files), targetBytes: targetBytes)
        return try compaction.run(retainedFrom: retainedFrom, isDryRun: isDryRun)
    }
}

/// The compaction of a plain table's directories.
struct PlainCompaction {
    let directory: TableDirectory
    let targetBytes: Int64
    /// How files are written.
    var options = ParquetOptions()

    /// A file of one of the table's batches, or of several.
    struct Input {
        let name: String
        let bytes: Int64
        let batches: ClosedRange<Int64>
        /// From its footer.
        var rows = 0
        var schema = Schema([])
    }

    /// What readers of a directory see of a bin: gone are these files, come is this one.
    struct Replacement {
        var gone: Set<[UInt8]> = []
        var staged: [StagedFile] = []
    }

    /// Compacts every directory of the table.
    func run(retainedFrom: Int64, isDryRun: Bool) throws(LakeError) -> CompactionReport {
        if !isDryRun { try directory.removeCompactionLeftovers() }
        var report = CompactionReport()
        for (folder, entries) in try folders() {
            let files = try inspected(Self.inputs(entries), in: folder)
            let bins = bins(files)
            guard !bins.isEmpty else { continue }
            report.add(bins)
            if isDryRun { continue }
            let new = try directory.compactionDirectory(0)
            var made = Replacement()
            for (number, bin) in bins.enumerated() {
                made.staged.append(
                    try stage(
                        bin, number: number, from: folder, into: new, retainedFrom: retainedFrom))
                made.gone.formUnion(bin.files.map { Array($0.name.utf8) })
            }
            report.bytesAfter += made.staged.reduce(0) { $0 + $1.size }
            guard try replace(folder, by: new, made) else {
                throw LakeError(
                    .changedByAnother, "files of it went meanwhile; compact it again",
                    path: try path(of: folder).string)
            }
            try directory.removeCompactionLeftovers()
        }
        return report
    }

    /// The files of each directory, by its path below the table's.
    func folders() throws(LakeError) -> [(String, [TableDirectory.Entry])] {
        var folders: [(String, [TableDirectory.Entry])] = []
        for entry in try directory.entries() {
            let folder = Self.folder(of: entry.path)
            if let last = folders.last, last.0.utf8.elementsEqual(folder.utf8) {
                folders[folders.count - 1].1.append(entry)
            } else {
                folders.append((folder, [entry]))
            }
        }
        return folders
    }

    /// The directory of a file, both by their paths below the table's.
    static func folder(of file: String) -> String {
        file.split(separator: "/" as Character).dropLast().joined(separator: "/")
    }

    /// The files of batches among those of a directory, in the order of their batches.
    static func inputs(_ entries: [TableDirectory.Entry]) -> [Input] {
        let inputs = entries.compactMap { entry -> Input? in
            let name = entry.path.split(separator: "/" as Character).last.map(String.init) ?? ""
            let batches =
                DataFileName.parse(name).map { $0.batch...$0.batch }
                ?? CompactedFileName.parse(name)?.batches
            return batches.map { Input(name: name, bytes: entry.bytes, batches: $0) }
        }
        return inputs.sorted { left, right in
            left.batches.lowerBound != right.batches.lowerBound
                ? left.batches.lowerBound < right.batches.lowerBound
                : left.name.utf8.lexicographicallyPrecedes(right.name.utf8)
        }
    }

    /// Files with what their footers say.
    func inspected(_ inputs: [Input], in folder: String) throws(LakeError) -> [Input] {
        var inspected: [Input] = []
        for var input in inputs {
            let footer = try directory.footer(of: Self.joined(folder, input.name))
            input.rows = footer.rowCount
            input.schema = footer.schema
            inspected.append(input)
        }
        return inspected
    }

    /// Inspected files, put together as far as they fit.
    func bins(_ inputs: [Input]) -> [CompactionBin<Input>] {
        let rowsMax =
            inputs.map { ParquetWriter.rowGroupRowsMax($0.schema, options) }.min() ?? .max
        return compactionBins(
            inputs, targetBytes: targetBytes, rowsMax: rowsMax, bytes: \.bytes, rows: \.rows,
            fits: { $0.schema == $1.schema })
    }

    /// Puts a directory, made anew, in place of the old one, in one step for its readers.
    ///
    /// What else lies in the old one comes along under a second name. The old one is at `new` then.
    /// - Returns: false when files that are to go have gone already; the new one is removed then.
    /// - Throws: a fault; the new one is removed, unless it may have taken its place.
    func replace(
        _ folder: String, by new: Path, _ made: Replacement
    ) throws(LakeError) -> Bool {
        let old = try path(of: folder)
        do throws(LakeError) {
            guard let staged = try carryOthers(from: old, into: new, made) else {
                directory.discardCompaction(new, after: nil)
                return false
            }
            _ = try onStorage { () throws(StorageError) in try directory.files.publish(staged) }
        } catch {
            directory.discardCompaction(new, after: error)
            throw error
        }
        try onStorage { () throws(StorageError) in
            try directory.files.rename(new, to: old, mode: .exchange)
        }
        return true
    }

    /// Brings what stays into the new directory, and gives what is to be published there; nil when
    /// files that are to go have gone already.
    private func carryOthers(
        from old: Path, into new: Path, _ made: Replacement
    ) throws(LakeError) -> [StagedFile]? {
        var gone = made.gone
        var staged = made.staged
        for entry in try onStorage({ () throws(StorageError) in try directory.files.list(old) }) {
            if gone.remove(Array(entry.name.utf8)) != nil { continue }
            guard entry.kind == .file else {
                throw LakeError(
                    .foreignFiles,
                    "'\(entry.name)' lies among the data files and is none; move it away",
                    path: old.string)
            }
            // Not what an interrupted batch left.
            if entry.name.hasPrefix(temporaryNamePrefix) { continue }
            if let copy = try carry(entry, from: old, into: new) { staged.append(copy) }
        }
        return gone.isEmpty ? staged : nil
    }

    /// Gives a file a second name in another directory; where it can have one only, a copy of it,
    /// which is still to be published.
    private func carry(
        _ entry: DirectoryEntry, from old: Path, into new: Path
    ) throws(LakeError) -> StagedFile? {
        try onStorage { () throws(StorageError) in
            let (file, name) = (try old.appending(entry.name), try new.appending(entry.name))
            do throws(StorageError) {
                try directory.files.linkWithoutSync(file, as: name)
                return nil
            } catch {
                guard error.code == .accessDenied || error.code == .inputOutput else { throw error }
                let content = try directory.files.readOwn(file, maxBytes: Int(entry.size) + 1)
                return try directory.files.stage(name, mode: .createNew, contents: [content])
            }
        }
    }

    /// Writes a bin's rows as one file that waits for its name in a directory, which is made.
    func stage(
        _ bin: CompactionBin<Input>, number: Int, from folder: String, into new: Path,
        retainedFrom: Int64
    ) throws(LakeError) -> StagedFile {
        let old = try path(of: folder)
        var parts: [RecordBatch] = []
        var inputs: [CompactedInput] = []
        var metadata: [(key: String, value: String)] = []
        for input in bin.files {
            let path = try onStorage { () throws(StorageError) in try old.appending(input.name) }
            let (file, checksum) = try content(of: input, at: path)
            parts.append(
                try onParquet(path) { () throws(ParquetError) in try file.readPieces() })
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

    /// A file, which must be what its name says.
    private func content(
        of input: Input, at path: Path
    ) throws(LakeError) -> (file: ParquetFile, checksum: UInt64) {
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
                "its content is not what its name says; restore it from a copy, or replay the job",
                path: path.string)
        }
        return (file, checksum)
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
        var options = options
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
            try directory.files.createDirectories(new)
            return try directory.files.stage(
                try new.appending(name), mode: .createNew, contents: [bytes])
        }
    }

    private static func joined(_ folder: String, _ name: String) -> String {
        folder.isEmpty ? name : "\(folder)/\(name)"
    }

    private func path(of folder: String) throws(LakeError) -> Path {
        folder.isEmpty ? directory.path : try directory.path(of: folder)
    }
}

extension TableDirectory {
    /// Where directories of the table are made anew, and where the old ones are then.
    private func compactionRoot() throws(LakeError) -> Path {
        try onStorage { () throws(StorageError) in
            try path.parent.appending("\(temporaryNamePrefix)compact-\(path.name)")
        }
    }

    /// One of them.
    func compactionDirectory(_ number: Int) throws(LakeError) -> Path {
        let root = try compactionRoot()
        return try onStorage { () throws(StorageError) in try root.appending(String(number)) }
    }

    /// Removes what a compaction left, whether it came to its end or not.
    func removeCompactionLeftovers() throws(LakeError) {
        let root = try compactionRoot()
        try onStorage { () throws(StorageError) in
            guard try files.exists(root) else { return }
            // Directories may have changed places without that being durable yet: nothing may go of
            // one that a loss of power could put back.
            try files.syncDirectory(root)
            try files.removeTree(root)
        }
    }

    /// Removes a directory that took no other's place; after a failed sync nothing is touched.
    func discardCompaction(_ new: Path, after error: LakeError?) {
        if error?.isFailedSync != true { try? files.removeTree(new) }
    }
}
