/// What of this project a folder is, by names that only that has in it.
///
/// Each of them has its folder to itself: who reads a table takes every file below it for rows, and
/// what is cleared goes as a whole. So nothing new is made in one.
public enum OwnFolder: String, Sendable {
    /// A tick log.
    case log = "a tick log"
    /// A checkpoint of a job, ours or Spark's.
    case checkpoint = "a checkpoint"
    /// A table, ours or another writer's.
    case table = "a table"

    /// The names that make a folder one: all of them; of a table a name that begins so.
    private static let logNames = ["log.json", "durable"]
    private static let checkpointNames = ["metadata", "offsets"]
    private static let tableBeginnings = ["_streamer,", "_delta_log"]

    /// What a folder with these names in it is, if it is one of ours.
    init?(of names: Set<String>) {
        if names.isSuperset(of: Self.logNames) {
            self = .log
        } else if names.isSuperset(of: Self.checkpointNames) {
            self = .checkpoint
        } else {
            let isTable = names.contains { name in
                Self.tableBeginnings.contains { name.hasPrefix($0) }
            }
            guard isTable else { return nil }
            self = .table
        }
    }
}

extension FileSystem {
    /// The nearest folder above a path that is a log, a checkpoint or a table.
    ///
    /// - Parameter path: where something is to be made; it need not be there.
    /// - Returns: the folder and what it is, `nil` where there is none.
    /// - Throws: when the folders cannot be looked at.
    public func ownFolder(
        around path: Path
    ) throws(StorageError) -> (path: Path, kind: OwnFolder)? {
        var folder = path
        while folder != .currentDirectory, folder.string != "/", folder.name != ".." {
            folder = folder.parent
            // Folders far above may be closed to this user: they are none of ours.
            guard try info(folder)?.kind == .directory, let names = try? names(in: folder) else {
                continue
            }
            if let kind = OwnFolder(of: Set(names)) { return (folder, kind) }
        }
        return nil
    }
}
