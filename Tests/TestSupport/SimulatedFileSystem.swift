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
        /// A write fails with this code after its first bytes; another operation fails.
        case shortWrite(bytes: Int, StorageError.Code)
    }

    struct World: Sendable {
        var disk = SimulatedDisk()
        /// How often the machine was started again.
        var restarts = 0
        var trace: [Operation] = []
        var isDown = false
        var faults: [Int: Fault] = [:]
        /// From this operation on every one fails like this.
        var lasting: (from: Int, fault: Fault)?
        var reads = 0
        var failingRead: (at: Int, isLasting: Bool)?
        /// How often it was asked for anything, and which of these calls fails.
        var calls = 0
        var failingCall: Int?
        var capacity: Int?
        var locks: [SimulatedDisk.NodeID: Int] = [:]
        var lockPaths: [SimulatedDisk.NodeID: Path] = [:]
        var nextLock = 0
        var mutant: Mutant?
        /// The operation at which it did something wrong for the first time.
        var firstSabotage: Int?
        /// What files are for, where it can be told.
        var roles: [SimulatedDisk.NodeID: FileRole] = [:]
        var discipline: Discipline?
        /// The disk before each operation, for machines that keep it.
        var history: [SimulatedDisk]?

        mutating func mutates(_ action: Mutant.Action, _ role: FileRole?) -> Bool {
            guard let mutant, mutant.applies(action, to: role) else { return false }
            firstSabotage = firstSabotage ?? max(0, trace.count - 1)
            return true
        }
    }

    let world: Mutex<World>

    /// A machine with two empty directories: `/` and the one the process runs in.
    ///
    /// - Parameters:
    ///   - mutant: what it does wrong on purpose.
    ///   - watchesDiscipline: whether the order of operations is judged as they come.
    public init(mutant: Mutant? = nil, watchesDiscipline: Bool = false) {
        var world = World()
        world.disk.makeDirectory(SimulatedDisk.root, Array("cwd".utf8))
        world.disk.syncDirectory(SimulatedDisk.root)
        world.mutant = mutant
        if watchesDiscipline { world.discipline = Discipline() }
        self.world = Mutex(world)
    }

    init(_ world: World) {
        self.world = Mutex(world)
    }

    /// The machine started again: what survived is there, nothing is locked or open.
    public func restarted(_ survival: Survival) -> SimulatedFileSystem {
        let image = world.withLock { world in
            world.isDown = true
            return MachineImage(world)
        }
        return image.started(survival)
    }

    /// Plans a fault at an operation, counted from the start of this machine.
    public func plan(_ fault: Fault, at operation: Int) {
        world.withLock { $0.faults[operation] = fault }
    }

    /// Plans the same fault at an operation and all that follow.
    public func plan(_ fault: Fault, from operation: Int) {
        world.withLock { $0.lasting = (operation, fault) }
    }

    /// Lets a read fail, once or with all that follow; reads are counted by themselves.
    public func planReadFailure(at read: Int, isLasting: Bool) {
        world.withLock { $0.failingRead = (read, isLasting) }
    }

    /// Lets a call fail once: a look at something or an operation, counted together.
    public func planFailure(ofCall call: Int) {
        world.withLock { $0.failingCall = call }
    }

    /// Limits the bytes of all files; nil for no limit.
    public func limit(toBytes bytes: Int?) {
        world.withLock { $0.capacity = bytes }
    }

    /// The bytes of all files that have a name.
    public var usedBytes: Int { world.withLock { $0.disk.usedBytes } }

    /// How many operations there were.
    public var operations: Int { world.withLock { $0.trace.count } }

    /// How often a file's bytes were read.
    public var reads: Int { world.withLock { $0.reads } }

    /// How many calls there were: looks and operations.
    public var calls: Int { world.withLock { $0.calls } }

    /// The operations so far.
    public var trace: [Operation] { world.withLock { $0.trace } }

    /// Whether the machine went down.
    public var isDown: Bool { world.withLock { $0.isDown } }

    /// What it does wrong on purpose.
    public var mutant: Mutant? { world.withLock { $0.mutant } }

    /// The operation at which it did that for the first time, `nil` where it did nothing wrong.
    public var firstSabotage: Int? { world.withLock { $0.firstSabotage } }

    /// What was done in a wrong order, for a machine that watches it.
    public var indiscipline: [String] { world.withLock { $0.discipline?.violations ?? [] } }

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

    /// What has a name: there are no links here.
    public func entryInfo(_ path: Path) throws(StorageError) -> FileInfo? { try info(path) }

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

    /// One reading of a file's bytes: counted, possibly struck by a fault.
    func read(_ node: SimulatedDisk.NodeID, _ path: Path) throws(StorageError) -> [UInt8] {
        try look("read", path) { world throws(StorageError) in
            let number = world.reads
            world.reads += 1
            if let failing = world.failingRead,
                failing.isLasting ? number >= failing.at : number == failing.at
            {
                throw fault(.inputOutput, "read", path)
            }
            return world.disk.files[node]?.cached ?? []
        }
    }

    func size(_ node: SimulatedDisk.NodeID, _ path: Path) throws(StorageError) -> Int {
        try look("examine", path) { world in world.disk.files[node]?.cached.count ?? 0 }
    }

    // MARK: Steps

    func look<Result>(
        _ operation: String, _ path: Path,
        _ body: (inout World) throws(StorageError) -> Result
    ) throws(StorageError) -> Result where Result: Sendable {
        try world.withLock { (world) throws(StorageError) in
            guard !world.isDown else { throw down(operation, path) }
            world.calls += 1
            if world.failingCall == world.calls - 1 { throw fault(.inputOutput, operation, path) }
            return try body(&world)
        }
    }

    /// One operation: counted, possibly struck by a fault, else carried out.
    func step<Result>(
        _ operation: Operation,
        onFailure: (inout World, Fault) -> Void = { _, _ in },
        _ body: (inout World) throws(StorageError) -> Result
    ) throws(StorageError) -> Result where Result: Sendable {
        let (kind, path) = (operation.kind, operation.path)
        return try look(kind.rawValue, path) { world throws(StorageError) in
            let number = world.trace.count
            world.history?.append(world.disk)
            world.trace.append(operation)
            var planned = world.faults[number]
            if planned == nil, let lasting = world.lasting, number >= lasting.from {
                planned = lasting.fault
            }
            guard let planned else {
                world.discipline?.judge(operation, world.disk, world.roles)
                return try body(&world)
            }
            switch planned {
            case .crash:
                world.isDown = true
                throw down(kind.rawValue, path)
            case .failure(let code), .shortWrite(_, let code):
                onFailure(&world, planned)
                let isSync = kind == .sync || kind == .syncDirectory
                if isSync { world.discipline?.syncFailed(at: path) }
                throw fault(isSync ? .syncFailed : code, isSync ? "sync" : kind.rawValue, path)
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
