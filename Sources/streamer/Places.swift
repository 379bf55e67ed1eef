import Checkpoints
import CommandLine
import ConnectorAPI
import Jobs
import Registry
import Settings
import Storage

/// The folders of a project, relative to where the program runs.
enum ProjectFolder: String {
    /// Tick logs, one folder each.
    case log
    /// Tables, one folder each.
    case lake
    /// Checkpoints, one folder a job.
    case checkpoints

    /// The folder.
    func path() throws(StorageError) -> Path { try Path(rawValue) }
}

/// The machine's files: the command line always works on them.
let machineFiles: any FileSystem = POSIXFileSystem()

/// The text of a small file that a user names, such as a job.
func readSmallFile(_ path: String) throws -> [UInt8] {
    try machineFiles.read(Path(path), maxBytes: 16 << 20)
}

/// What variables in job files stand for.
let jobVariables = Variables(processEnvironment) { path in
    // A pipe would be waited for.
    guard let place = try? Path(path), (try? machineFiles.info(place)?.kind) == .file,
        let bytes = try? machineFiles.read(place, maxBytes: 64 << 10)
    else { return nil }
    return String(validating: bytes, as: UTF8.self)
}

/// The folders directly inside a folder, by name; none when it does not exist.
///
/// Links and what begins with a dot are left out.
func subfolders(of folder: Path) throws(StorageError) -> [Path] {
    guard try machineFiles.exists(folder) else { return [] }
    var found: [Path] = []
    for entry in try machineFiles.list(folder)
    where entry.kind == .directory && !entry.name.hasPrefix(".") {
        found.append(try folder.appending(entry.name))
    }
    return found
}

/// Reads and checks a job file.
func loadJob(_ path: String) throws -> Job {
    let bytes: [UInt8]
    do {
        bytes = try readSmallFile(path)
    } catch let error as StorageError {
        throw UsageError(
            error.code == .notFound
                ? "there is no job file '\(shown(path))': \(error.detail); check the path"
                : "cannot read the job file '\(shown(path))': \(error.detail); \(error.remedy)")
    }
    return try Job.load(bytes, path: path, environment: jobVariables, registry: .all)
}
