/// What kind of thing a directory entry is.
public enum FileKind: Sendable, Equatable {
    /// A regular file.
    case file
    /// A directory.
    case directory
    /// A link, a socket, a device, or a name that is not UTF-8: nothing of ours.
    case other
}

/// One entry of a directory.
public struct DirectoryEntry: Sendable, Equatable {
    /// The entry's name within its directory.
    public let name: String
    /// What it is; links are not followed.
    public let kind: FileKind
    /// Its size in bytes, 0 for a directory.
    public let size: Int64

    /// An entry as a listing found it.
    public init(name: String, kind: FileKind, size: Int64) {
        self.name = name
        self.kind = kind
        self.size = size
    }
}

/// What the file system knows about one path.
public struct FileInfo: Sendable, Equatable {
    /// What is at the path; links are followed.
    public let kind: FileKind
    /// Size in bytes.
    public let size: Int64
    /// Time of the last change of the content, nanoseconds since the epoch.
    public let modifiedNanos: Int64
    /// The number that tells two files at one path apart.
    public let inode: UInt64

    /// What a file system found at a path.
    public init(kind: FileKind, size: Int64, modifiedNanos: Int64, inode: UInt64) {
        self.kind = kind
        self.size = size
        self.modifiedNanos = modifiedNanos
        self.inode = inode
    }
}

/// How a finished file takes its name.
public enum PublishMode: Sendable {
    /// The name must be free: an existing file is an error, whatever its content.
    case createNew
    /// An existing file with the same content is success, so that a step can be repeated; one
    /// with other content is an error.
    case createOrMatch
    /// The file takes the place of an existing one, in one step for every reader.
    case replace
}

/// What publishing a file found.
public enum PublishResult: Sendable, Equatable {
    /// The file is new, or took the place of another.
    case created
    /// The same content was there already.
    case alreadyExisted
}

/// A file that is written and synced under a temporary name and waits to be published.
public struct StagedFile: Sendable {
    /// Where the bytes are now.
    public let temporary: Path
    /// The name it will get.
    public let target: Path
    /// What may be at the target.
    public let mode: PublishMode
    /// Size in bytes.
    public let size: Int64
    /// XXH3 of the whole content.
    public let checksum: UInt64

    /// A file whose content is durable at `temporary`.
    public init(
        temporary: Path, target: Path, mode: PublishMode, size: Int64, checksum: UInt64
    ) {
        self.temporary = temporary
        self.target = target
        self.mode = mode
        self.size = size
        self.checksum = checksum
    }
}

/// How `rename` treats the new name.
public enum RenameMode: Sendable {
    /// A file, or an empty directory, at the new name is replaced.
    case replace
    /// The new name must be free.
    case createNew
    /// Both names exist and swap what they name.
    case exchange
}

/// All the file work of the project: one implementation on the machine's files, one simulated.
///
/// A method that changes names returns only when the change would survive a loss of power: the
/// directories concerned are synced, but for `removeWithoutSync`. A sync that fails throws `.syncFailed`; it is never tried
/// again, and the process must end.
public protocol FileSystem: Sendable {
    /// Makes a directory and those above it, durable up to one that was durable before.
    func createDirectories(_ path: Path) throws(StorageError)

    /// The entries of a directory, sorted by the bytes of their names, without `.` and `..`.
    func list(_ path: Path) throws(StorageError) -> [DirectoryEntry]

    /// The names in a directory, in the order of their bytes: ``list(_:)`` where nothing else is
    /// asked.
    func names(in path: Path) throws(StorageError) -> [String]

    /// What is at a path, or nil when nothing is.
    func info(_ path: Path) throws(StorageError) -> FileInfo?

    /// What has a name, or nil when nothing has: a link is `.other`, wherever it leads.
    func entryInfo(_ path: Path) throws(StorageError) -> FileInfo?

    /// Opens a file for reading at any offset.
    func openForReading(_ path: Path) throws(StorageError) -> any ReadFile

    /// Opens a file of a log, a checkpoint or a table for reading: a regular file that has this
    /// very name.
    ///
    /// - Throws: `.notAFile` for a link, which is not followed, and for a pipe, a device or a
    ///   socket, which are not waited for.
    func openOwn(_ path: Path) throws(StorageError) -> any ReadFile

    /// Opens a file or a pipe for reading from start to end; `/dev/stdin` is standard input.
    func openInput(_ path: Path) throws(StorageError) -> any ByteInput

    /// Starts a new file under a temporary name in the directory of `target`.
    func beginStaging(_ target: Path, mode: PublishMode) throws(StorageError) -> any StagingFile

    /// Gives staged files their names, in order, then syncs each directory concerned once.
    ///
    /// Only after it returns may anything refer to the files. After an error some files may have
    /// their names; `.createOrMatch` makes repeating it safe. Temporaries that got no name are
    /// removed.
    /// - Returns: one result for each file, in order.
    func publish(_ files: [StagedFile]) throws(StorageError) -> [PublishResult]

    /// Removes a staged file that will not be published.
    func discard(_ file: StagedFile)

    /// Opens a file for writing at explicit offsets and syncing.
    ///
    /// With `createNew` the file must not exist and is created, with its directory synced;
    /// otherwise it must exist, as for ``openOwn(_:)``.
    func openForAppend(_ path: Path, createNew: Bool) throws(StorageError) -> any AppendFile

    /// Removes files in order, then syncs each directory concerned once; removing what is not
    /// there is success.
    ///
    /// After a crash any of them may be back, so nothing may depend on their absence.
    func remove(_ paths: [Path]) throws(StorageError)

    /// The same without syncing: what is removed stays so with the next sync of its directory.
    ///
    /// For work beside somebody who writes to the directory. The kernel tells of a failed sync
    /// once: if it told the one who removes, the other would take his own names for durable.
    func removeWithoutSync(_ paths: [Path]) throws(StorageError)

    /// Removes a directory if it is there and nothing is in it, without syncing: after a crash it
    /// may be back.
    func removeIfEmpty(_ directory: Path) throws(StorageError)

    /// Removes a directory and everything below it, durably, without following links.
    func removeTree(_ path: Path) throws(StorageError)

    /// Gives a file or directory another name, atomically and durably.
    func rename(_ from: Path, to: Path, mode: RenameMode) throws(StorageError)

    /// Gives a file a second name, which must be free, without syncing: it is durable with the next
    /// sync of its directory.
    ///
    /// - Throws: `.accessDenied` or `.inputOutput` where a file cannot have two names.
    func linkWithoutSync(_ file: Path, as name: Path) throws(StorageError)

    /// Makes the entries of a directory durable.
    func syncDirectory(_ path: Path) throws(StorageError)

    /// Takes the lock on a lock file, making it if needed, or throws `.locked` naming the holder.
    ///
    /// The lock ends with `release()`, with the object, or with the process; the file stays.
    func lock(_ path: Path) throws(StorageError) -> any FileLock

    /// Who holds the lock on a lock file, or nil when nobody does.
    func lockHolder(_ path: Path) throws(StorageError) -> String?
}
