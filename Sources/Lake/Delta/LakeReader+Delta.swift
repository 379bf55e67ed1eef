import Columnar
import Parquet
import Storage

extension LakeReader {
    /// The newest batch of its owner that a Delta table holds; nil for other tables.
    public var newestBatch: Int64? {
        snapshot.flatMap { snapshot in
            owner.flatMap { snapshot.transaction(of: $0.checkpointID) }
        }
    }

    /// Checks each file of the version against what the log says of it: size, checksum, number of
    /// rows, and that every page decodes.
    func verify(_ snapshot: DeltaSnapshot) throws(LakeError) -> LakeVerification {
        var result = LakeVerification()
        for file in snapshot.sortedFiles {
            let path = try directory.path(of: file.path)
            guard try onStorage({ () throws(StorageError) in try directory.files.isTaken(path) })
            else {
                result.missing.append(file.path)
                continue
            }
            do throws(LakeError) {
                if let reason = try fault(of: file, at: path) {
                    result.damaged.append(.init(path: file.path, reason: reason))
                } else {
                    result.intactFiles += 1
                }
            } catch {
                guard error.isOfTheFile else { throw error }
                result.damaged.append(.init(path: file.path, reason: error.message))
            }
        }
        let log = try DeltaLog(path, directory.files)
        let isOwn = snapshot.metadata?.owner != nil
        result.damaged += try log.verifyCheckpoints(isOwn: isOwn, upTo: snapshot.version)
        return result
    }

    private func fault(of file: DeltaFile, at path: Path) throws(LakeError) -> String? {
        let size = try onStorage { () throws(StorageError) in
            try directory.files.openOwn(path).size()
        }
        if size != file.bytes { return "it has \(size) bytes, in the log \(file.bytes)" }
        if let noted = file.xxh3, try checksum(of: file.path) != noted {
            return "its checksum is not the one in the log"
        }
        var rows = 0
        var pieces = try pieces(of: LakeFile(file))
        while let piece = try pieces.next() { rows += piece.count }
        if let noted = file.rows, noted != rows {
            return "it has \(rows) rows, in the log \(noted)"
        }
        return nil
    }

    /// Compares what commits recorded with the log and with the files in place.
    ///
    /// A file that a later version has removed need not be there.
    func verify(
        _ receipts: [FileReceipt], in snapshot: DeltaSnapshot
    ) throws(LakeError) -> LakeVerification {
        var result = LakeVerification()
        for receipt in receipts {
            let key = Array(receipt.path.utf8)
            let isLogEntry = receipt.path.hasPrefix(DeltaLog.directoryName + "/")
            if !isLogEntry, snapshot.files[key] == nil {
                if snapshot.removals[key] == nil { result.missing.append(receipt.path) }
                continue
            }
            let path = try directory.path(of: receipt.path)
            guard try onStorage({ () throws(StorageError) in try directory.files.isTaken(path) })
            else {
                result.missing.append(receipt.path)
                continue
            }
            do throws(LakeError) {
                if try checksum(of: receipt.path) != receipt.xxh3 {
                    result.damaged.append(
                        .init(path: receipt.path, reason: "its checksum is not the published one"))
                } else {
                    result.intactFiles += 1
                }
            } catch {
                guard error.isOfTheFile else { throw error }
                result.damaged.append(.init(path: receipt.path, reason: error.message))
            }
        }
        return result
    }
}
