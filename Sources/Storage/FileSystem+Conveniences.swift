/// How names of unpublished files begin; recovery removes what bears them.
public let temporaryNamePrefix = ".tmp-"

extension FileSystem {
    /// The names of a listing.
    public func names(in path: Path) throws(StorageError) -> [String] {
        try list(path).map(\.name)
    }

    /// Creates a file with this content in one step for every reader and every crash.
    ///
    /// The directory must exist. See ``PublishMode`` for what happens when the file does.
    @discardableResult
    public func createAtomically(
        _ path: Path, mode: PublishMode, contents: [UInt8]
    ) throws(StorageError) -> PublishResult {
        let staged = try stage(path, mode: mode, contents: [contents])
        return try publish([staged])[0]
    }

    /// Creates a file with this text in one step for every reader and every crash.
    @discardableResult
    public func createAtomically(
        _ path: Path, mode: PublishMode, text: String
    ) throws(StorageError) -> PublishResult {
        try createAtomically(path, mode: mode, contents: Array(text.utf8))
    }

    /// Writes and syncs chunks of bytes as one file that waits to be published.
    public func stage(
        _ path: Path, mode: PublishMode, contents: [[UInt8]]
    ) throws(StorageError) -> StagedFile {
        let file = try beginStaging(path, mode: mode)
        for chunk in contents { try file.append(chunk) }
        return try file.finish()
    }

    /// The whole content of a file.
    ///
    /// - Throws: `.tooLarge` if it has more than `maxBytes`; nothing is allocated then.
    public func read(_ path: Path, maxBytes: Int) throws(StorageError) -> [UInt8] {
        try openForReading(path).readAll(maxBytes: maxBytes)
    }

    /// The whole content of a file of a log, a checkpoint or a table; see ``openOwn(_:)``.
    ///
    /// - Throws: `.tooLarge` if it has more than `maxBytes`; nothing is allocated then.
    public func readOwn(_ path: Path, maxBytes: Int) throws(StorageError) -> [UInt8] {
        try openOwn(path).readAll(maxBytes: maxBytes)
    }

    /// The same, or nil where nothing has the name.
    public func readOwnIfThere(_ path: Path, maxBytes: Int) throws(StorageError) -> [UInt8]? {
        try isTaken(path) ? readOwn(path, maxBytes: maxBytes) : nil
    }

    /// The bytes of a file from `offset` on.
    ///
    /// - Throws: `.unexpectedEnd` if the file ends before `offset + count`.
    public func read(_ path: Path, at offset: Int64, count: Int) throws(StorageError) -> [UInt8] {
        try openForReading(path).read(at: offset, count: count)
    }

    /// Maps the first `length` bytes of a file for reading.
    public func map(_ path: Path, length: Int) throws(StorageError) -> FileMapping {
        try openForReading(path).map(length: length)
    }

    /// Removes a file, durably; removing what is not there is success.
    public func remove(_ path: Path) throws(StorageError) {
        try remove([path])
    }

    /// Whether something has the name: also a link that leads nowhere.
    public func isTaken(_ path: Path) throws(StorageError) -> Bool {
        try entryInfo(path) != nil
    }

    /// Whether something is at the path.
    public func exists(_ path: Path) throws(StorageError) -> Bool {
        try info(path) != nil
    }

    /// Which of a directory and those above it are not there, the deepest first.
    public func missingDirectories(_ path: Path) throws(StorageError) -> [Path] {
        var missing: [Path] = []
        var next = path
        while next != .currentDirectory, next.string != "/", try !exists(next) {
            missing.append(next)
            next = next.parent
        }
        return missing
    }

    /// Removes the files that a crash left unpublished in a directory, and nothing else.
    ///
    /// The caller holds the lock that makes it the directory's only writer.
    /// - Returns: how many there were.
    @discardableResult
    public func removeStrays(in directory: Path) throws(StorageError) -> Int {
        var strays: [Path] = []
        for entry in try list(directory)
        where entry.kind == .file && entry.name.hasPrefix(temporaryNamePrefix) {
            strays.append(try directory.appending(entry.name))
        }
        try remove(strays)
        return strays.count
    }
}
