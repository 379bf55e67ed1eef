import CSystem
import Glibc
import Synchronization

/// The machine's files.
///
/// Invariants: a name changes only by rename or unlink followed by a sync of its directory; a
/// file gets its final name only after its content was synced; no failed sync is tried again. Once
/// a lock that was taken here is lost, nothing is published any more: a process that was stopped
/// for so long that another one took its place must not undo what that one did.
public final class POSIXFileSystem: FileSystem {
    /// Directories whose entry in their parent this process knows to be durable.
    ///
    /// It saves the syncs of `createDirectories` for a partition that is written again and again.
    let durableDirectories = Mutex<Set<Path>>([])
    static let durableDirectoriesMax = 4096
    /// The locks that were taken here and not given up.
    let heldLocks = HeldLocks()

    /// The machine's files.
    public init() {}

    /// What stat says about a path.
    public func info(_ path: Path) throws(StorageError) -> FileInfo? {
        var status = stat()
        guard unsafe stat(path.string, &status) == 0 else {
            if errno == ENOENT || errno == ENOTDIR { return nil }
            throw StorageError(errorNumber: errno, "examine", path: path.string)
        }
        return FileInfo(status)
    }

    /// What lstat says about a path.
    public func entryInfo(_ path: Path) throws(StorageError) -> FileInfo? {
        var status = stat()
        guard unsafe lstat(path.string, &status) == 0 else {
            if errno == ENOENT || errno == ENOTDIR { return nil }
            throw StorageError(errorNumber: errno, "examine", path: path.string)
        }
        return FileInfo(status)
    }

    /// Opens a regular file without following a link and without waiting.
    public func openOwn(_ path: Path) throws(StorageError) -> any ReadFile {
        POSIXReadFile(try Descriptor.openOwn(path, O_RDONLY), path)
    }

    /// Opens a file that is not a directory.
    public func openForReading(_ path: Path) throws(StorageError) -> any ReadFile {
        let descriptor = try Descriptor.open(path.string, O_RDONLY)
        guard try FileInfo(descriptor.status(path: path)).kind != .directory else {
            throw StorageError(errorNumber: EISDIR, "read", path: path.string)
        }
        return POSIXReadFile(descriptor, path)
    }

    /// Opens a file or a pipe for reading in order.
    public func openInput(_ path: Path) throws(StorageError) -> any ByteInput {
        // A pipe that nobody writes to yet is opened at once: what waits then is the read.
        POSIXByteInput(try Descriptor.open(path.string, O_RDONLY | O_NONBLOCK), path)
    }

    /// Opens or creates a file for writing at offsets.
    public func openForAppend(
        _ path: Path, createNew: Bool
    ) throws(StorageError) -> any AppendFile {
        let flags = createNew ? O_RDWR | O_CREAT | O_EXCL : O_RDWR
        let descriptor = try Descriptor.openOwn(path, flags)
        if createNew { try syncDirectory(path.parent) }
        return POSIXAppendFile(descriptor, path)
    }

    /// Unlinks files, then syncs each directory that lost one.
    public func remove(_ paths: [Path]) throws(StorageError) {
        for directory in try unlinkAll(paths).sorted() { try syncDirectory(directory) }
    }

    /// Unlinks files.
    public func removeWithoutSync(_ paths: [Path]) throws(StorageError) {
        _ = try unlinkAll(paths)
    }

    /// Unlinks files, and gives the directories that lost one.
    private func unlinkAll(_ paths: [Path]) throws(StorageError) -> Set<Path> {
        var changed: Set<Path> = []
        for path in paths {
            if unsafe unlink(path.string) == 0 {
                changed.insert(path.parent)
            } else if errno != ENOENT {
                throw StorageError(errorNumber: errno, "remove", path: path.string)
            }
        }
        return changed
    }

    /// Renames with the kernel's atomic forms, then syncs both directories.
    public func rename(_ from: Path, to: Path, mode: RenameMode) throws(StorageError) {
        try renameOnly(from, to: to, mode: mode)
        forgetDurableDirectories()
        try syncDirectory(to.parent)
        if from.parent != to.parent { try syncDirectory(from.parent) }
    }

    /// Links a file that is itself no symbolic link.
    public func linkWithoutSync(_ file: Path, as name: Path) throws(StorageError) {
        guard unsafe link(file.string, name.string) == 0 else {
            throw StorageError(errorNumber: errno, "link \(file) as", path: name.string)
        }
    }

    /// Syncs a directory's entries.
    public func syncDirectory(_ path: Path) throws(StorageError) {
        let descriptor = try Descriptor.open(path.string, O_RDONLY | O_DIRECTORY)
        try descriptor.sync(path: path)
    }

    /// A rename without the syncs that make it durable.
    func renameOnly(_ from: Path, to: Path, mode: RenameMode) throws(StorageError) {
        let result =
            switch mode {
            case .replace: unsafe Glibc.rename(from.string, to.string)
            case .createNew: unsafe csystem_rename_noreplace(from.string, to.string)
            case .exchange: unsafe csystem_rename_exchange(from.string, to.string)
            }
        guard result == 0 else {
            throw StorageError(errorNumber: errno, "rename \(from) to", path: to.string)
        }
    }
}

extension FileInfo {
    init(_ status: stat) {
        let kind: FileKind =
            switch status.st_mode & S_IFMT {
            case S_IFREG: .file
            case S_IFDIR: .directory
            default: .other
            }
        self.init(
            kind: kind, size: Int64(status.st_size),
            modifiedNanos: Int64(status.st_mtim.tv_sec) &* 1_000_000_000
                &+ Int64(status.st_mtim.tv_nsec),
            inode: UInt64(status.st_ino))
    }
}
