public import Storage
import Synchronization

extension SimulatedFileSystem {
    /// Makes missing directories, syncing the parent of each.
    public func createDirectories(_ path: Path) throws(StorageError) {
        if path.string == "." || path.string == "/" { return }
        guard let found = try info(path) else {
            try createDirectories(path.parent)
            try step(Operation(.createDirectory, path)) { world throws(StorageError) in
                let (parent, name) = try place(path, in: world)
                world.disk.makeDirectory(parent, name)
            }
            return try syncDirectory(path.parent)
        }
        guard found.kind == .directory else {
            throw fault(.wrongKind, "create directory", path)
        }
        // It may have been made by a run that died before it synced.
        try syncDirectory(path.parent)
        try createDirectories(path.parent)
    }

    /// Removes files, then syncs their directories.
    public func remove(_ paths: [Path]) throws(StorageError) {
        for directory in try unlinkAll(paths).sorted() { try syncDirectory(directory) }
    }

    /// Removes files.
    public func removeWithoutSync(_ paths: [Path]) throws(StorageError) {
        _ = try unlinkAll(paths)
    }

    private func unlinkAll(_ paths: [Path]) throws(StorageError) -> Set<Path> {
        var changed: Set<Path> = []
        for path in paths {
            guard let found = try info(path) else { continue }
            guard found.kind == .file else { throw fault(.wrongKind, "remove", path) }
            try unlink(path)
            changed.insert(path.parent)
        }
        return changed
    }

    /// Removes a directory in which nothing is.
    public func removeIfEmpty(_ directory: Path) throws(StorageError) {
        guard let found = try info(directory) else { return }
        guard found.kind == .directory else { throw fault(.wrongKind, "remove", directory) }
        if try list(directory).isEmpty { try unlink(directory) }
    }

    /// Removes a tree from the bottom up, then syncs the directory that held it.
    public func removeTree(_ path: Path) throws(StorageError) {
        guard try info(path) != nil else { return }
        try removeAll(path)
        try syncDirectory(path.parent)
    }

    private func removeAll(_ path: Path) throws(StorageError) {
        if try info(path)?.kind == .directory {
            for entry in try list(path) { try removeAll(path.appending(entry.name)) }
        }
        try unlink(path)
    }

    func unlink(_ path: Path) throws(StorageError) {
        try step(Operation(.remove, path)) { world throws(StorageError) in
            let (parent, name) = try place(path, in: world)
            world.disk.change(.init(names: [(parent, name, nil)]))
        }
    }

    /// Renames, then syncs both directories.
    public func rename(_ from: Path, to: Path, mode: RenameMode) throws(StorageError) {
        try renameOnly(from, to: to, mode: mode)
        try syncDirectory(to.parent)
        if from.parent != to.parent { try syncDirectory(from.parent) }
    }

    func renameOnly(_ from: Path, to: Path, mode: RenameMode) throws(StorageError) {
        try step(Operation(.rename, to, from: from)) { world throws(StorageError) in
            guard let node = world.disk.node(from) else { throw fault(.notFound, "rename", from) }
            let (oldParent, oldName) = try place(from, in: world)
            let (newParent, newName) = try place(to, in: world)
            let existing = world.disk.node(to)
            switch mode {
            case .createNew where existing != nil: throw fault(.alreadyExists, "rename", to)
            case .exchange where existing == nil: throw fault(.notFound, "rename", to)
            case .replace:
                if let existing, !(world.disk.directories[existing] ?? [:]).isEmpty {
                    throw fault(.alreadyExists, "rename", to)
                }
            default: break
            }
            world.disk.change(
                .init(names: [
                    (oldParent, oldName, mode == .exchange ? existing : nil),
                    (newParent, newName, node),
                ]))
        }
    }

    /// Gives a file a second name.
    public func linkWithoutSync(_ file: Path, as name: Path) throws(StorageError) {
        try step(Operation(.link, name, from: file)) { world throws(StorageError) in
            guard let node = world.disk.node(file) else { throw fault(.notFound, "link", file) }
            guard world.disk.files[node] != nil else { throw fault(.accessDenied, "link", file) }
            guard world.disk.node(name) == nil else { throw fault(.alreadyExists, "link", name) }
            let (parent, text) = try place(name, in: world)
            world.disk.change(.init(names: [(parent, text, node)]))
        }
    }

    /// Makes a directory's names durable.
    public func syncDirectory(_ path: Path) throws(StorageError) {
        try mending(FileRole(ofDirectory: path)) { () throws(StorageError) in
            try step(Operation(.syncDirectory, path)) { world throws(StorageError) in
                guard let node = world.disk.node(path), world.disk.directories[node] != nil else {
                    throw fault(.notFound, "sync", path)
                }
                if !world.mutates(.directorySyncDropped, FileRole(ofDirectory: path)) {
                    world.disk.syncDirectory(node)
                }
            }
        }
    }

    func place(
        _ path: Path, in world: World
    ) throws(StorageError) -> (parent: SimulatedDisk.NodeID, name: SimulatedDisk.Name) {
        guard let name = SimulatedDisk.components(path).last,
            let parent = world.disk.find(path.parent), world.disk.directories[parent] != nil
        else { throw fault(.notFound, "open", path) }
        return (parent, name)
    }

    // MARK: Opening

    /// Opens a file for reading; there are no links here, nor anything else that is no file.
    public func openOwn(_ path: Path) throws(StorageError) -> any ReadFile {
        try openForReading(path)
    }

    /// Opens a file for reading.
    public func openForReading(_ path: Path) throws(StorageError) -> any ReadFile {
        SimulatedReadFile(self, node: try existing(path), path)
    }

    /// Opens a file for reading in order.
    public func openInput(_ path: Path) throws(StorageError) -> any ByteInput {
        SimulatedByteInput(self, node: try existing(path), path)
    }

    /// Opens a file for writing, creating it first if asked to.
    public func openForAppend(
        _ path: Path, createNew: Bool
    ) throws(StorageError) -> any AppendFile {
        guard createNew else { return SimulatedAppendFile(self, node: try existing(path), path) }
        let node = try create(path, for: path)
        try syncDirectory(path.parent)
        return SimulatedAppendFile(self, node: node, path)
    }

    private func existing(_ path: Path) throws(StorageError) -> SimulatedDisk.NodeID {
        try look("open", path) { world throws(StorageError) in
            guard let node = world.disk.node(path) else { throw fault(.notFound, "open", path) }
            guard world.disk.files[node] != nil else { throw fault(.wrongKind, "open", path) }
            return node
        }
    }

    // MARK: Locking

    /// Takes the lock of a file, creating it if needed.
    public func lock(_ path: Path) throws(StorageError) -> any FileLock {
        if try info(path) == nil { _ = try create(path, for: path) }
        let node = try existing(path)
        return try look("lock", path) { world throws(StorageError) in
            guard world.locks[node] == nil || world.mutates(.lockGranted, nil) else {
                throw fault(.locked, "lock", path)
            }
            world.nextLock += 1
            world.locks[node] = world.nextLock
            world.lockPaths[node] = path
            return SimulatedFileLock(self, node: node, number: world.nextLock, path)
        }
    }

    /// Who holds a lock: always this process.
    public func lockHolder(_ path: Path) throws(StorageError) -> String? {
        try look("examine the lock", path) { world in
            world.disk.node(path).flatMap { world.locks[$0] }.map { _ in "pid 1" }
        }
    }
}
