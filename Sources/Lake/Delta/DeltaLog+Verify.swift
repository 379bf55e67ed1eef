import Columnar
import JSON
import Parquet
import Storage

extension DeltaLog {
    /// What is wrong with the checkpoints, which other readers begin with: each must be readable,
    /// and in a table of ours say what the entries up to its version say.
    ///
    /// - Parameters:
    ///   - isOwn: whether the table is one of ours, so that every entry is there.
    ///   - last: the version up to which the entries are looked at.
    /// - Returns: what is wrong, by the path below the table.
    /// - Throws: when the entries are damaged, or a file cannot be read.
    func verifyCheckpoints(
        isOwn: Bool, upTo last: Int64
    ) throws(LakeError) -> [LakeVerification.Damage] {
        var damaged: [LakeVerification.Damage] = []
        var rowCounts: [Int64: Int] = [:]
        var entries = DeltaSnapshot()
        let names = try onStorage { () throws(StorageError) in try files.names(in: path) }
        let known = try versions()
        if isOwn {
            damaged += names.filter { !Self.isNameOfLog($0) }.map {
                LakeVerification.Damage(
                    path: "\(Self.directoryName)/\($0)",
                    reason: "no version of the table is called so; move it away")
            }
        }
        for name in names {
            guard let version = Self.version(of: name, suffix: ".checkpoint.parquet") else {
                continue
            }
            do throws(LakeError) {
                let (found, rowCount) = try readCheckpoint(version)
                rowCounts[version] = rowCount
                guard isOwn, version <= last else { continue }
                try advance(&entries, to: version, among: known)
                if let fault = entries.difference(from: found) {
                    damaged.append(damage(name, fault))
                }
            } catch {
                guard error.code == .damagedFile || error.code == .parquet else {
                    if error.code == .unsupportedTable { continue }
                    throw error
                }
                damaged.append(damage(name, error.message))
            }
        }
        if let fault = try pointerFault(rowCounts, isOwn: isOwn) {
            damaged.append(damage(Self.lastCheckpointName, fault))
        }
        return damaged
    }

    /// Whether a name is one of those that the protocol gives: of a version, of folders, hidden.
    private static func isNameOfLog(_ name: String) -> Bool {
        if name.hasPrefix(".") || name.hasPrefix("_") { return true }
        return [".json", ".compacted.json", ".crc"].contains {
            version(of: name, suffix: $0) != nil
        }
            || name.dropFirst(padded(0).utf8.count).hasPrefix(".checkpoint.")
    }

    private func damage(_ name: String, _ reason: String) -> LakeVerification.Damage {
        LakeVerification.Damage(
            path: "\(Self.directoryName)/\(name)",
            reason: "\(reason); other readers begin with it: remove it and "
                + "\(Self.lastCheckpointName), the log's entries say the same")
    }

    /// A checkpoint's snapshot and rows.
    ///
    /// - Throws: `.damagedFile` or `.parquet` when it is no whole checkpoint.
    private func readCheckpoint(
        _ version: Int64
    ) throws(LakeError) -> (DeltaSnapshot, rowCount: Int) {
        let file = try checkpointFile(version)
        let bytes: [UInt8]
        do throws(StorageError) {
            bytes = try files.readOwn(file, maxBytes: DeltaLogEntry.bytesMax)
        } catch {
            guard error.code == .notAFile || error.code == .wrongKind else {
                throw LakeError(error)
            }
            throw LakeError(.damagedFile, error.detail, path: file.string)
        }
        let rows: [[NestedValue]]
        do throws(ParquetError) {
            rows = try decodeNested(Buffer(copying: bytes), DeltaAction.readFields)
        } catch {
            throw LakeError(.damagedFile, "\(error)", path: file.string)
        }
        guard let snapshot = try snapshot(ofCheckpoint: version, rows, file) else {
            throw LakeError(
                .damagedFile, "a row of it is no action of the protocol", path: file.string)
        }
        return (snapshot, rows.count)
    }

    /// What is wrong with `_last_checkpoint`; nil when it is right or not there.
    private func pointerFault(
        _ rowCounts: [Int64: Int], isOwn: Bool
    ) throws(LakeError) -> String? {
        let file = try onStorage { () throws(StorageError) in
            try path.appending(Self.lastCheckpointName)
        }
        let bytes: [UInt8]?
        do throws(StorageError) {
            bytes = try files.readOwnIfThere(file, maxBytes: 1 << 20)
        } catch {
            guard error.code == .notAFile || error.code == .wrongKind else {
                throw LakeError(error)
            }
            return error.detail
        }
        guard let bytes else { return nil }
        guard let value = try? JSONValue.parse(bytes), let version = value["version"]?.int64Value
        else { return "it does not say which checkpoint is the newest" }
        // A checkpoint in parts, or of the protocol's second form, is not looked for.
        guard value["parts"]?.isNull ?? true, value["v2Checkpoint"]?.isNull ?? true else {
            return nil
        }
        let name = try checkpointFile(max(0, version))
        guard try onStorage({ () throws(StorageError) in try files.isTaken(name) }) else {
            return "it names the checkpoint of version \(version), which is not there"
        }
        guard isOwn, let count = rowCounts[version], let size = value["size"]?.int64Value,
            size != Int64(count)
        else { return nil }
        return "it says that the checkpoint of version \(version) has \(size) rows, it has \(count)"
    }
}

extension DeltaSnapshot {
    /// How a checkpoint differs from what the entries up to its version come to; nil when it does
    /// not.
    fileprivate func difference(from checkpoint: DeltaSnapshot) -> String? {
        guard checkpoint.versions == versions, let own = metadata, let other = checkpoint.metadata,
            own.id.utf8.elementsEqual(other.id.utf8), own.schema == other.schema,
            own.partitionBy == other.partitionBy, own.owner == other.owner
        else { return "it says that the table is another one than the log's entries say" }
        guard checkpoint.transactions == transactions else {
            return "it has other batches than the log's entries"
        }
        for (key, file) in files {
            guard let found = checkpoint.files[key] else {
                return "it lacks the file '\(file.path)', which the log's entries have"
            }
            let isSame =
                found.bytes == file.bytes && found.partition.count == file.partition.count
                && file.partition.allSatisfy { found.partitionValue($0.column) == $0.value }
                && (found.xxh3 ?? file.xxh3) == file.xxh3 && (found.rows ?? file.rows) == file.rows
            guard isSame else { return "it says something else of the file '\(file.path)'" }
        }
        guard checkpoint.files.count == files.count else {
            return "it has files that the log's entries have not"
        }
        return nil
    }
}
