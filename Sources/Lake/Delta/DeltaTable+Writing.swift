public import Columnar
import Parquet
public import Storage

extension DeltaTable {
    /// Writes and syncs what a batch adds to the table, under temporary names.
    ///
    /// A table that batches add to gets no commit for a batch without rows. In one that is
    /// replaced the batch's rows take the place of all there are; with `keys` those of the same
    /// key, the last row of each key staying, sorted by the key.
    ///
    /// - Parameters:
    ///   - batch: the batch's number.
    ///   - rows: its rows.
    ///   - keys: for a table that is replaced, the columns that identify a row, or none.
    ///   - timestampMs: the batch's own time, as its plan recorded it.
    /// - Returns: the batch, to be committed or discarded.
    /// - Throws: a fault of storage or of the log; nothing is left behind then.
    public func prepare(
        batch: Int64, rows: RecordBatch, keys: [String] = [], timestampMs: Int64
    ) throws(LakeError) -> PreparedDelta {
        precondition(rows.schema == description.schema, "rows of another schema")
        precondition(batch >= 0, "batches are numbered from 0")
        return try onNewest { snapshot throws(LakeError) in
            if isWritten(batch, snapshot) { return PreparedDelta(batch: batch, work: .written) }
            if description.layout == .partitioned, rows.count == 0 {
                return PreparedDelta(batch: batch, work: .nothing)
            }
            let content = try self.content(rows, keys: keys, over: snapshot)
            let staged = try stage(batch: batch, rows: content, timestampMs: timestampMs)
            return PreparedDelta(batch: batch, work: .staged(staged))
        }
    }

    /// Makes a prepared batch one commit; when it returns the rows are durable and visible.
    ///
    /// - Returns: a receipt for each data file and one for the log entry; those of the earlier
    ///   commit when the batch is in the table already.
    /// - Throws: a fault of storage or of the log; the batch may be in the table then, and
    ///   preparing it again finds out.
    public func commit(_ prepared: PreparedDelta) throws(LakeError) -> [FileReceipt] {
        if case .nothing = prepared.work { return [] }
        return try onNewest { snapshot throws(LakeError) in
            if case .staged(let staged) = prepared.work {
                if isWritten(prepared.batch, snapshot) {
                    discard(prepared)
                } else {
                    try commit(staged, &snapshot)
                }
            }
            try writeCheckpointIfDue(snapshot)
            return try receipts(of: prepared.batch, in: snapshot)
        }
    }

    /// Removes what `prepare` wrote for a batch that will not be committed.
    public func discard(_ prepared: PreparedDelta) {
        if case .staged(let staged) = prepared.work { staged.batch.discard(directory.files) }
    }

    /// Stages what a batch would write on the version before it, for comparison; publishes nothing.
    public func restage(
        batch: Int64, rows: RecordBatch, keys: [String] = []
    ) throws(LakeError) -> StagedBatch {
        let base = try onNewest { snapshot throws(LakeError) -> DeltaSnapshot in
            guard !keys.isEmpty, let version = try version(of: batch, in: snapshot) else {
                return snapshot
            }
            return try log.snapshot(at: version - 1)
        }
        if description.layout == .partitioned, rows.count == 0 {
            return StagedBatch(batch: batch, receipts: [], files: [], table: path)
        }
        let content = try self.content(rows, keys: keys, over: base)
        return try stage(batch: batch, rows: content, timestampMs: 0).batch
    }

    /// What the log says of a batch: its data files and its entry; empty for a batch that is not
    /// in the table.
    public func receipts(of batch: Int64) throws(LakeError) -> [FileReceipt] {
        try onNewest { snapshot throws(LakeError) in try receipts(of: batch, in: snapshot) }
    }

    private func isWritten(_ batch: Int64, _ snapshot: DeltaSnapshot) -> Bool {
        // Not only the batch itself: an older one must not come after it either.
        snapshot.transaction(of: owner.checkpointID).map { $0 >= batch } ?? false
    }

    /// The rows that the table's new files hold.
    private func content(
        _ rows: RecordBatch, keys: [String], over snapshot: DeltaSnapshot
    ) throws(LakeError) -> RecordBatch {
        guard !keys.isEmpty, let known = snapshot.metadata?.schema, !snapshot.files.isEmpty else {
            guard !keys.isEmpty else { return rows }
            return lastOfEachKey(rows, try keyColumns(keys, of: rows.schema, path))
        }
        let schema = known.merged(with: rows.schema)
        var batches: [RecordBatch] = []
        for file in snapshot.sortedFiles { batches.append(try directory.read(file, of: schema)) }
        let all = try concatenated(batches + [rows.completed(to: schema)], schema, path)
        return lastOfEachKey(all, try keyColumns(keys, of: known, path))
    }

    /// Publishes a batch's files, then the commit that refers to them.
    private func commit(
        _ staged: StagedDelta, _ snapshot: inout DeltaSnapshot
    ) throws(LakeError) {
        _ = try onStorage { () throws(StorageError) in
            try directory.files.publish(staged.batch.files)
        }
        while true {
            let entry = entry(of: staged, on: snapshot)
            let version = snapshot.version + 1
            if try log.commit(entry.bytes, as: version) {
                snapshot.apply(entry)
                snapshot.forgetOldRemovals()
                return
            }
            // Somebody moved rows between files: the batch follows that commit.
            try refresh(&snapshot)
            guard snapshot.version >= version, !isWritten(staged.batch.batch, snapshot) else {
                return
            }
        }
    }

    private func entry(of staged: StagedDelta, on snapshot: DeltaSnapshot) -> DeltaLogEntry {
        let isAppend = description.layout == .partitioned
        var info = DeltaCommitInfo(
            timestampMs: staged.timestampMs, operation: "STREAMING UPDATE",
            engine: DeltaCommitInfo.engine)
        info.parameters = [
            ("outputMode", isAppend ? "Append" : "Complete"), ("queryId", owner.checkpointID),
            ("epochId", String(staged.batch.batch)),
        ]
        var actions: [DeltaAction] = [
            .transaction(appID: owner.checkpointID, version: staged.batch.batch)
        ]
        if !isAppend {
            actions += snapshot.sortedFiles.map {
                .remove(DeltaRemoval($0, atMs: staged.timestampMs, isDataChange: true))
            }
        }
        return DeltaLogEntry(info, actions + staged.added.map { .add($0) })
    }

    /// The version at which a batch is in the table, or nil.
    func version(
        of batch: Int64, in snapshot: DeltaSnapshot
    ) throws(LakeError) -> Int64? {
        guard let newest = snapshot.transaction(of: owner.checkpointID), newest >= batch else {
            return nil
        }
        // Mostly it is the newest.
        for version in stride(from: snapshot.version, through: 0, by: -1) {
            guard let found = try log.entry(version).transaction(of: owner.checkpointID) else {
                continue
            }
            if found == batch { return version }
            if found < batch { return nil }
        }
        return nil
    }

    private func receipts(
        of batch: Int64, in snapshot: DeltaSnapshot
    ) throws(LakeError) -> [FileReceipt] {
        guard let version = try version(of: batch, in: snapshot) else { return [] }
        let file = try log.file(version)
        let bytes = try onStorage { () throws(StorageError) in
            try directory.files.readOwn(file, maxBytes: DeltaLogEntry.bytesMax)
        }
        let entry = try DeltaLogEntry(bytes, file)
        var receipts = entry.added.map { file in
            FileReceipt(path: file.path, bytes: file.bytes, xxh3: file.xxh3 ?? 0)
        }
        receipts.append(
            FileReceipt(
                path: "\(DeltaLog.directoryName)/\(DeltaLog.fileName(version))",
                bytes: Int64(bytes.count), xxh3: Checksum.xxh3(bytes)))
        return receipts
    }
}

/// A batch whose files are durable under temporary names, or that needs none.
public struct PreparedDelta: Sendable {
    let batch: Int64
    let work: Work

    /// What is left to do.
    enum Work: Sendable {
        /// The batch leaves nothing.
        case nothing
        /// The table has the batch.
        case written
        /// The files are there, the commit is not.
        case staged(StagedDelta)
    }
}

/// A batch's data files under temporary names, and what its commit will say of them.
struct StagedDelta {
    let batch: StagedBatch
    let added: [DeltaFile]
    let timestampMs: Int64
}

extension DeltaTable {
    /// Writes and syncs a batch's files under temporary names; after an error nothing is left.
    private func stage(
        batch: Int64, rows: RecordBatch, timestampMs: Int64
    ) throws(LakeError) -> StagedDelta {
        var staged: [StagedFile] = []
        var added: [DeltaFile] = []
        var receipts: [FileReceipt] = []
        do throws(LakeError) {
            for partition in try partitions(of: rows) {
                for part in try stageFiles(
                    of: partition, batch, firstNumber: staged.count, rowsMax: fileRowsMax, options,
                    in: directory)
                {
                    staged.append(part.file)
                    receipts.append(part.receipt)
                    added.append(
                        DeltaFile(
                            path: part.receipt.path,
                            partition: Array(zip(description.partitionBy, partition.values)),
                            bytes: part.receipt.bytes, modifiedMs: timestampMs, isDataChange: true,
                            statistics: DeltaStatistics.text(part.rows),
                            tags: [
                                (DeltaFile.batchTag, String(batch)),
                                (DeltaFile.checksumTag, Checksum.hex(part.receipt.xxh3)),
                            ], rows: part.rows.count))
                }
            }
        } catch {
            removeStaged(staged, in: path, directory.files)
            throw error
        }
        return StagedDelta(
            batch: StagedBatch(batch: batch, receipts: receipts, files: staged, table: path),
            added: added,
            timestampMs: timestampMs)
    }

    private func partitions(of rows: RecordBatch) throws(LakeError) -> [Partition] {
        let columns = description.partitionBy.compactMap { rows.schema.index(of: $0) }
        let found = partition(
            rows, by: columns, most: LakeTable.partitionsMax, naming: .delta)
        guard let found else { throw LakeTable.tooManyPartitions(rows.count, path) }
        return found
    }
}
