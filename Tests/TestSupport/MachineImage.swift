public import Storage
import Synchronization

/// A simulated machine's disk at some moment, from which any number of machines can be started.
///
/// Copying one is cheap: machines share what they do not change.
public struct MachineImage: Sendable {
    private var disk: SimulatedDisk
    private let restarts: Int
    private let mutant: Mutant?
    private let watchesDiscipline: Bool

    init(_ world: SimulatedFileSystem.World, disk: SimulatedDisk? = nil) {
        self.disk = disk ?? world.disk
        restarts = world.restarts
        mutant = world.mutant
        watchesDiscipline = world.discipline != nil
    }

    /// What is there after the machine went down.
    public func after(_ survival: Survival) -> MachineImage {
        var image = self
        image.disk.goDown(survival)
        return image
    }

    /// Starts a machine: nothing is locked or open.
    ///
    /// - Parameters:
    ///   - survival: what of the image is there.
    ///   - recording: whether the machine keeps an image from before each operation.
    /// - Returns: the machine.
    public func started(
        _ survival: Survival = .everything, recording: Bool = false
    ) -> SimulatedFileSystem {
        var world = SimulatedFileSystem.World()
        world.disk = disk
        world.disk.goDown(survival)
        world.restarts = restarts + 1
        world.mutant = mutant
        if watchesDiscipline { world.discipline = Discipline() }
        if recording { world.history = [] }
        return SimulatedFileSystem(world)
    }

    /// Tells two images apart by their files' names and contents, durable and not.
    public var digest: UInt64 { disk.digest }

    /// The content of a file, nil where there is none.
    public func content(_ path: Path) -> [UInt8]? {
        disk.find(path).flatMap { disk.files[$0]?.cached }
    }

    /// The paths of all files.
    public var filePaths: [String] {
        var found: [String] = []
        func collect(_ directory: Int, _ prefix: String) {
            for (name, node) in disk.directories[directory] ?? [:] {
                let path = prefix + String(decoding: name, as: UTF8.self)
                if disk.files[node] != nil {
                    found.append(path)
                } else {
                    collect(node, path + "/")
                }
            }
        }
        if let current = disk.find(.currentDirectory) { collect(current, "") }
        return found.sorted()
    }

    /// The paths of all directories in which nothing is.
    public var emptyDirectories: [String] {
        var found: [String] = []
        func collect(_ directory: Int, _ prefix: String) {
            for (name, node) in disk.directories[directory] ?? [:] {
                guard let entries = disk.directories[node] else { continue }
                let path = prefix + String(decoding: name, as: UTF8.self)
                if entries.isEmpty { found.append(path) }
                collect(node, path + "/")
            }
        }
        if let current = disk.find(.currentDirectory) { collect(current, "") }
        return found.sorted()
    }

    /// A file that is written for a table of a job and has no name yet; nil when there is none.
    public var firstStagedByTable: String? {
        filePaths.first { (try? Path($0)).map(FileRole.isStagedByTable) ?? false }
    }

    /// Puts other content into a file, durably; it must exist.
    public mutating func replace(_ path: Path, with bytes: [UInt8]) {
        guard let node = disk.find(path) else { preconditionFailure("no file at \(path)") }
        disk.replace(node, with: bytes)
    }

    /// Flips one bit of a file, durably; it must exist.
    public mutating func flip(bit: Int, of path: Path) {
        guard let node = disk.find(path) else { preconditionFailure("no file at \(path)") }
        disk.flip(bit: bit, of: node)
    }
}

extension SimulatedFileSystem {
    /// The disk as it is now.
    public var image: MachineImage { world.withLock { MachineImage($0) } }

    /// The disk before each operation, and in the end; for a machine that records.
    public var images: [MachineImage] {
        world.withLock { world in
            ((world.history ?? []) + [world.disk]).map { MachineImage(world, disk: $0) }
        }
    }
}
