import Checkpoints
import Columnar
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

/// The text of a small file that a user names, such as a job; it may come through a pipe, and `-` is
/// standard input.
func readSmallFile(_ path: String) throws -> [UInt8] {
    let path = try Path(path == "-" ? "/dev/stdin" : path)
    guard let kind = try machineFiles.info(path)?.kind, kind == .other || path.namesADescriptor
    else { return try machineFiles.read(path, maxBytes: smallFileBytesMax) }
    let input = try machineFiles.openInput(path)
    var bytes: [UInt8] = []
    var part = [UInt8](repeating: 0, count: 1 << 16)
    while true {
        let count = try unsafe part.withUnsafeMutableBytes { try unsafe input.read(into: $0) }
        if count == 0 { return bytes }
        bytes += part.prefix(count)
        guard bytes.count <= smallFileBytesMax else {
            throw UsageError(
                "'\(shown(path.string))' has more than \(humanSize(Int64(smallFileBytesMax)))")
        }
    }
}

private let smallFileBytesMax = 16 << 20

/// What variables in job files stand for.
let jobVariables = Variables(processEnvironment) { path in
    // A pipe would be waited for.
    guard let place = try? Path(path), (try? machineFiles.info(place)?.kind) == .file,
        let bytes = try? machineFiles.read(place, maxBytes: 64 << 10)
    else { return nil }
    return String(utf8: bytes)
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
