import Checkpoints
import Columnar
import CommandLine
import ConnectorAPI
import Jobs
import Registry
import Storage

/// A checkpoint that a user names: by its job file, by its name under `checkpoints`, or by its
/// folder.
struct CheckpointPlace {
    /// The folder.
    let path: Path
    /// What is in it.
    let reader: CheckpointReader

    /// The checkpoint in a folder.
    init(folder: Path) throws {
        path = folder
        reader = try CheckpointReader(folder, files: machineFiles)
    }

    /// The checkpoint that a word means.
    ///
    /// - Throws: a mistake that says which checkpoints there are.
    init(named word: String) throws {
        try self.init(existing: Self.folder(named: word))
    }

    /// The checkpoint of a job: in the current folder, else in one that the job's file lies in.
    ///
    /// - Throws: a mistake when the job has not run.
    init(of job: Job) throws {
        try self.init(existing: Self.folder(of: job))
    }

    private init(existing folder: Path) throws {
        try self.init(folder: folder)
        guard try exists() else {
            throw UsageError(
                "there is no checkpoint in \(path): the job has not run yet"
                    + Self.known(otherThan: path))
        }
    }

    /// The only checkpoint there is.
    ///
    /// - Throws: a mistake when there are none or several.
    init(verb: String) throws {
        let all = try Self.all(in: ProjectFolder.checkpoints.path())
        switch all.count {
        case 1: self = all[0]
        case 0: throw UsageError("there is no checkpoint: no job has run here yet", verb: verb)
        default:
            throw UsageError(
                "say which job: there are checkpoints of "
                    + listed(all.map(\.path.name)), verb: verb)
        }
    }

    /// Whether a job has run with this checkpoint.
    func exists() throws -> Bool { try machineFiles.isTaken(path.appending("metadata")) }

    /// The job that the checkpoint recorded.
    ///
    /// - Throws: a mistake when there is none, or when its variables are not as they were.
    func recordedJob() throws -> Job {
        let job = try loadRecordedJob()
        // Its variables are recorded as they are written: another environment makes another job.
        let location = try Path(job.checkpointLocation)
        let isThere =
            try location.isAbsolute
            ? ProjectPlace.isSame(location, path)
            : ProjectPlace(of: path, writtenAs: job.checkpointLocation) != nil
        guard isThere else {
            throw UsageError(
                "\(job.path) stands for the job of \(location) in this environment; set the "
                    + "variables that it names as they were for the run")
        }
        return job
    }

    /// The job that the checkpoint recorded, as it is in this environment.
    ///
    /// - Throws: a mistake when there is none.
    func loadRecordedJob() throws -> Job {
        guard let text = try reader.jobText() else {
            throw UsageError("\(path) has recorded no job yet: no run has got that far")
        }
        return try Job.load(
            Array(text.utf8), path: path.appending("job.json").string,
            environment: processEnvironment, registry: .all)
    }

    /// The checkpoints in a folder.
    static func all(in folder: Path) throws -> [CheckpointPlace] {
        try subfolders(of: folder).map { try CheckpointPlace(folder: $0) }
            .filter { try $0.exists() }
    }

    private static func folder(named word: String) throws -> Path {
        let path = try Path(word)
        switch try machineFiles.info(path)?.kind {
        case .file: return try folder(of: loadJob(word))
        case .directory: return path
        default:
            if !word.contains("/"), !word.hasSuffix(".json") {
                let byName = try ProjectFolder.checkpoints.path().appending(word)
                if try machineFiles.exists(byName) { return byName }
            }
            throw UsageError(
                "'\(shown(word))' is neither a job file nor a checkpoint" + known(otherThan: path))
        }
    }

    /// Where a job's checkpoint is, or would be.
    private static func folder(of job: Job) throws -> Path {
        let here = try Path(job.checkpointLocation)
        guard try !here.isAbsolute && !machineFiles.exists(here) else { return here }
        for folder in try ProjectPlace.folders(above: Path(job.path)) {
            let found = try Path("\(folder)/\(here)")
            if try machineFiles.isTaken(found.appending("metadata")) { return found }
        }
        return here
    }

    private static func known(otherThan path: Path) -> String {
        guard let all = try? Self.all(in: ProjectFolder.checkpoints.path()) else { return "" }
        let names = all.map(\.path.string)
        return names.isEmpty ? "" : "; there are: \(listed(names))"
    }
}

extension OffsetsEntry {
    /// The offsets that the batch reads of a source, or `nil` when it has several splits.
    func logOffsets(of name: String) -> Range<Int64>? { offsets(of: name)?.only }

    /// What the batch reads of a source.
    func offsets(of name: String) -> OffsetRange? {
        sources.first { $0.name == name }?.offsets
    }
}
