import Columnar
public import Parquet
public import Storage

/// A fault of a table: what was attempted, where, why it failed and what helps.
public struct LakeError: FaultOfStorage, Sendable, CustomStringConvertible {
    /// The kinds of fault that a caller can act on.
    public enum Code: String, Sendable {
        /// The directory is a table of another checkpoint or another query.
        case ownedByAnother
        /// The directory holds files that no table of ours put there.
        case foreignFiles
        /// The table was made with other columns or other partition columns.
        case schemaDiffers
        /// The table's description in the directory cannot be read.
        case damagedDescription
        /// A file of the table is not what it was when it was published.
        case damagedFile
        /// A file of the table is missing, or another than the newest one that was published.
        case staleFile
        /// What a commit has published is not there.
        case missingFile
        /// A partition column does not exist, is named twice, or leaves no column for the files.
        case invalidPartitioning
        /// A partition value cannot be the name of a directory.
        case partitionValueTooLong
        /// A batch has rows of more partitions than files can sensibly be made for.
        case tooManyPartitions
        /// The key of an upsert does not exist.
        case unknownKey
        /// There is no table in the directory.
        case notATable
        /// An entry of a Delta table's log is missing, torn or changed.
        case damagedLog
        /// A Delta table needs what is not known here.
        case unsupportedTable
        /// A Delta table has no such version.
        case unknownVersion
        /// A table was made by another writer.
        case notOurs
        /// A batch that was compacted came out with other files.
        case compactedBatchDiffers
        /// Another writer has changed a Delta table.
        case changedByAnother
        /// Rows that have to be in one piece have too many bytes of strings for it.
        case tooLarge
        /// The file system failed; see `storage`.
        case storage
        /// Rows could not be written as Parquet, or a file not be read; see `parquet`.
        case parquet
    }

    /// The kind of fault.
    public let code: Code
    /// The cause and the remedy in words.
    public let message: String
    /// The table's directory or the file concerned.
    public let path: String
    /// The fault of the file system under this one, if any.
    public let storage: StorageError?
    /// The fault of the file format under this one, if any.
    public let parquet: ParquetError?

    /// A fault of the table itself.
    public init(_ code: Code, _ message: String, path: String) {
        self.code = code
        self.message = message
        self.path = path
        storage = nil
        parquet = nil
    }

    init(_ error: StorageError) {
        code = .storage
        message = error.description
        path = error.path
        storage = error
        parquet = nil
    }

    init(_ error: ParquetError, path: String) {
        code = .parquet
        // What can be said of a file that was written, not of rows that are to be.
        let isBroken = error.code == .notParquet || error.code == .damaged
        message =
            error.description
            + (isBroken ? "; restore the file from a copy, or replay the job" : "")
        self.path = path
        storage = nil
        parquet = error
    }

    /// Whether it says something of a file's content or kind rather than of the device.
    var isOfTheFile: Bool {
        storage.map { $0.code == .notAFile || $0.code == .wrongKind } ?? true
    }

    /// The fault in one line.
    public var description: String { code == .storage ? message : "\(path): \(message)" }
}

/// Batches of the table at a path end to end.
func concatenated(
    _ batches: [RecordBatch], _ schema: Schema, _ path: Path
) throws(LakeError) -> RecordBatch {
    do throws(StringsTooLarge) {
        return try RecordBatch.concatenate(batches, schema: schema)
    } catch {
        throw LakeError(.tooLarge, "\(error)", path: path.string)
    }
}

/// Runs work on files; their faults become the lake's.
func onStorage<Result>(
    _ work: () throws(StorageError) -> Result
) throws(LakeError) -> Result {
    do throws(StorageError) { return try work() } catch { throw LakeError(error) }
}

/// Runs work on a Parquet file; its faults become the lake's.
func onParquet<Result>(
    _ path: Path, _ work: () throws(ParquetError) -> Result
) throws(LakeError) -> Result {
    do throws(ParquetError) { return try work() } catch {
        throw LakeError(error, path: path.string)
    }
}
