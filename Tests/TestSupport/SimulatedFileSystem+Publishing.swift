public import Storage
import Synchronization

extension SimulatedFileSystem {
    /// Creates a temporary file beside its target; its name is numbered, not random.
    public func beginStaging(
        _ target: Path, mode: PublishMode
    ) throws(StorageError) -> any StagingFile {
        let number = world.withLock { UInt64($0.restarts) << 32 | UInt64($0.trace.count) }
        let temporary = try target.parent.appending(temporaryNamePrefix + Checksum.hex(number))
        let node = try create(temporary, for: target)
        return SimulatedStagingFile(
            self, node: node, temporary: temporary, target: target, mode: mode)
    }

    /// Renames staged files, then syncs each directory once.
    public func publish(_ files: [StagedFile]) throws(StorageError) -> [PublishResult] {
        do throws(StorageError) {
            try verifyLocks()
        } catch {
            for file in files { discard(file) }
            throw error
        }
        var results: [PublishResult] = []
        do throws(StorageError) {
            for file in files { results.append(try giveName(file)) }
            for directory in Set(files.map(\.target.parent)).sorted() {
                try syncDirectory(directory)
            }
        } catch {
            for file in files.dropFirst(results.count) { discard(file) }
            throw error
        }
        for file in files where mutates(.namedBeforeSync, FileRole(ofFile: file.target)) {
            try syncFile(world.withLock { $0.disk.node(file.target) } ?? -1, file.target)
        }
        return results
    }

    /// Where another process of the machine has taken a lost lock, it cannot be told which of the
    /// two publishes.
    private func verifyLocks() throws(StorageError) {
        try look("keep the lock", .currentDirectory) { world throws(StorageError) in
            for node in world.locks.keys {
                guard let path = world.lockPaths[node], world.disk.node(path) != node,
                    world.disk.node(path).flatMap({ world.locks[$0] }) == nil
                else { continue }
                if !world.mutates(.lostLockIgnored, nil) {
                    throw fault(.lockLost, "keep the lock", path)
                }
            }
        }
    }

    /// Removes a temporary file.
    public func discard(_ file: StagedFile) {
        try? unlink(file.temporary)
    }

    private func giveName(_ file: StagedFile) throws(StorageError) -> PublishResult {
        let role = FileRole(ofFile: file.target)
        if mutates(.renameMadeWrite, role) { return try writeInPlace(file) }
        do throws(StorageError) {
            try renameOnly(
                file.temporary, to: file.target,
                mode: file.mode == .replace ? .replace : .createNew)
            return .created
        } catch {
            guard error.code == .alreadyExists, file.mode == .createOrMatch else { throw error }
        }
        let limit = Int.max
        guard try read(file.temporary, maxBytes: limit) == read(file.target, maxBytes: limit) else {
            throw fault(.contentDiffers, "create", file.target)
        }
        try syncFile(world.withLock { $0.disk.node(file.target) } ?? -1, file.target)
        discard(file)
        return .alreadyExisted
    }

    /// What publishing must not do: writes a file under its final name, then syncs it.
    private func writeInPlace(_ file: StagedFile) throws(StorageError) -> PublishResult {
        let bytes = try read(file.temporary, maxBytes: .max)
        let existing = try info(file.target)
        if existing != nil, file.mode == .createNew {
            throw fault(.alreadyExists, "open", file.target)
        }
        var node = existing.map { Int($0.inode) } ?? -1
        if existing == nil { node = try create(file.target, for: file.target) }
        try write(node, .size(0), file.target)
        let middle = bytes.count / 2
        try write(node, .bytes(Array(bytes[..<middle]), offset: 0), file.target)
        try write(node, .bytes(Array(bytes[middle...]), offset: middle), file.target)
        try syncFile(node, file.target)
        discard(file)
        return existing == nil ? .created : .alreadyExisted
    }

    // MARK: Files

    /// Creates a file that is, or will become, `target`.
    func create(
        _ path: Path, for target: Path
    ) throws(StorageError) -> SimulatedDisk.NodeID {
        try step(Operation(.create, path)) { world throws(StorageError) in
            let (parent, name) = try place(path, in: world)
            guard world.disk.node(path) == nil else { throw fault(.alreadyExists, "open", path) }
            let node = world.disk.makeFile(parent, name, nowNanos: Int64(world.trace.count))
            world.roles[node] = FileRole(ofFile: target)
            return node
        }
    }

    func write(
        _ node: SimulatedDisk.NodeID, _ write: SimulatedDisk.Write, _ path: Path
    ) throws(StorageError) {
        var kind = Operation.Kind.write
        if case .size = write { kind = .truncate }
        do throws(StorageError) {
            try step(
                Operation(kind, path),
                onFailure: { world, fault in
                    guard case .shortWrite(let count, _) = fault,
                        case .bytes(let bytes, let offset) = write
                    else { return }
                    world.disk.write(
                        node, .bytes(Array(bytes.prefix(count)), offset: offset),
                        nowNanos: Int64(world.trace.count))
                }
            ) { world throws(StorageError) in
                if case .bytes(let bytes, _) = write {
                    world.discipline?.judgeHighWatermark(bytes, path, world.disk)
                }
                let fitting = world.capacity.map { fit(write, node, in: world, capacity: $0) }
                world.disk.write(node, fitting ?? write, nowNanos: Int64(world.trace.count))
                if case .bytes(let bytes, _) = write, case .bytes(let written, _)? = fitting,
                    written.count < bytes.count
                {
                    throw fault(.noSpace, "write", path)
                }
            }
        } catch {
            let role = world.withLock { $0.roles[node] } ?? FileRole(ofFile: path)
            guard !isDown, mutates(.failedWriteIgnored, role) else { throw error }
        }
    }

    /// The part of a write that the disk has room for.
    private func fit(
        _ write: SimulatedDisk.Write, _ node: SimulatedDisk.NodeID, in world: World,
        capacity: Int
    ) -> SimulatedDisk.Write {
        guard case .bytes(let bytes, let offset) = write else { return write }
        let size = world.disk.files[node]?.cached.count ?? 0
        let growth = max(0, offset + bytes.count - size)
        let free = max(0, capacity - world.disk.usedBytes)
        guard growth > free else { return write }
        return .bytes(Array(bytes.prefix(max(0, bytes.count - growth + free))), offset: offset)
    }

    func syncFile(_ node: SimulatedDisk.NodeID, _ path: Path) throws(StorageError) {
        let role = world.withLock { $0.roles[node] } ?? FileRole(ofFile: path)
        try mending(role) { () throws(StorageError) in
            try step(
                Operation(.sync, path), onFailure: { world, _ in world.disk.loseWrites(node) }
            ) { world in
                if !world.mutates(.fileSyncDropped, role) { world.disk.syncFile(node) }
            }
        }
    }

    /// A sync whose failure a mutant does not take for one.
    func mending(
        _ role: FileRole, _ sync: () throws(StorageError) -> Void
    ) throws(StorageError) {
        do throws(StorageError) {
            try sync()
        } catch {
            guard !isDown, error.code == .syncFailed else { throw error }
            if mutates(.failedSyncIgnored, role) { return }
            guard mutates(.failedSyncRetried, role) else { throw error }
            try sync()
        }
    }

    func dropCache(_ node: SimulatedDisk.NodeID, _ path: Path) throws(StorageError) {
        try look("drop the cache of", path) { world in world.disk.dropCache(node) }
    }

    func mutates(_ action: Mutant.Action, _ role: FileRole?) -> Bool {
        world.withLock { $0.mutates(action, role) }
    }
}
