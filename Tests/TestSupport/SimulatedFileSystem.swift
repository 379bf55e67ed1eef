public import Storage
import Synchronization

/// A file system in memory that can lose power, run full and fail to sync, reproducibly.
///
/// Each change it makes (create, write, sync, rename, unlink, …) is one operation with a number,
/// from 0 on. A fault is planned for an operation; the same calls give the same numbers.
public final class SimulatedFileSystem: FileSystem {
    /// What happens at an operation instead of its effect.
    public enum Fault: Sendable, Equatable {
        /// The machine goes down before the operation; every later call throws.
        case crash
        /// The operation fails with this code. A sync fails with `.syncFailed`, whatever the
        /// code, and what it should have made durable is lost at the next loss of power.
        case failure(StorageError.Code)
    }

    /// A defect built in on purpose, to show that a test would notice it.
    public enum Defect: Sendable, CaseIterable {
        /// Syncing a file reports success and does nothing.
        case fileSyncsDropped
        /// Syncing a directory reports success and does nothing.
        case directorySyncsDropped
    }

    struct World: Sendable {
        var disk = SimulatedDisk()
        var operations = 0
        /// How often the machine was started again.
        var restarts = 0
        var trace: [String] = []
        var isDown = false
        var faults: [Int: Fault] = [:]
        var locks: [SimulatedDisk.NodeID: Int] = [:]
        var nextLock = 0
        var defects: Set<Defect> = []
    }

    let world: Mutex<World>

    /// A machine with two empty directories: `/` and the one the process runs in.
    public init(defects: Set<Defect> = []) {
        var world = World()
        world.disk.makeDirectory(SimulatedDisk.root, Array("cwd".utf8))
        world.disk.syncDirectory(SimulatedDisk.root)
        world.defects = defects
        self.world = Mutex(world)
    }

    private init(_ world: World) {
        self.world = Mutex(world)
    }

    /// The machine started again: what survived is there, nothing is locked or open.
    public func restarted(_ survival: Survival) -> SimulatedFileSystem {
        let old = world.withLock { world in
            world.isDown = true
            return world
        }
        var new = World()
        new.disk = old.disk
        new.disk.goDown(survival)
        new.restarts = old.restarts + 1
        new.defects = old.defects
        return SimulatedFileSystem(new)
    }

    /// Plans a fault at an operation, counted from the start of this machine.
    public func plan(_ fault: Fault, at operation: Int) {
        world.withLock { $0.faults[operation] = fault }
    }

    /// How many operations there were.
    public var operations: Int { world.withLock { $0.operations } }

    /// The operations so far, one line each.
    public var trace: [String] { world.withLock { $0.trace } }

    /// Whether the machine went down.
    public var isDown: Bool { world.withLock { $0.isDown } }

    // MARK: Looking

    /// What is at a path.
    public func info(_ path: Path) throws(StorageError) -> FileInfo? {
        try look("examine", path) { world throws(StorageError) in
            guard let node = world.disk.node(path) else { return nil }
            guard let file = world.disk.files[node] else {
                return FileInfo(kind: .directory, size: 0, modifiedNanos: 0, inode: UInt64(node))
            }
            return FileInfo(
                kind: .file, size: Int64(file.cached.count), modifiedNanos: file.modifiedNanos,
                inode: UInt64(node))
        }
    }

    /// The entries of a directory, in the order of their names' bytes.
    public func list(_ path: Path) throws(StorageError) -> [DirectoryEntry] {
        try look("list", path) { world throws(StorageError) in
            guard let node = world.disk.node(path) else { throw fault(.notFound, "list", path) }
            guard let entries = world.disk.directories[node] else {
                throw fault(.wrongKind, "list", path)
            }
            return entries.sorted { $0.key.lexicographicallyPrecedes($1.key) }.map { entry in
                let file = world.disk.files[entry.value]
                return DirectoryEntry(
                    name: String(decoding: entry.key, as: UTF8.self),
                    kind: file == nil ? .directory : .file, size: Int64(file?.cached.count ?? 0))
            }
        }
    }

    // MARK: Steps

    func look<Result>(
        _ operation: String, _ path: Path,
        _ body: (inout World) throws(StorageError) -> Result
    ) throws(StorageError) -> Result where Result: Sendable {
        try world.withLock { (world) throws(StorageError) in
            guard !world.isDown else { throw down(operation, path) }
            return try body(&world)
        }
    }

    /// One operation: counted, possibly struck by a fault, else carried out.
    func step<Result>(
        _ operation: String, _ path: Path,
        onFailure: (inout World) -> Void = { _ in },
        _ body: (inout World) throws(StorageError) -> Result
    ) throws(StorageError) -> Result where Result: Sendable {
        try look(operation, path) { world throws(StorageError) in
            let number = world.operations
            world.operations += 1
            world.trace.append("\(operation) \(path)")
            switch world.faults[number] {
            case nil: return try body(&world)
            case .crash:
                world.isDown = true
                throw down(operation, path)
            case .failure(let code):
                onFailure(&world)
                throw fault(operation == "sync" ? .syncFailed : code, operation, path)
            }
        }
    }

    private func down(_ operation: String, _ path: Path) -> StorageError {
        StorageError(
            .inputOutput, operation, path: path.string, detail: "the simulated machine is down")
    }
}

func fault(_ code: StorageError.Code, _ operation: String, _ path: Path) -> StorageError {
    StorageError(code, operation, path: path.string, detail: "simulated \(code)")
}
