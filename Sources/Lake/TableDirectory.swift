import Columnar
import Storage

/// A table's directory: who owns it and what lies in it.
struct TableDirectory: Sendable {
    let path: Path
    let files: any FileSystem
    /// Whether the table says that it is one of this project's.
    var isOwn = true

    /// Where a Delta table has its log.
    static let deltaLogName = "_delta_log"

    /// A data file, by its path below the table's directory.
    struct Entry {
        let path: String
        let bytes: Int64
    }

    /// Names that readers of a lake skip.
    static func isHidden(_ name: String) -> Bool { name.hasPrefix("_") || name.hasPrefix(".") }

    /// The names in the directory itself.
    func names() throws(LakeError) -> [String] {
        try onStorage { () throws(StorageError) in try files.names(in: path) }
    }

    /// The marks of owners in the directory: one, or none in a directory of others.
    func markers() throws(LakeError) -> [OwnerMarker] { try markers(among: names()) }

    private func markers(among names: [String]) throws(LakeError) -> [OwnerMarker] {
        var markers: [OwnerMarker] = []
        for name in names {
            if let marker = try OwnerMarker(name: name, in: path) { markers.append(marker) }
        }
        return markers
    }

    /// Whether the directory exists.
    var isThere: Bool {
        get throws(LakeError) {
            try onStorage { () throws(StorageError) in try files.exists(path) }
        }
    }

    /// Checks that the directory is, or can be made, the table of this owner.
    ///
    /// - Returns: the owner's marks.
    /// - Throws: `.ownedByAnother`, `.schemaDiffers`, or `.foreignFiles` when there are files but
    ///   no owner.
    @discardableResult
    func check(
        _ owner: TableOwner, _ description: TableDescription
    ) throws(LakeError) -> [OwnerMarker] {
        guard try isThere else {
            try refuseOwnFolderAround()
            return []
        }
        let names = try names()
        try refuseOtherFormats(names)
        let wanted = OwnerMarker(owner, description)
        let found = try markers(among: names)
        try refuseOthers(found, wanted, owner)
        if found.isEmpty {
            try refuseForeignFiles(names)
            try refuseOwnFolderAround()
        }
        if !found.contains(wanted) { try refuseOtherColumns(description) }
        return found
    }

    /// Checks that what the owner's newest batch published is there; its content is for a check of
    /// the table to say.
    ///
    /// - Parameters:
    ///   - recorded: the files of the newest commit that published some.
    ///   - isElsewhere: whether the rows of such a file are in another one by now.
    /// - Throws: `.missingFile`: what follows would be a table without the rows of that commit.
    func requirePublished(
        _ recorded: [FileReceipt], isElsewhere: (FileReceipt) -> Bool = { _ in false }
    ) throws(LakeError) {
        for receipt in recorded where !isElsewhere(receipt) {
            let file = try path(of: receipt.path)
            if try onStorage({ () throws(StorageError) in try files.isTaken(file) }) { continue }
            let isTableGone = try isThere ? markers().isEmpty : true
            throw LakeError(
                .missingFile,
                (isTableGone ? "the table is missing" : "the file is missing")
                    + ", and the checkpoint has published rows in it; restore it from a copy, or "
                    + "clear the job and run it anew",
                path: isTableGone ? path.string : file.string)
        }
    }

    /// Makes the directory the table of this owner; when that fails, nothing of it stays.
    ///
    /// - Throws: what ``check(_:_:)`` throws, and faults of storage.
    func claim(
        _ owner: TableOwner, _ description: TableDescription
    ) throws(LakeError) -> MadeTable {
        var made = try MadeTable(at: path, files)
        do throws(LakeError) {
            try claim(owner, description, &made)
        } catch {
            made.takeAway()
            throw error
        }
        return made
    }

    private func claim(
        _ owner: TableOwner, _ description: TableDescription, _ made: inout MadeTable
    ) throws(LakeError) {
        let found = try check(owner, description)
        try onStorage { () throws(StorageError) in try files.createDirectories(path) }
        let wanted = OwnerMarker(owner, description)
        if !found.contains(wanted) {
            let mark = try onStorage { () throws(StorageError) in
                try path.appending(wanted.name)
            }
            if found.isEmpty { made.note(mark) }
            _ = try onStorage { () throws(StorageError) in
                try files.createAtomically(mark, mode: .createOrMatch, contents: [])
            }
            // Of two that claim the directory at once, both see both marks.
            try refuseOthers(try markers(), wanted, owner)
        } else {
            // The run that left it may have died before it synced the name.
            try onStorage { () throws(StorageError) in try files.syncDirectory(path) }
        }
        for marker in found where marker != wanted {
            try onStorage { () throws(StorageError) in
                try files.remove(try path.appending(marker.name))
            }
        }
        try removeStrays(in: path, depth: description.partitionBy.count)
    }

    private func refuseOthers(
        _ found: [OwnerMarker], _ wanted: OwnerMarker, _ owner: TableOwner
    ) throws(LakeError) {
        guard let other = found.first(where: { $0.owner != wanted.owner }) else { return }
        let whose =
            other.tableOwner.map { "query '\($0.query)' of checkpoint \($0.checkpointID)" }
            ?? "another query"
        throw LakeError(
            .ownedByAnother,
            "the table belongs to \(whose), not to '\(owner.query)' of \(owner.checkpointID); "
                + "use another path, or remove the table: streamer clear JOB --force",
            path: path.string)
    }

    /// Refuses a directory in which a log says which files are the table: others would be in no
    /// reader's view.
    ///
    /// - Parameters:
    ///   - names: what lies in the directory.
    ///   - own: the log that is expected.
    /// - Throws: `.foreignFiles`.
    func refuseOtherFormats(
        _ names: [String], but own: String? = nil
    ) throws(LakeError) {
        let formats = [
            (Self.deltaLogName, "a Delta table; use format delta"),
            ("_spark_metadata", "the output of a stream of Spark; use another table"),
            (".hoodie", "a Hudi table; use another table"),
        ]
        for name in names where name != own {
            guard let format = formats.first(where: { $0.0 == name }) else { continue }
            throw LakeError(
                .foreignFiles,
                "the directory is \(format.1), or another path ('\(name)' says which files "
                    + "are its rows)", path: path.string)
        }
    }

    func refuseForeignFiles(_ names: [String]) throws(LakeError) {
        guard let foreign = names.first(where: { !Self.isHidden($0) }) else { return }
        throw LakeError(
            .foreignFiles,
            "the directory holds '\(foreign)', which no table of streamer put there; "
                + "use another path, or move its content away", path: path.string)
    }

    /// Refuses to make a table below another one, whose readers would take its rows for theirs, or
    /// in a log or a checkpoint, with which it would go.
    func refuseOwnFolderAround() throws(LakeError) {
        let around = try onStorage { () throws(StorageError) in try files.ownFolder(around: path) }
        guard let around else { return }
        throw LakeError(
            .foreignFiles,
            "the directory lies in \(around.path), which is \(around.kind.rawValue); use a path "
                + "outside of it", path: path.string)
    }

    /// Columns may come and go; a name keeps its type, and a table its partitions.
    private func refuseOtherColumns(_ wanted: TableDescription) throws(LakeError) {
        for file in try entries() {
            let found = try columns(of: file)
            guard
                found.partition.map(\.name) != wanted.partitionBy
                    || found.schema.conflict(with: wanted.schema) != nil
            else { continue }
            throw LakeError(
                .schemaDiffers,
                "the table was made differently: \(Self.differences(found, wanted)); give a column "
                    + "of another type another name, use another path, or clear the table",
                path: path.string)
        }
    }

    /// Where a table's columns differ, field by field.
    static func differences(
        _ found: FileColumns, _ wanted: TableDescription
    ) -> String {
        var differences: [String] = []
        let fields = found.stored + found.partition
        for field in fields {
            guard let index = wanted.schema.index(of: field.name) else {
                differences.append("it has \(field)")
                continue
            }
            let now = wanted.schema[index]
            let isPartition = found.partition.contains(field)
            if now.type != field.type || (now != field && !isPartition) {
                differences.append("it has \(field), now \(now)")
            }
        }
        for field in wanted.schema.fields where !fields.contains(where: { $0.name == field.name }) {
            differences.append("it lacks \(field)")
        }
        let before = found.partition.map(\.name)
        if before != wanted.partitionBy {
            differences.append(
                "it is partitioned by (\(before.joined(separator: ", "))), now by "
                    + "(\(wanted.partitionBy.joined(separator: ", ")))")
        }
        return differences.isEmpty
            ? "its layout or the order of its columns is another"
            : differences.joined(separator: "; ")
    }

    func removeStrays(in directory: Path, depth: Int) throws(LakeError) {
        _ = try onStorage { () throws(StorageError) in try files.removeStrays(in: directory) }
        guard depth > 0 else { return }
        for entry in try onStorage({ () throws(StorageError) in try files.list(directory) })
        where entry.kind == .directory
            && (PartitionPath.parse(entry.name) != nil
                || entry.name.hasPrefix(PartitionPath.hashedPrefix))
        {
            let child = try onStorage { () throws(StorageError) in
                try directory.appending(entry.name)
            }
            try removeStrays(in: child, depth: depth - 1)
        }
    }

    /// The data files in one directory, by its path below the table's, in the order of their paths;
    /// none where there is no such directory.
    func entries(in folder: String) throws(LakeError) -> [Entry] {
        let directory = folder.isEmpty ? path : try path(of: folder)
        return try onStorage { () throws(StorageError) in
            guard try files.exists(directory) else { return [] }
            return try files.list(directory)
                .filter { Self.isDataFile($0) }
                .map {
                    Entry(path: folder.isEmpty ? $0.name : "\(folder)/\($0.name)", bytes: $0.size)
                }
        }
    }

    private static func isDataFile(_ entry: DirectoryEntry) -> Bool {
        entry.kind == .file && !isHidden(entry.name) && entry.name.hasSuffix(".parquet")
    }

    /// The data files in this directory and the partitions below it, in the order of their paths.
    func entries() throws(LakeError) -> [Entry] {
        var found: [Entry] = []
        try collect(path, prefix: "", depth: 0, into: &found)
        return found
    }

    /// Directories deeper than this are no partitions of ours.
    private static let depthMax = 32

    private func collect(
        _ directory: Path, prefix: String, depth: Int, into found: inout [Entry]
    ) throws(LakeError) {
        for entry in try onStorage({ () throws(StorageError) in try files.list(directory) })
        where !Self.isHidden(entry.name) {
            switch entry.kind {
            case .file where Self.isDataFile(entry):
                found.append(Entry(path: prefix + entry.name, bytes: entry.size))
            case .directory where depth < Self.depthMax && PartitionPath.parse(entry.name) != nil:
                let child = try onStorage { () throws(StorageError) in
                    try directory.appending(entry.name)
                }
                try collect(
                    child, prefix: prefix + entry.name + "/", depth: depth + 1, into: &found)
            case .file, .directory, .other: break
            }
        }
    }
}
