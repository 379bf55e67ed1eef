public import Storage

extension LakeReader {
    /// What lies in a table's directory and is none of its files, by names alone: the table may be
    /// too damaged to be read.
    ///
    /// - Returns: paths below the directory, in the order of their bytes; hidden names are nobody's,
    ///   and of a link there is nothing to lose.
    /// - Throws: when a directory cannot be listed.
    public static func foreignEntries(
        of path: Path, _ files: any FileSystem
    ) throws(LakeError) -> [String] {
        let names = try onStorage { () throws(StorageError) in try files.names(in: path) }
        let isDelta = names.contains(TableDirectory.deltaLogName)
        let visible = names.filter { !TableDirectory.isHidden($0) }
        let table = ForeignSearch(
            files: files, isDelta: isDelta, tableName: path.name, isAlone: visible.count == 1)
        return try table.search(path, prefix: "").sorted {
            $0.utf8.lexicographicallyPrecedes($1.utf8)
        }
    }
}

/// The search for files below a table's directory that are none of its own.
private struct ForeignSearch {
    let files: any FileSystem
    let isDelta: Bool
    /// A table that is replaced whole has one file of this name.
    let tableName: String
    /// Whether only one thing lies in the directory: the table may have been moved since.
    let isAlone: Bool

    func search(_ directory: Path, prefix: String) throws(LakeError) -> [String] {
        var found: [String] = []
        for entry in try onStorage({ () throws(StorageError) in try files.list(directory) }) {
            let isMark =
                entry.name.hasPrefix(OwnerMarker.prefix)
                || entry.name == TableDirectory.deltaLogName
            // Another table lies in a directory of this one.
            if isMark, !prefix.isEmpty { found.append(prefix + entry.name) }
            if TableDirectory.isHidden(entry.name) { continue }
            guard entry.kind == .directory else {
                // A link, a pipe: nothing is lost with it.
                if entry.kind == .file, !isOwn(entry.name) { found.append(prefix + entry.name) }
                continue
            }
            let isPartition =
                PartitionPath.parse(entry.name) != nil
                || entry.name.hasPrefix(PartitionPath.hashedPrefix)
            let child = try onStorage { () throws(StorageError) in
                try directory.appending(entry.name)
            }
            if isPartition {
                found += try search(child, prefix: prefix + entry.name + "/")
            } else if try onStorage({ () throws(StorageError) in try !files.list(child).isEmpty }) {
                found.append(prefix + entry.name)
            }
        }
        return found
    }

    private func isOwn(_ name: String) -> Bool {
        // A Delta table's data files may have any names: other writers add to it, too.
        if isDelta { return name.hasSuffix(".parquet") || name.hasPrefix("deletion_vector") }
        return DataFileName.parse(name) != nil || CompactedFileName.parse(name) != nil
            || name == tableName + DataFileName.suffix
            || isAlone && name.hasSuffix(DataFileName.suffix)
    }
}
