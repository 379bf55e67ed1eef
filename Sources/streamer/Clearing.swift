import Checkpoints
import Columnar
import CommandLine
import ConnectorAPI
import Jobs
import Lake
import Storage
import TickLog

/// What `clear` removes: found first, then checked, then removed.
///
/// What a job owns is its checkpoint and the tables that say that they are that checkpoint's. All
/// of it goes or nothing: what is in the way of a part is an obstacle of the whole.
struct Clearing {
    static let lockName = "LOCK"
    /// Beside what it takes away `clear` keeps it under this name until everything is aside.
    static let asidePrefix = temporaryNamePrefix + "cleared-"

    /// What goes, in the order in which it is put aside.
    private(set) var checkpoints: [Path] = []
    private(set) var tables: [Path] = []
    private(set) var logs: [Path] = []
    /// Checkpoints of others whose tables go by force: nobody may run on them meanwhile.
    private(set) var others: [Path] = []
    /// Sentences about what is in the way but is not ours to remove.
    private(set) var leftAlone: [String] = []
    /// Why nothing can be removed.
    private(set) var obstacles: [String] = []
    /// What a person should know before: what is left alone, and what is out of reach.
    var notes: [String] {
        guard !checkpoints.isEmpty, !elsewhere.isEmpty else { return leftAlone }
        let (keep, them) =
            elsewhere.count == 1 ? ("keeps its rows", "it") : ("keep their rows", "them")
        return leftAlone + [
            "\(listed(elsewhere)) \(keep): clear removes folders alone, and a run on a new "
                + "checkpoint writes all rows there again; empty \(them) first if that is not meant"
        ]
    }

    /// What others have put into the folders that would go, which keeps everything from going.
    private(set) var foreign: [String] = []
    /// What the jobs have written elsewhere, which stays.
    private(set) var elsewhere: [String] = []

    /// The identities of the checkpoints that go.
    private var identities: Set<String> = []
    /// Whether one of them is too damaged to tell its own: tables of nobody else are its.
    private var hasNamelessCheckpoint = false
    /// What their tables are of: queries, and what stands beside their results.
    private var queries: Set<String> = []
    private let isForced: Bool
    private let isEverything: Bool

    /// Everything below the project's folders.
    init(everythingWithLog withLog: Bool, isForced: Bool) throws {
        self.isForced = isForced
        isEverything = true
        try find(below: ProjectFolder.checkpoints.path(), depth: 0, Self.isCheckpoint) {
            try $0.take(checkpoint: $1)
        }
        // Tables may lie elsewhere: what their checkpoint's job writes goes with it.
        for checkpoint in checkpoints {
            for table in Self.tables(ofCheckpoint: checkpoint) { try take(tableOfAJob: table) }
        }
        try find(below: ProjectFolder.lake.path(), depth: 0, Self.isTable) {
            try $0.take(table: $1)
        }
        if withLog {
            try find(below: ProjectFolder.log.path(), depth: 0, Self.isLog) { $0.logs.append($1) }
        }
        try noteForeign()
    }

    /// What one job owns.
    init(of job: Job, withLog: Bool, isForced: Bool) throws {
        self.isForced = isForced
        isEverything = false
        let checkpoint = try Path(job.checkpointLocation)
        if try isRemovable(checkpoint, Self.isCheckpoint, "checkpoint") {
            let recorded = try? CheckpointPlace(folder: checkpoint).loadRecordedJob()
            if let recorded, recorded.name != job.name, !isForced {
                leftAlone.append(
                    "\(checkpoint) is the checkpoint of another job, '\(recorded.name)', and stays; "
                        + "--force removes it")
            } else {
                try take(checkpoint: checkpoint)
            }
        }
        // What a clear that was interrupted left of it.
        let aside = try checkpoint.parent.appending(Self.asidePrefix + checkpoint.name)
        if try machineFiles.isTaken(aside) { try take(checkpoint: aside) }
        var paths = try job.tablePaths.map { try Path($0) }
        for place in checkpoints { paths += Self.tables(ofCheckpoint: place) }
        note(queriesOf: job)
        for path in paths { try take(tableOfAJob: path) }
        for text in job.sources.compactMap(\.spec.tickLog) where withLog {
            try take(log: Path(text))
        }
        try noteForeign()
    }

    /// What a replay wrote into a folder of its own.
    init(ofReplay session: JobSession) throws {
        (isForced, isEverything) = (false, false)
        let checkpoint = try session.checkpointPlace().path
        if try isRemovable(checkpoint, Self.isCheckpoint, "checkpoint") {
            try take(checkpoint: checkpoint)
        }
        for path in try session.outputPaths() { try take(tableOfAJob: path) }
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

    // MARK: What is what

    private static let depthMax = 8

    /// Also one that has lost its identity: it is cleared as a whole.
    private static func isCheckpoint(_ path: Path) throws -> Bool {
        guard try machineFiles.info(path)?.kind == .directory else { return false }
        if try machineFiles.isTaken(path.appending("metadata")) { return true }
        return try machineFiles.isTaken(path.appending("offsets"))
            && CheckpointPlace(folder: path).reader.isThere()
    }

    private static func isTable(_ path: Path) throws -> Bool {
        guard try LakeReader.tables(in: path, machineFiles) == [path] else { return false }
        return try TableClaim(of: path, machineFiles) != .nobody
    }

    private static func isLog(_ path: Path) throws -> Bool {
        try machineFiles.isTaken(path.appending("log.json"))
    }

    /// The tables of the job that a checkpoint recorded, as far as that can be read.
    private static func tables(ofCheckpoint path: Path) -> [Path] {
        (try? CheckpointPlace(folder: path).tables().map(\.path)) ?? []
    }

    // MARK: Taking

    private mutating func take(checkpoint path: Path) throws {
        checkpoints.append(path)
        let place = try CheckpointPlace(folder: path)
        if let id = try? place.reader.identity()?.id {
            identities.insert(id)
        } else {
            hasNamelessCheckpoint = true
        }
        if let job = try? place.loadRecordedJob() { note(queriesOf: job) }
    }

    private mutating func note(queriesOf job: Job) {
        queries.formUnion(job.queries.map(\.name) + job.sideTables.map(\.owner))
        for place in job.queries.flatMap(\.sinks).flatMap(\.owns) where place.directory == nil {
            if !elsewhere.contains(place.name) { elsewhere.append(place.name) }
        }
    }

    /// Notes what users have put into the folders that are to go: it is not ours to remove.
    private mutating func noteForeign() throws {
        guard !isForced else { return }
        func add(_ names: [String], in path: Path) {
            foreign += names.map { "\(path)/\(shown($0))" }
        }
        for path in checkpoints {
            add(try CheckpointReader(path, files: machineFiles).foreignEntries(), in: path)
        }
        for path in tables {
            add(try LakeReader.foreignEntries(of: path, machineFiles), in: path)
        }
        for path in logs {
            add(try TickLogWriter.foreignEntries(of: path, machineFiles), in: path)
        }
    }

    /// A table that a job writes: one behind a link cannot be removed, and so nothing is.
    private mutating func take(tableOfAJob path: Path) throws {
        let aside = try path.parent.appending(Self.asidePrefix + path.name)
        if try machineFiles.isTaken(aside), !tables.contains(aside) { tables.append(aside) }
        if case .owner(let owner)? = try? TableClaim(of: path, machineFiles),
            !identities.contains(owner.checkpointID), !hasNamelessCheckpoint
        {
            // Also behind a link: it is not this job's.
            return try take(table: path)
        }
        guard try isRemovable(path, Self.isTable, "table") else { return }
        try take(table: path)
    }

    private mutating func take(table path: Path) throws {
        guard !tables.contains(where: { ProjectPlace.isSame($0, path) }) else { return }
        if path.name.hasPrefix(Self.asidePrefix) { return tables.append(path) }
        let claim = try TableClaim(of: path, machineFiles)
        if claim.isOne(ofCheckpoints: identities, queries: queries) { return tables.append(path) }
        var whose = "somebody else"
        if case .owner(let owner) = claim {
            // Tables beside logs belong to no checkpoint.
            if owner.checkpointID == feedTablesOwner { return tables.append(path) }
            let place =
                try CheckpointPlace.owning(owner, of: path) ?? CheckpointPlace.anywhere(owner)
            if place == nil, isLeftOver(by: owner) {
                if try isRemovable(path, Self.isTable, "table") { tables.append(path) }
                return
            }
            whose =
                "query '\(owner.query)' of "
                + (place.map { "\($0.path)" }
                    ?? "the checkpoint \(owner.checkpointID), which is not here,")
            if let place, isForced { others.append(place.path) }
        }
        guard try isForced && isRemovable(path, Self.isTable, "table") else {
            leftAlone.append("\(path) belongs to \(whose) and stays; --force removes it")
            return
        }
        tables.append(path)
    }

    /// Whether a table whose checkpoint is not here any more counts as one of what is cleared: a
    /// job that has no checkpoint, or too damaged a one, left it behind.
    private func isLeftOver(by owner: TableOwner) -> Bool {
        if isEverything || hasNamelessCheckpoint { return true }
        return checkpoints.isEmpty && queries.contains(owner.query)
    }

    /// A log goes when nobody else reads it.
    private mutating func take(log path: Path) throws {
        guard try isRemovable(path, Self.isLog, "tick log") else { return }
        let readers = try CheckpointPlace.reading(log: path).filter { reader in
            !checkpoints.contains { ProjectPlace.isSame($0, reader) }
        }
        guard readers.isEmpty || isForced else {
            let names = readers.prefix(5).map(\.string).joined(separator: ", ")
            leftAlone.append("\(path) is read by \(names), too, and stays; --force removes it")
            return
        }
        others += readers
        logs.append(path)
    }

    /// Collects the folders of a kind and notes what else there is.
    ///
    /// Those that an interrupted clear left are among them. Links are not followed.
    private mutating func find(
        below folder: Path, depth: Int, _ isWanted: (Path) throws -> Bool,
        _ collect: (inout Clearing, Path) throws -> Void
    ) throws {
        guard try machineFiles.isTaken(folder) else { return }
        guard try isRealDirectory(folder) else {
            obstacles.append("\(folder) is a link, which is not followed")
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
                try collect(&self, path)
            } else if depth < Self.depthMax {
                try find(below: path, depth: depth + 1, isWanted, collect)
            }
        }
    }

    /// Whether a folder is there and of a kind; notes why not, and what stands in the way.
    private mutating func isRemovable(
        _ path: Path, _ isWanted: (Path) throws -> Bool, _ noun: String
    ) throws -> Bool {
        guard try machineFiles.isTaken(path) else { return false }
        guard try isRealDirectory(path) else {
            let kind = try machineFiles.info(path)?.kind
            if kind == .file {
                leftAlone.append("\(path) is not a \(noun) of streamer's and stays")
            } else {
                obstacles.append("\(path) is a link or lies behind one, which is not followed")
            }
            return false
        }
        guard try isWanted(path) else {
            leftAlone.append("\(path) is not a \(noun) of streamer's and stays")
            return false
        }
        return true
    }
}

/// Who owns the tables beside logs, in place of a checkpoint.
private let feedTablesOwner = "feeds"

extension CheckpointPlace {
    /// The checkpoints below ./checkpoints whose recorded job reads a log.
    static func reading(log: Path) throws -> [Path] {
        try all(in: ProjectFolder.checkpoints.path()).filter { place in
            let sources = (try? place.loadRecordedJob())?.sources ?? []
            return sources.compactMap(\.spec.tickLog).contains { text in
                (try? Path(text)).map { ProjectPlace.isSame($0, log) } ?? false
            }
        }.map(\.path)
    }
}

/// Whether a path is a directory without passing through a link.
private func isRealDirectory(_ path: Path) throws -> Bool {
    if path == .currentDirectory || path.string == "/" || path.name == ".." { return true }
    guard try machineFiles.entryInfo(path)?.kind == .directory else { return false }
    return try path.isAbsolute || isRealDirectory(path.parent)
}
