import Columnar
import CommandLine
import ConnectorAPI
import Jobs
import Lake
import Storage
import TickLog

/// What `clear` removes: found first, then checked, then removed.
///
/// Checkpoints go before tables: a run after a half-done clear then starts anew and is refused by
/// the tables that are left, while a checkpoint without its tables would go on as if they were
/// there.
struct Clearing {
    private static let lockName = "LOCK"

    private var checkpoints: [Path] = []
    private var tables: [Path] = []
    private var logs: [Path] = []
    /// Sentences about what is in the way but is not ours to remove.
    private(set) var leftAlone: [String] = []

    /// Everything below the project's folders.
    init(everythingWithLog withLog: Bool) throws {
        try find(below: ProjectFolder.checkpoints.path(), depth: 0, Self.isCheckpoint) {
            $0.checkpoints.append($1)
        }
        try find(below: ProjectFolder.lake.path(), depth: 0, Self.isTable) { $0.tables.append($1) }
        if withLog {
            try find(below: ProjectFolder.log.path(), depth: 0, Self.isLog) { $0.logs.append($1) }
        }
    }

    /// What one job owns.
    init(of job: Job, withLog: Bool) throws {
        let checkpoint = try Path(job.checkpointLocation)
        if try isOurs(checkpoint, Self.isCheckpoint, "checkpoint") {
            checkpoints.append(checkpoint)
        }
        for text in job.tablePaths {
            let table = try Path(text)
            if try isOurs(table, Self.isTable, "table") { tables.append(table) }
        }
        for text in job.sources.compactMap(\.spec.tickLog) where withLog {
            let log = try Path(text)
            if try isOurs(log, Self.isLog, "tick log") { logs.append(log) }
        }
    }

    private static let depthMax = 8
    private static let asidePrefix = temporaryNamePrefix + "cleared-"

    private static func isCheckpoint(_ path: Path) throws -> Bool {
        try machineFiles.exists(path.appending("metadata"))
    }

    private static func isTable(_ path: Path) throws -> Bool {
        guard try LakeReader.tables(in: path, machineFiles) == [path] else { return false }
        return try LakeReader(path, machineFiles).owner != nil
    }

    private static func isLog(_ path: Path) throws -> Bool {
        try machineFiles.exists(path.appending("log.json"))
    }

    /// Collects the folders of a kind and notes what else there is.
    ///
    /// Those that an interrupted clear left are among them. Links are not followed.
    private mutating func find(
        below folder: Path, depth: Int, _ isWanted: (Path) throws -> Bool,
        _ collect: (inout Clearing, Path) -> Void
    ) throws {
        guard try machineFiles.exists(folder) else { return }
        guard try isRealDirectory(folder) else {
            leftAlone.append("\(folder) is a link and stays as it is")
            return
        }
        for entry in try machineFiles.list(folder) where entry.name != ".gitkeep" {
            // A name that is not UTF-8 or that is a link is nobody's of ours.
            guard entry.kind == .directory else {
                leftAlone.append("\(folder)/\(shown(entry.name)) is not streamer's and stays")
                continue
            }
            let path = try folder.appending(entry.name)
            if try entry.name.hasPrefix(Self.asidePrefix) || isWanted(path) {
                collect(&self, path)
            } else if depth < Self.depthMax {
                try find(below: path, depth: depth + 1, isWanted, collect)
            }
        }
    }

    /// Whether a folder is there, is no link, and is of a kind; notes why not.
    private mutating func isOurs(
        _ path: Path, _ isWanted: (Path) throws -> Bool, _ noun: String
    ) throws -> Bool {
        guard try machineFiles.exists(path) else { return false }
        guard try isRealDirectory(path) else {
            leftAlone.append("\(path) is a link and stays as it is")
            return false
        }
        guard try isWanted(path) else {
            leftAlone.append("\(path) is not a \(noun) of streamer's and stays")
            return false
        }
        return true
    }

    /// Whether there is nothing to do.
    var isEmpty: Bool { checkpoints.isEmpty && tables.isEmpty && logs.isEmpty }

    /// What would be removed, in words.
    var summary: String {
        let parts = [(checkpoints, "checkpoint"), (tables, "table"), (logs, "tick log")]
        return parts.filter { !$0.0.isEmpty }.map { paths, noun in
            let names = paths.prefix(3).map(\.string).joined(separator: ", ")
            let more = paths.count > 3 ? ", …" : ""
            return "\(counted(Int64(paths.count), noun)) (\(names)\(more))"
        }.joined(separator: ", ")
    }

    /// - Throws: when an engine runs on a checkpoint or something appends to a log.
    func refuseWhileInUse() throws {
        for path in checkpoints + logs {
            if let holder = try machineFiles.lockHolder(path.appending(Self.lockName)) {
                throw ClearError(
                    description: "\(path) is in use: an engine is running (\(holder)); stop it "
                        + "first, nothing was removed")
            }
        }
    }

    /// Removes everything, each checkpoint and log under its own lock.
    func carryOut(_ console: Console) throws {
        for path in checkpoints { try removeLocked(path) }
        for path in tables { try machineFiles.removeTree(path) }
        for path in logs { try removeLocked(path) }
        for path in checkpoints + tables + logs { console.say("removed \(path)") }
    }

    /// Takes a folder away in one step, so that no engine can begin on a part of it.
    private func removeLocked(_ path: Path) throws {
        let lock = try machineFiles.lock(path.appending(Self.lockName))
        defer { lock.release() }
        if path.name.hasPrefix(Self.asidePrefix) {
            try machineFiles.removeTree(path)
            return
        }
        let aside = try path.parent.appending(Self.asidePrefix + path.name)
        if try machineFiles.exists(aside) { try machineFiles.removeTree(aside) }
        try machineFiles.rename(path, to: aside, mode: .createNew)
        try machineFiles.removeTree(aside)
    }
}

/// Whether a path is a directory without passing through a link.
private func isRealDirectory(_ path: Path) throws -> Bool {
    if path == .currentDirectory || path.string == "/" || path.name == ".." { return true }
    let entry = try machineFiles.list(path.parent).first {
        $0.name.utf8.elementsEqual(path.name.utf8)
    }
    guard entry?.kind == .directory else { return false }
    return try path.isAbsolute || isRealDirectory(path.parent)
}

/// Why nothing was cleared.
struct ClearError: Error, CustomStringConvertible {
    /// The reason and the remedy.
    let description: String
}
