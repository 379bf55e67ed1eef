import Columnar
import Storage

/// A table's directory: who owns it and what lies in it.
struct TableDirectory: Sendable {
    let path: Path
    let files: any FileSystem

    /// Bytes a description may have.
    private static let descriptionBytesMax = 16 << 20

    /// A data file, by its path below the table's directory.
    struct Entry {
        let path: String
        let bytes: Int64
    }

    /// Names that readers of a lake skip.
    static func isHidden(_ name: String) -> Bool { name.hasPrefix("_") || name.hasPrefix(".") }

    /// The description, or nil when there is none.
    func description() throws(LakeError) -> TableDescription? {
        let file = try onStorage { () throws(StorageError) in
            try path.appending(TableDescription.fileName)
        }
        guard try onStorage({ () throws(StorageError) in try files.exists(file) }) else {
            return nil
        }
        let bytes = try onStorage { () throws(StorageError) in
            try files.read(file, maxBytes: Self.descriptionBytesMax)
        }
        return try TableDescription(decoding: bytes, path: file.string)
    }

    /// Makes the directory the table that `wanted` describes, or checks that it is.
    ///
    /// - Throws: `.ownedByAnother`, `.schemaDiffers`, or `.foreignFiles` when there are files but
    ///   no description.
    func claim(_ wanted: TableDescription) throws(LakeError) {
        try onStorage { () throws(StorageError) in try files.createDirectories(path) }
        if let found = try description() {
            try compare(found, wanted)
        } else {
            let entries = try onStorage { () throws(StorageError) in try files.list(path) }
            if let foreign = entries.first(where: { !Self.isHidden($0.name) }) {
                throw LakeError(
                    .foreignFiles,
                    "the directory holds '\(foreign.name)', which no table of streamer put there; "
                        + "use another path, or move its content away", path: path.string)
            }
            _ = try onStorage { () throws(StorageError) in
                try files.createAtomically(
                    try path.appending(TableDescription.fileName), mode: .createOrMatch,
                    text: wanted.encoded())
            }
        }
        try removeStrays(in: path, depth: wanted.partitionBy.count)
    }

    private func compare(
        _ found: TableDescription, _ wanted: TableDescription
    ) throws(LakeError) {
        guard found.owner == wanted.owner else {
            throw LakeError(
                .ownedByAnother,
                "the table belongs to query '\(found.owner.query)' of checkpoint "
                    + "\(found.owner.checkpointID), not to '\(wanted.owner.query)' of "
                    + "\(wanted.owner.checkpointID); use another path, or clear the table",
                path: path.string)
        }
        guard found != wanted else { return }
        throw LakeError(
            .schemaDiffers,
            "the table was made differently: \(Self.differences(found, wanted)); use another "
                + "path, or clear the table", path: path.string)
    }

    /// Where two descriptions differ, field by field.
    private static func differences(
        _ found: TableDescription, _ wanted: TableDescription
    ) -> String {
        var differences: [String] = []
        if found.layout != wanted.layout {
            differences.append("it is \(found.layout.rawValue), now \(wanted.layout.rawValue)")
        }
        for field in found.schema.fields {
            guard let index = wanted.schema.index(of: field.name) else {
                differences.append("it has \(field)")
                continue
            }
            let now = wanted.schema[index]
            if now != field { differences.append("it has \(field), now \(now)") }
        }
        for field in wanted.schema.fields where found.schema.index(of: field.name) == nil {
            differences.append("it lacks \(field)")
        }
        if found.partitionBy != wanted.partitionBy {
            let before = found.partitionBy.joined(separator: ", ")
            let now = wanted.partitionBy.joined(separator: ", ")
            differences.append("it is partitioned by (\(before)), now by (\(now))")
        }
        return differences.isEmpty
            ? "its columns are in another order" : differences.joined(separator: "; ")
    }

    private func removeStrays(in directory: Path, depth: Int) throws(LakeError) {
        _ = try onStorage { () throws(StorageError) in try files.removeStrays(in: directory) }
        guard depth > 0 else { return }
        for entry in try onStorage({ () throws(StorageError) in try files.list(directory) })
        where entry.kind == .directory && PartitionPath.parse(entry.name) != nil {
            let child = try onStorage { () throws(StorageError) in
                try directory.appending(entry.name)
            }
            try removeStrays(in: child, depth: depth - 1)
        }
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
            case .file where entry.name.hasSuffix(".parquet"):
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
