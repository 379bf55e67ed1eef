import CSystem
import Glibc
import Synchronization

extension POSIXFileSystem {
    /// Makes a directory and those above it with mkdir, syncing each parent.
    public func createDirectories(_ path: Path) throws(StorageError) {
        if durableDirectories.withLock({ $0.contains(path) }), try isDirectory(path) { return }
        try makeDurable(path)
    }

    /// Makes `path` and what is missing above it, then syncs each parent.
    ///
    /// A directory that was there already is synced too, once a process: the one that made it
    /// may have died before it did.
    private func makeDurable(_ path: Path) throws(StorageError) {
        let parent = path.parent
        // `.`, `/` and `..` exist; whoever made them is not us.
        if path.string == "." || path.string == "/" || path.name == ".." { return }
        var wasMade = false
        if try !isDirectory(path) {
            try makeDurable(parent)
            if unsafe mkdir(path.string, 0o777) == 0 {
                wasMade = true
            } else if errno != EEXIST {
                throw StorageError(errorNumber: errno, "create directory", path: path.string)
            } else if try !isDirectory(path) {
                throw StorageError(errorNumber: ENOTDIR, "create directory", path: path.string)
            }
        }
        if wasMade {
            try syncDirectory(parent)
        } else if durableDirectories.withLock({ $0.contains(path) }) {
            return
        } else if try syncForeignParent(of: path) {
            try makeDurable(parent)
        }
        durableDirectories.withLock { known in
            if known.count >= Self.durableDirectoriesMax { known.removeAll() }
            known.insert(path)
        }
    }

    /// Syncs the parent of a directory that this process did not make.
    ///
    /// - Returns: whether the directories above may be ours as well: not at the root of a mount,
    ///   nor where we may not even read.
    private func syncForeignParent(of path: Path) throws(StorageError) -> Bool {
        let parent = path.parent
        var own = stat()
        var above = stat()
        guard unsafe stat(path.string, &own) == 0, unsafe stat(parent.string, &above) == 0 else {
            throw StorageError(errorNumber: errno, "examine", path: path.string)
        }
        guard own.st_dev == above.st_dev, unsafe access(parent.string, R_OK | W_OK) == 0 else {
            return false
        }
        try syncDirectory(parent)
        return true
    }

    private func isDirectory(_ path: Path) throws(StorageError) -> Bool {
        try info(path)?.kind == .directory
    }

    func forgetDurableDirectories() {
        durableDirectories.withLock { $0.removeAll() }
    }

    /// The entries of a directory; a name that is not UTF-8 is listed as `.other`.
    public func list(_ path: Path) throws(StorageError) -> [DirectoryEntry] {
        var found: [DirectoryEntry] = []
        for (name, status) in try entries(of: path.string.utf8CString.map { $0 }) {
            let bytes = name.dropLast().map { UInt8(bitPattern: $0) }
            let validName = String(utf8: bytes)
            let info = FileInfo(status)
            found.append(
                DirectoryEntry(
                    name: validName ?? String(decoding: bytes, as: UTF8.self),
                    kind: validName == nil ? .other : info.kind,
                    size: info.kind == .directory ? 0 : info.size))
        }
        return found.sorted { $0.name.bytesPrecede($1.name) }
    }

    /// The names in a directory, of which nothing else is looked at.
    public func names(in path: Path) throws(StorageError) -> [String] {
        var found: [String] = []
        try unsafe forEachName(in: path.string.utf8CString.map { $0 }) { name, _ in
            found.append(unsafe String(cString: name))
        }
        return found.sorted { $0.bytesPrecede($1) }
    }

    /// Removes a directory that the kernel finds empty.
    public func removeIfEmpty(_ directory: Path) throws(StorageError) {
        if unsafe rmdir(directory.string) == 0 { return forgetDurableDirectories() }
        guard errno == ENOENT || errno == ENOTEMPTY else {
            throw StorageError(errorNumber: errno, "remove", path: directory.string)
        }
    }

    /// Removes a tree bottom up, then syncs the directory that held it.
    public func removeTree(_ path: Path) throws(StorageError) {
        var status = stat()
        guard unsafe lstat(path.string, &status) == 0 else {
            if errno == ENOENT { return }
            throw StorageError(errorNumber: errno, "remove", path: path.string)
        }
        forgetDurableDirectories()
        try removeRecursively(
            path.string.utf8CString.map { $0 }, isDirectory: FileInfo(status).kind == .directory)
        try syncDirectory(path.parent)
    }

    /// Removes by bytes rather than by ``Path``: names of others need not be UTF-8.
    private func removeRecursively(
        _ path: [CChar], isDirectory: Bool
    ) throws(StorageError) {
        if isDirectory {
            for (name, status) in try entries(of: path) {
                try removeRecursively(
                    path.dropLast() + [CChar(UInt8(ascii: "/"))] + name,
                    isDirectory: FileInfo(status).kind == .directory)
            }
        }
        let result = unsafe isDirectory ? rmdir(path) : unlink(path)
        guard result == 0 || errno == ENOENT else {
            throw StorageError(errorNumber: errno, "remove", path: text(path))
        }
    }

    /// The entries of a directory: NUL-terminated name and status, links not followed.
    private func entries(
        of path: [CChar]
    ) throws(StorageError) -> [(name: [CChar], status: stat)] {
        var found: [(name: [CChar], status: stat)] = []
        try unsafe forEachName(in: path) { name, directory throws(StorageError) in
            var status = stat()
            guard
                unsafe fstatat(dirfd(directory), name, &status, AT_SYMLINK_NOFOLLOW) == 0
            else {
                // Removed since the directory was read.
                if errno == ENOENT { return }
                throw StorageError(errorNumber: errno, "examine", path: text(path))
            }
            let length = unsafe strlen(name)
            let bytes = unsafe Array(UnsafeBufferPointer(start: name, count: length + 1))
            found.append((bytes, status))
        }
        return found
    }

    /// Calls with each name of a directory and the open directory, but for itself and its parent.
    private func forEachName(
        in path: [CChar],
        _ body: (UnsafePointer<CChar>, OpaquePointer) throws(StorageError) -> Void
    ) throws(StorageError) {
        guard let directory = unsafe opendir(path) else {
            throw StorageError(errorNumber: errno, "list", path: text(path))
        }
        defer { _ = unsafe closedir(directory) }
        while true {
            errno = 0
            // Safe: the entry and its name live until the next readdir on this directory.
            guard let entry = unsafe readdir(directory) else {
                guard errno == 0 else {
                    throw StorageError(errorNumber: errno, "list", path: text(path))
                }
                return
            }
            guard let name = unsafe csystem_entry_name(entry) else { continue }
            if unsafe !isItselfOrParent(name) { try unsafe body(name, directory) }
        }
    }

    /// Whether a name is `.` or `..`.
    private func isItselfOrParent(_ name: UnsafePointer<CChar>) -> Bool {
        let point = CChar(bitPattern: UInt8(ascii: "."))
        // Safe: a name ends with NUL, and nothing behind that is looked at.
        guard unsafe name[0] == point else { return false }
        return unsafe name[1] == 0 || (name[1] == point && name[2] == 0)
    }

    private func text(_ path: [CChar]) -> String {
        String(decoding: path.dropLast().lazy.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
