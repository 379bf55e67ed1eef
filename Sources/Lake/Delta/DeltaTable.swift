public import Columnar
public import Parquet
public import Storage
import Synchronization

/// A Delta Lake table that one query of one checkpoint writes, a commit a batch.
///
/// Invariants:
/// - A batch's data files and its log entry are functions of the batch's number, rows and time and
///   of the owner; nothing else goes into their bytes or names.
/// - The entry of batch N holds the transaction (checkpoint's id, N). A batch whose number is not
///   above the table's is in it already, and writing it changes nothing.
/// - An entry is put at its version only if that is free, after its data files are durable.
public final class DeltaTable: Sendable {
    /// The table's directory.
    public let path: Path
    /// Whose table it is.
    public let owner: TableOwner
    /// Columns, partition columns, and whether batches add rows or replace them.
    public let description: TableDescription

    let directory: TableDirectory
    let log: DeltaLog
    let options: ParquetOptions
    let partitionColumns: [Int]
    let fileRowsMax: Int
    private let state: Mutex<DeltaSnapshot>

    /// Opens a table; unless that is left to ``make()``, makes it where there is none.
    ///
    /// The caller holds the lock of the owner's checkpoint: a table has one writer of rows. Others
    /// may move rows between files meanwhile.
    /// - Throws: `.ownedByAnother`, `.foreignFiles`, `.schemaDiffers`, `.invalidPartitioning`,
    ///   `.damagedLog`, `.unsupportedTable`, `.changedByAnother`.
    public init(
        _ path: Path, _ files: any FileSystem, owner: TableOwner, schema: Schema,
        partitionBy: [String] = [], layout: TableDescription.Layout = .partitioned,
        options: ParquetOptions = ParquetOptions(), making: Bool = true
    ) throws(LakeError) {
        partitionColumns = try LakeTable.partitionColumns(schema, partitionBy, path)
        if let fault = schema.deltaNameFault {
            throw LakeError(.schemaDiffers, fault, path: path.string)
        }
        self.path = path
        self.owner = owner
        self.options = options
        description = TableDescription(layout: layout, schema: schema, partitionBy: partitionBy)
        fileRowsMax = ParquetWriter.rowGroupRowsMax(Schema(description.fileFields), options)
        directory = TableDirectory(path: path, files: files)
        log = try DeltaLog(path, files)
        var snapshot = DeltaSnapshot()
        if try log.exists() {
            snapshot = try log.snapshot()
            try Self.check(snapshot, owner, description, path)
        } else {
            try Self.checkIsFree(directory)
        }
        state = Mutex(snapshot)
        if making { _ = try make() }
    }

    /// Makes the table where there is none, and removes unpublished files from it.
    ///
    /// When that fails nothing of it stays.
    public func make() throws(LakeError) -> MadeTable {
        var made = try MadeTable(at: log.path, directory.files)
        do throws(LakeError) {
            if try !log.exists() {
                // Version 0: the table without rows.
                try onStorage { () throws(StorageError) in
                    try log.files.createDirectories(log.path)
                }
                made.note(try log.file(0))
                _ = try log.commit(Self.firstEntry(owner, description).bytes, as: 0)
            }
            try onNewest { snapshot throws(LakeError) in try changeColumns(&snapshot) }
            try directory.removeDeltaStrays(depth: description.partitionBy.count)
        } catch {
            made.takeAway()
            throw error
        }
        return made
    }

    /// Checks that the log still has the entry that a commit of the owner recorded.
    ///
    /// - Throws: `.damagedLog` when it is gone or is another one: what follows would be a table
    ///   without the rows of that commit.
    public func check(_ recorded: [FileReceipt]) throws(LakeError) {
        for receipt in recorded where receipt.path.hasPrefix(DeltaLog.directoryName + "/") {
            let file = try directory.path(of: receipt.path)
            let fault = try onStorage { () throws(StorageError) -> String? in
                guard try log.files.isTaken(file) else { return "it is missing" }
                return try log.files.difference(of: file, from: receipt)
            }
            guard let fault else { continue }
            throw LakeError(
                .damagedLog,
                "the log entry of the newest batch is not as it was committed: \(fault); restore "
                    + "it from a copy, or clear the table and replay the job", path: file.string)
        }
    }

    private static func checkIsFree(_ directory: TableDirectory) throws(LakeError) {
        try directory.refuseOwnFolderAround()
        guard try directory.isThere else { return }
        let names = try directory.names()
        try directory.refuseOtherFormats(names, but: DeltaLog.directoryName)
        if let other = try directory.markers().first {
            throw LakeError(
                .ownedByAnother,
                "the directory is a table of plain Parquet files (\(other.name)); use another path, "
                    + "or clear the table", path: directory.path.string)
        }
        try directory.refuseForeignFiles(names)
    }

    static func firstEntry(
        _ owner: TableOwner, _ description: TableDescription
    ) -> DeltaLogEntry {
        var configuration: [(key: String, value: String)] = [
            (DeltaMetadata.checkpointKey, owner.checkpointID),
            (DeltaMetadata.queryKey, owner.query),
            (DeltaMetadata.layoutKey, description.layout.rawValue),
        ]
        if description.layout == .partitioned {
            configuration.insert((DeltaMetadata.appendOnlyKey, "true"), at: 0)
        }
        let info = DeltaCommitInfo(
            operation: DeltaCommitInfo.creation, engine: DeltaCommitInfo.engine)
        return DeltaLogEntry(
            info,
            [
                .versions(.ours),
                .metadata(
                    DeltaMetadata(
                        id: tableID(owner), name: owner.query, schema: description.schema,
                        partitionBy: description.partitionBy, configuration: configuration)),
            ])
    }

    /// A UUID that is a function of the owner (version 8 of RFC 9562: the bits are one's own).
    private static func tableID(_ owner: TableOwner) -> String {
        let name = Array("\(owner.checkpointID)\u{0}\(owner.query)".utf8)
        let high = Checksum.xxh3(name) & ~0xf000 | 0x8000
        let low = Checksum.xxh3(name, seed: 1) & ~(3 << 62) | 2 << 62
        let digits = Checksum.hex(high) + Checksum.hex(low)
        var parts: [Substring] = []
        var rest = Substring(digits)
        for length in [8, 4, 4, 4, 12] {
            parts.append(rest.prefix(length))
            rest = rest.dropFirst(length)
        }
        return parts.joined(separator: "-")
    }

    /// Whether a table is this owner's, with these columns, and holds what its batches wrote.
    private static func check(
        _ snapshot: DeltaSnapshot, _ owner: TableOwner, _ description: TableDescription,
        _ path: Path
    ) throws(LakeError) {
        guard let metadata = snapshot.metadata else {
            preconditionFailure("a snapshot without metadata is refused when it is read")
        }
        guard metadata.owner == owner else {
            let whose =
                metadata.owner.map { "query '\($0.query)' of checkpoint \($0.checkpointID)" }
                ?? "another writer"
            throw LakeError(
                .ownedByAnother,
                "the Delta table belongs to \(whose), not to '\(owner.query)' of "
                    + "\(owner.checkpointID); use another path, or remove the table: streamer "
                    + "clear JOB --force",
                path: path.string)
        }
        guard snapshot.versions == .ours else {
            throw LakeError(
                .unsupportedTable,
                "the table was raised to another protocol version; streamer writes tables of reader "
                    + "version \(DeltaVersions.ours.reader) and writer version "
                    + "\(DeltaVersions.ours.writer) alone: use another path, or clear the table",
                path: path.string)
        }
        if let change = snapshot.foreignChanges.first {
            throw LakeError(
                .changedByAnother,
                "version \(change.version) of the table was written by "
                    + (change.engine.isEmpty ? "another writer" : "'\(change.engine)'")
                    + " and changed its rows or columns, which are now not those of the job; use "
                    + "another path, or clear the table and replay the job", path: path.string)
        }
        let partition = metadata.partitionFields
        let mayHold =
            metadata.partitionBy == description.partitionBy
            && metadata.layout == description.layout
        guard mayHold, snapshot.columns(for: description) != nil else {
            let found = FileColumns(stored: metadata.fileFields, partition: partition)
            throw LakeError(
                .schemaDiffers,
                "the table was made differently: "
                    + "\(TableDirectory.differences(found, description)); give a column of another "
                    + "type another name, use another path, or clear the table", path: path.string)
        }
    }

    /// Runs work on the newest version of the table, which the work may advance.
    func onNewest<Result: Sendable>(
        _ work: (inout DeltaSnapshot) throws(LakeError) -> Result
    ) throws(LakeError) -> Result {
        let result = state.withLock { snapshot -> Swift.Result<Result, LakeError> in
            do throws(LakeError) {
                try refresh(&snapshot)
                return .success(try work(&snapshot))
            } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }

    func refresh(_ snapshot: inout DeltaSnapshot) throws(LakeError) {
        let version = snapshot.version
        try log.refresh(&snapshot)
        if snapshot.version != version {
            try Self.check(snapshot, owner, description, path)
        }
    }
}

extension TableDirectory {
    /// Removes unpublished files from a Delta table: from its log and from its partitions.
    func removeDeltaStrays(depth: Int) throws(LakeError) {
        try removeStrays(in: path, depth: depth)
        let log = try onStorage { () throws(StorageError) in
            try path.appending(DeltaLog.directoryName)
        }
        _ = try onStorage { () throws(StorageError) in try files.removeStrays(in: log) }
    }
}
