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
            options: ParquetOptions(), targetBytes: targetBytes, timestampMs: timestampMs)
        let bins = try compaction.bins(snapshot)
        var report = CompactionReport()
        report.add(bins)
        if isDryRun || bins.isEmpty { return report }
        let made = try compaction.make(bins)
        var newest = snapshot
        report.bytesAfter = made.bytes
        report.version = try compaction.commit(made, on: &newest)
        return report
    }

    /// Files that one call of ``compactNext(_:timestampMs:)`` makes at most.
    private static let binsMax = 16

    /// Puts the next files together that are due, in one commit, while batches are added.
    ///
    /// - Parameters:
    ///   - rule: which are due.
    ///   - timestampMs: the time of the commit.
    /// - Returns: what was done; nil when nothing was due.
    /// - Throws: a fault of storage or of the log; the table is as it was then, unless a sync failed.
    public func compactNext(
        _ rule: CompactionRule, timestampMs: Int64
    ) throws(LakeError) -> CompactionReport? {
        // Batches go on meanwhile: only the commit waits for them.
        let snapshot = try onNewest { snapshot throws(LakeError) in snapshot }
        guard let metadata = snapshot.metadata else { return nil }
        let compaction = DeltaCompaction(
            log: log, metadata: metadata, directory: directory, options: options,
            targetBytes: rule.targetBytes, timestampMs: timestampMs)
        let bins = try Array(compaction.dueBins(snapshot, rule).prefix(Self.binsMax))
        guard !bins.isEmpty else { return nil }
        let made = try compaction.make(bins)
        var report = CompactionReport()
        report.add(bins)
        report.bytesAfter = made.bytes
        report.version = try onNewest { newest throws(LakeError) in
            try compaction.commit(made, on: &newest)
        }
        return report
    }
}

/// One compaction of a Delta table.
private struct DeltaCompaction {
    let log: DeltaLog
    let metadata: DeltaMetadata
    let directory: TableDirectory
    /// How files are written.
    let options: ParquetOptions
    let targetBytes: Int64
    let timestampMs: Int64

    /// Large files that have their names, and what a commit says of them.
    struct Made: Sendable {
        var files: [StagedFile] = []
        var actions: [DeltaAction] = []

        var bytes: Int64 { files.reduce(0) { $0 + $1.size } }
    }

    /// Writes the files of some bins, which no reader sees yet.
    func make(_ bins: [CompactionBin<DeltaFile>]) throws(LakeError) -> Made {
        var made = Made()
        do throws(LakeError) {
            for (number, bin) in bins.enumerated() {
                let (file, added) = try stage(bin, number: number)
                made.files.append(file)
                made.actions += bin.files.map {
                    .remove(DeltaRemoval($0, atMs: timestampMs, isDataChange: false))
                }
                made.actions.append(.add(added))
            }
        } catch {
            for file in made.files { directory.files.discard(file) }
            throw error
        }
        let files = made.files
        _ = try onStorage { () throws(StorageError) in try directory.files.publish(files) }
        return made
    }

    /// All small files of each partition, as far as they fit.
    func bins(_ snapshot: DeltaSnapshot) throws(LakeError) -> [CompactionBin<DeltaFile>] {
        var bins: [CompactionBin<DeltaFile>] = []
        for files in partitions(snapshot) { bins += try self.bins(files) }
        return bins
    }

    /// The small files that are due by a rule.
    func dueBins(
        _ snapshot: DeltaSnapshot, _ rule: CompactionRule
    ) throws(LakeError) -> [CompactionBin<DeltaFile>] {
        var bins: [CompactionBin<DeltaFile>] = []
        for files in partitions(snapshot) {
            for run in rule.dueRuns(files, bytes: \.bytes, batches: \.batches) {
                bins += try self.bins(run)
            }
        }
        return bins
    }

    /// The files of each partition, in the order of their batches.
    private func partitions(_ snapshot: DeltaSnapshot) -> [[DeltaFile]] {
        var partitions: [[[UInt8]?]: [DeltaFile]] = [:]
        for file in snapshot.sortedFiles {
            let key = metadata.partitionBy.map { name in
                file.partitionValue(name).map { Array($0.utf8) }
            }
            partitions[key, default: []].append(file)
        }
        return partitions.values.map { files in
            files.sorted { left, right in
                let batches = (left.batches?.lowerBound ?? 0, right.batches?.lowerBound ?? 0)
                return batches.0 != batches.1
                    ? batches.0 < batches.1
                    : left.path.utf8.lexicographicallyPrecedes(right.path.utf8)
            }
        }.sorted { left, right in
            left[0].path.utf8.lexicographicallyPrecedes(right[0].path.utf8)
        }
    }

    /// Files of one partition, put together as far as they fit.
    private func bins(_ files: [DeltaFile]) throws(LakeError) -> [CompactionBin<DeltaFile>] {
        var counted: [(file: DeltaFile, rows: Int)] = []
        for file in files { counted.append((file, try rows(of: file))) }
        let rowsMax = ParquetWriter.rowGroupRowsMax(Schema(metadata.fileFields), options)
        let found = compactionBins(
            counted, targetBytes: targetBytes, rowsMax: rowsMax, bytes: { $0.file.bytes },
            rows: { $0.rows })
        return found.map {
            CompactionBin(files: $0.files.map(\.file), bytes: $0.bytes, rows: $0.rows)
        }
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
            try ParquetWriter.encode(rows, options)
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

    /// Makes files that have their names a version of the table, and gives its number.
    ///
    /// - Throws: `.changedByAnother` when somebody removed what they were made of; they are removed
    ///   then.
    func commit(_ made: Made, on newest: inout DeltaSnapshot) throws(LakeError) -> Int64 {
        var info = DeltaCommitInfo(
            timestampMs: timestampMs, operation: "OPTIMIZE", engine: DeltaCommitInfo.engine)
        info.parameters = [("targetSize", String(targetBytes))]
        let entry = DeltaLogEntry(info, made.actions)
        while true {
            for case .remove(let removal) in made.actions
            where newest.files[Array(removal.path.utf8)] == nil {
                try? directory.files.remove(made.files.map(\.target))
                throw LakeError(
                    .changedByAnother,
                    "the table changed meanwhile: '\(removal.path)' is no longer of it; compact it "
                        + "again", path: log.table.string)
            }
            if try log.commit(entry.bytes, as: newest.version + 1) { break }
            try log.refresh(&newest)
        }
        newest.apply(entry)
        if log.isCheckpointDue(newest) { try log.writeCheckpoint(newest) }
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
