public import Storage

extension TickLogWriter {
    /// Removes a log that holds no row and that nobody has open: its job could not begin.
    ///
    /// One that holds rows, durable or not, stays, and so does what cannot be removed.
    /// - Parameters:
    ///   - path: the directory of the log.
    ///   - directories: those that were made for it, the deepest first; they go when they are empty.
    ///   - files: where the log lies.
    public static func removeEmpty(_ path: Path, directories: [Path], _ files: any FileSystem) {
        guard let lock = try? files.lock(path.appending(LogDirectory.lockName)) else { return }
        defer { lock.release() }
        guard (try? isEmpty(path, files)) == true else { return }
        removeFiles(of: path, directories: directories, files)
    }

    /// What lies in a log's directory and is none of its files; hidden names are nobody's, and of a
    /// link there is nothing to lose.
    ///
    /// - Throws: when the directory cannot be listed.
    public static func foreignEntries(
        of path: Path, _ files: any FileSystem
    ) throws(TickLogError) -> [String] {
        try storage { () throws(StorageError) in try files.list(path) }
            .filter { $0.kind != .other && !LogDirectory.isOwn($0.name) }.map(\.name)
    }

    /// Removes the files that a new log has, and the directories that were made for it.
    static func removeFiles(of path: Path, directories: [Path], _ files: any FileSystem) {
        // The description goes first, and durably: without it there is no log, and a loss of power
        // must not leave it behind alone.
        let own = ownNames.compactMap { try? path.appending($0) }
        guard (try? files.remove(Array(own.prefix(1)))) != nil else { return }
        try? files.removeWithoutSync(Array(own.dropFirst()))
        for directory in directories { try? files.removeIfEmpty(directory) }
    }

    /// The files of a log that never had a row; one that had may have journals besides.
    static let ownNames = [
        LogDescription.fileName, HighWatermark.fileName, SegmentHeader.fileName(0),
        RowlessPositions.fileName, LogDirectory.lockName, LogRetention.fileName,
    ]

    private static func isEmpty(_ path: Path, _ files: any FileSystem) throws -> Bool {
        guard try files.list(path).allSatisfy({ ownNames.contains($0.name) }) else { return false }
        let log = try LogDirectory.description(path, files)
        let bytes = try files.readOwn(path.appending(HighWatermark.fileName), maxBytes: 4_096)
        guard let mark = HighWatermark(bytes, seed: log.seed) else { return false }
        let segment = try files.info(path.appending(SegmentHeader.fileName(0)))
        return mark.endOffset == 0 && segment?.size == mark.segmentBytes
    }
}
