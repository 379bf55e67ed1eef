import Storage

/// What opening a checkpoint made where nothing was.
///
/// A job that then cannot begin takes it away again.
struct MadeCheckpoint: Sendable {
    private let reader: CheckpointReader
    /// The directories that were not there before, the deepest first.
    private let directories: [Path]
    /// Whether there is no query's checkpoint at the path, as whoever has its lock finds it.
    private var isNew = false

    /// Nothing yet.
    init(_ reader: CheckpointReader) throws {
        self.reader = reader
        directories = try reader.files.missingDirectories(reader.path)
    }

    /// Notes that the lock is held, so that nobody else is in the directory.
    mutating func noteLocked() throws {
        // One that has lost its identity is damaged, not new: what it has is needed to mend it.
        isNew = try !reader.isThere()
    }

    /// Removes what was made; what cannot be removed stays.
    func takeAway() {
        let files = reader.files
        if isNew {
            if directories.first == reader.path {
                try? files.removeTree(reader.path)
            } else {
                removeOwn()
            }
        }
        for directory in directories { try? files.removeIfEmpty(directory) }
    }

    /// Removes a checkpoint without batches from a directory that was there.
    private func removeOwn() {
        let files = reader.files
        let state = try? reader.stateDirectory()
        let queries = state.flatMap { try? files.list($0) } ?? []
        for query in queries {
            _ = try? state.map { try files.removeIfEmpty($0.appending(query.name)) }
        }
        for folder in [state, reader.offsetsLog.directory, reader.commitLog.directory] {
            _ = try? folder.map { try files.removeIfEmpty($0) }
        }
        // The identity goes last: without it, what is left would be a damaged checkpoint.
        guard let job = try? reader.jobPath(), (try? files.remove([job])) != nil else { return }
        let own = [try? reader.metadataPath(), try? reader.lockPath()]
        try? files.remove(own.compactMap(\.self))
    }
}
