import Columnar
import Parquet
public import Storage

extension DeltaTable {
    /// Puts small files of a Delta table together, in one commit that changes no row.
    ///
    /// It may run beside the engine that writes the table. Earlier versions stay readable.
    ///
    /// - Parameters:
    ///   - path: the table's directory.
    ///   - files: where it lies.
    ///   - targetBytes: files of this size are large.
    ///   - timestampMs: the time of the commit.
    ///   - isDryRun: whether to say what would be done only.
    /// - Returns: what was done.
    /// - Throws: `.notOurs` for a table of another writer, `.changedByAnother` when somebody
    ///   removed the files meanwhile; nothing is done then.
    public static func compact(
        _ path: Path, _ files: any FileSystem, targetBytes: Int64, timestampMs: Int64,
        isDryRun: Bool
    ) throws(LakeError) -> CompactionReport {
        let log = try DeltaLog(path, files)
        let snapshot = try log.snapshot()
        guard let metadata = snapshot.metadata, metadata.owner != nil else {
            throw LakeError(
                .notOurs, "the Delta table was made by another writer; compact it with that one",
                path: path.string)
        }
        let compaction = DeltaCompaction(
            log: log, metadata: metadata, directory: TableDirectory(path: path, files: files),
            timestampMs: timestampMs)
        return try compaction.run(snapshot, targetBytes: targetBytes, isDryRun: isDryRun)
    }
}

/// One compaction of a Delta table.
private struct DeltaCompaction {
    let log: DeltaLog
    let metadata: DeltaMetadata
    let directory: TableDirectory
    let timestampMs: Int64

    func run(
        _ snapshot: DeltaSnapshot, targetBytes: Int64, isDryRun: Bool
    ) throws(LakeError) -> CompactionReport {
        var report = CompactionReport()
        let bins = try bins(snapshot, targetBytes: targetBytes)
        for bin in bins {
            report.filesBefore += bin.files.count
            report.filesAfter += 1
            report.bytesBefore.addClamped(bin.bytes)
            report.rows.addClamped(bin.rows)
        }
        if isDryRun || bins.isEmpty { return report }
        var staged: [StagedFile] = []
        var actions: [DeltaAction] = []
        do throws(LakeError) {
            for (number, bin) in bins.enumerated() {
                let (file, added) = try stage(bin, number: number)
                staged.append(file)
                report.bytesAfter += file.size
                actions += bin.files.map {
                    .remove(DeltaRemoval($0, atMs: timestampMs, isDataChange: false))
                }
                actions.append(.add(added))
            }
        } catch {
            for file in staged { directory.files.discard(file) }
            throw error
        }
        _ = try onStorage { () throws(StorageError) in try directory.files.publish(staged) }
        report.version = try commit(actions, snapshot, targetBytes: targetBytes)
        return report
    }

    /// The files of each partition, in the order of their batches.
    private func bins(
        _ snapshot: DeltaSnapshot, targetBytes: Int64
    ) throws(LakeError) -> [CompactionBin<DeltaFile>] {
        var partitions: [[[UInt8]?]: [DeltaFile]] = [:]
        for file in snapshot.sortedFiles {
            let key = metadata.partitionBy.map { name in
                file.partitionValue(name).map { Array($0.utf8) }
            }
            partitions[key, default: []].append(file)
        }
        let rowsMax = ParquetWriter.rowGroupRowsMax(
            Schema(metadata.fileFields), ParquetOptions())
        let groups = partitions.values.sorted { left, right in
            left[0].path.utf8.lexicographicallyPrecedes(right[0].path.utf8)
        }
        var bins: [CompactionBin<DeltaFile>] = []
        for group in groups {
            var counted: [(file: DeltaFile, rows: Int)] = []
            for file in group { counted.append((file, try rows(of: file))) }
            let found = compactionBins(
                counted, targetBytes: targetBytes, rowsMax: rowsMax, bytes: { $0.file.bytes },
                rows: { $0.rows })
            bins += found.map {
                CompactionBin(files: $0.files.map(\.file), bytes: $0.bytes, rows: $0.rows)
            }
        }
        return bins
    }

    private func rows(of file: DeltaFile) throws(LakeError) -> Int {
        if let rows = file.rows { return rows }
        return try directory.footer(of: file.path).rowCount
    }

    private func stage(
        _ bin: CompactionBin<DeltaFile>, number: Int
    ) throws(LakeError) -> (StagedFile, DeltaFile) {
        let schema = Schema(metadata.fileFields)
        var parts: [RecordBatch] = []
        for file in bin.files {
            if let noted = file.xxh3 { try check(file, noted) }
            let part = try directory.read(file, of: schema)
            parts.append(RecordBatch(schema, part.columns, count: part.count))
        }
        let rows = try concatenated(parts, schema, log.table)
        guard rows.count == bin.rows else {
            throw LakeError(
                .damagedFile,
                "the files of '\(bin.files[0].path)' and those after it have \(rows.count) rows, "
                    + "in the log \(bin.rows)", path: log.table.string)
        }
        let first = bin.files[0]
        let folder = try directory.path(of: first.path).parent
        let bytes = try onParquet(folder) { () throws(ParquetError) in
            try ParquetWriter.encode(rows, ParquetOptions())
        }
        let checksum = Checksum.xxh3(bytes)
        let batches = bin.files.compactMap { $0.batches }
        let range = (batches.map(\.lowerBound).min() ?? 0)...(batches.map(\.upperBound).max() ?? 0)
        let name = CompactedFileName.name(range, number: number, checksum: checksum)
        let file = try onStorage { () throws(StorageError) in
            try directory.files.stage(
                try folder.appending(name), mode: .createOrMatch, contents: [bytes])
        }
        let parents = first.path.split(separator: "/" as Character).dropLast()
        let added = DeltaFile(
            path: (parents.map(String.init) + [name]).joined(separator: "/"),
            partition: first.partition, bytes: file.size, modifiedMs: timestampMs,
            isDataChange: false, statistics: DeltaStatistics.text(rows),
            tags: [(DeltaFile.checksumTag, Checksum.hex(checksum))], rows: rows.count)
        return (file, added)
    }

    private func check(_ file: DeltaFile, _ noted: UInt64) throws(LakeError) {
        let path = try directory.path(of: file.path)
        let bytes = try onStorage { () throws(StorageError) in
            let handle = try directory.files.openOwn(path)
            return try handle.read(at: 0, count: Int(try handle.size()))
        }
        guard Checksum.xxh3(bytes) == noted else {
            throw LakeError(
                .damagedFile, "its checksum is not the one in the log; restore it from a copy",
                path: path.string)
        }
    }

    private func commit(
        _ actions: [DeltaAction], _ snapshot: DeltaSnapshot, targetBytes: Int64
    ) throws(LakeError) -> Int64 {
        var info = DeltaCommitInfo(
            timestampMs: timestampMs, operation: "OPTIMIZE", engine: DeltaCommitInfo.engine)
        info.parameters = [("targetSize", String(targetBytes))]
        let entry = DeltaLogEntry(info, actions)
        var newest = snapshot
        while try !log.commit(entry.bytes, as: newest.version + 1) {
            try log.refresh(&newest)
            for case .remove(let removal) in actions
            where newest.files[Array(removal.path.utf8)] == nil {
                throw LakeError(
                    .changedByAnother,
                    "the table changed meanwhile: '\(removal.path)' is no longer of it; compact it "
                        + "again", path: log.table.string)
            }
        }
        newest.apply(entry)
        if newest.version % DeltaLog.checkpointInterval == 0 { try log.writeCheckpoint(newest) }
        return newest.version
    }
}

extension DeltaFile {
    /// The batches that wrote the rows, if the file says so.
    fileprivate var batches: ClosedRange<Int64>? {
        if let batch = tag(Self.batchTag).flatMap({ Int64($0) }) { return batch...batch }
        let name = path.split(separator: "/" as Character).last.map(String.init) ?? ""
        return CompactedFileName.parse(name)?.batches
    }
}
