import Storage

/// What opening a table made where nothing was.
///
/// A job that then cannot begin takes it away again.
public struct MadeTable: Sendable {
    private(set) var marks: [Path] = []
    private let directories: [Path]
    private let files: any FileSystem

    /// Nothing yet, of a table at a path.
    init(at path: Path, _ files: any FileSystem) throws(LakeError) {
        self.files = files
        directories = try onStorage { () throws(StorageError) in
            try files.missingDirectories(path)
        }
    }

    /// Notes a file that says that there is a table.
    mutating func note(_ mark: Path) { marks.append(mark) }

    /// Removes what was made, as far as nothing was added to it; what cannot be removed stays.
    public func takeAway() {
        // Durably: a mark that came back would speak of an owner that is gone.
        try? files.remove(marks)
        for directory in directories { try? files.removeIfEmpty(directory) }
    }
}
