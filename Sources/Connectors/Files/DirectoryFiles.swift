import ConnectorAPI
import Lake
import Storage

/// The files that a directory source may read: those of directories and of the partition
/// directories (`column=value`) below them, and those that globs match.
///
/// As in Spark, a name that begins with `_` or `.` is not a file to read: writers use such names
/// until a file is whole.
struct DirectoryFiles: Sendable {
    /// A file that is there now.
    struct Found {
        let path: Path
        let bytes: Int64
        let modifiedNanos: Int64
    }

    let patterns: [String]
    /// A glob for names; `nil` is every name.
    let nameFilter: String?
    let files: any FileSystem

    /// Partition directories are nested at most this deep.
    private static let depthMax = 32

    /// The files that are not among those already known, in the order in which they are read:
    /// oldest change first, as Spark reads them, and by the bytes of their paths where that is the
    /// same.
    ///
    /// - Throws: ``ConnectorError`` when a path without a wildcard does not exist.
    func new(besides known: Set<String>) throws -> [Found] {
        var found: [String: Found] = [:]
        for pattern in patterns {
            let roots = try PathPattern(pattern).find(
                files, directories: true,
                missing: "there is no such directory or file; check the source's path")
            for root in roots {
                // Named itself it is meant; among others it is passed over, and told of.
                guard root.info.kind != .other || (try? Path(pattern)) != root.path else {
                    throw ConnectorError(
                        "noInput",
                        "is a pipe or a device, and a source reads files again where a batch is run "
                            + "again; read it into a log with \"feed\"", at: pattern)
                }
                try collect(root.path, root.info, depth: 0, besides: known, into: &found)
            }
        }
        return found.values.sorted {
            ($0.modifiedNanos, $0.path) < ($1.modifiedNanos, $1.path)
        }
    }

    private func collect(
        _ path: Path, _ info: FileInfo, depth: Int, besides known: Set<String>,
        into found: inout [String: Found]
    ) throws {
        guard !known.contains(path.string) else { return }
        switch info.kind {
        case .file:
            found[path.string] = Found(
                path: path, bytes: info.size, modifiedNanos: info.modifiedNanos)
        case .directory:
            for entry in try files.list(path) where isWanted(entry, depth: depth) {
                let below = try path.appending(entry.name)
                guard !known.contains(below.string), let info = try files.info(below) else {
                    continue
                }
                try collect(below, info, depth: depth + 1, besides: known, into: &found)
            }
        case .other: return
        }
    }

    /// What lies where files are read and is passed over, by no rule that a name tells.
    struct PassedOver {
        /// Directories that are no partitions: they are not looked into.
        var directories: [String] = []
        /// Pipes, devices, sockets, links to nothing.
        var others: [String] = []
    }

    /// What is passed over now.
    func passedOver() throws -> PassedOver {
        var passed = PassedOver()
        for pattern in patterns {
            let roots = try PathPattern(pattern).find(files, directories: true, missing: "")
            for root in roots { try note(root.path, root.info.kind, depth: 0, &passed) }
        }
        return passed
    }

    private func note(
        _ path: Path, _ kind: FileKind, depth: Int, _ passed: inout PassedOver
    ) throws {
        switch kind {
        case .file: return
        case .other: passed.others.append(path.string)
        case .directory:
            for entry in try files.list(path)
            where entry.kind != .file && !Self.isHidden(entry.name) {
                let below = try path.appending(entry.name)
                // A link to nothing is told like a pipe.
                let kind = try files.info(below)?.kind ?? .other
                if isWanted(entry, depth: depth) {
                    try note(below, kind, depth: depth + 1, &passed)
                } else if kind == .directory {
                    passed.directories.append(below.string)
                }
            }
        }
    }

    private static func isHidden(_ name: String) -> Bool {
        name.utf8.first == UInt8(ascii: "_") || name.utf8.first == UInt8(ascii: ".")
    }

    private func isWanted(_ entry: DirectoryEntry, depth: Int) -> Bool {
        if Self.isHidden(entry.name) { return false }
        if entry.kind == .directory {
            return depth < Self.depthMax && PartitionPath.parse(entry.name) != nil
        }
        guard let nameFilter else { return true }
        return namesMatch(entry.name, nameFilter)
    }
}
