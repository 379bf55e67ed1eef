import Checkpoints
import ConnectorAPI
import Jobs
import Lake
import Storage

/// The folder of a project: what relative paths in its jobs begin in.
///
/// A job runs in it. Other verbs may be asked from anywhere, and the folder may have been moved, so
/// it is found by where the job's checkpoint lies in it.
struct ProjectPlace {
    let folder: Path

    /// The folder that a path of a job, such as `checkpoints/ohlcv`, leads to this place from.
    ///
    /// Nil where the path is absolute, or the place does not end so.
    init?(of place: Path, writtenAs text: String) throws {
        let written = try Path(text)
        guard !written.isAbsolute else { return nil }
        // As it was named, links included; only then where it really lies.
        let forms = [
            place, try? POSIXFileSystem.absolute(place), try? POSIXFileSystem.resolved(place),
        ]
        for form in forms.compactMap(\.self) {
            guard let folder = try Self.folder(of: form, below: written) else { continue }
            self.folder = folder
            return
        }
        return nil
    }

    private static func folder(of place: Path, below written: Path) throws -> Path? {
        if place == written { return .currentDirectory }
        let ending = Array("/\(written)".utf8)
        guard place.string.utf8.suffix(ending.count).elementsEqual(ending) else { return nil }
        let folder = String(decoding: place.string.utf8.dropLast(ending.count), as: UTF8.self)
        return try Path(folder.isEmpty ? "/" : folder)
    }

    /// A path of a job, from here.
    static func path(_ text: String, in project: ProjectPlace?) throws -> Path {
        guard let project, project.folder != .currentDirectory, !(try Path(text).isAbsolute)
        else { return try Path(text) }
        return try Path("\(project.folder)/\(text)")
    }

    /// The folders that hold a file, the nearest first.
    static func folders(above place: Path) throws -> [Path] {
        var folders: [Path] = []
        for form in [try POSIXFileSystem.absolute(place), try? POSIXFileSystem.resolved(place)] {
            var next = form
            while let path = next, path.string != "/" {
                folders.append(path.parent)
                next = path.parent
            }
        }
        return folders
    }

    /// Whether two paths lead to one place.
    static func isSame(_ one: Path, _ other: Path) -> Bool {
        guard let one = try? POSIXFileSystem.resolved(one),
            let other = try? POSIXFileSystem.resolved(other)
        else { return false }
        return one == other
    }
}

/// A table that a checkpoint's job writes.
struct JobTable {
    /// How commits name it.
    let output: JobOutput
    /// Its folder, from here.
    let path: Path
}

extension CheckpointPlace {
    /// The tables that the recorded job writes, where they lie beside the checkpoint.
    func tables() throws -> [JobTable] {
        let job = try loadRecordedJob()
        let project = try ProjectPlace(of: path, writtenAs: job.checkpointLocation)
        return try job.outputs.map {
            JobTable(output: $0, path: try ProjectPlace.path($0.path, in: project))
        }
    }
}

extension [JobTable] {
    /// The table that a commit means by an owner's text; nil for one that the job writes no more.
    func table(of owner: String) -> JobTable? {
        guard let found = map(\.output).output(of: owner) else { return nil }
        return first { $0.output.id == found.id }
    }
}
