import Storage

/// What survives when the simulated machine goes down.
public enum Survival: Sendable, Hashable {
    /// The process dies, the machine does not: everything written is still there, and what was
    /// not synced is still not durable.
    case everything
    /// Power is lost, and with it whatever was not synced.
    case syncedOnly
    /// Power is lost, and of what was not synced a part chosen by the seed survives: any subset
    /// of the name changes, any subset of the writes, a write cut anywhere.
    case some(seed: UInt64)
}

/// Files and directories with two views: what the running machine sees, and what the disk holds.
///
/// Invariants: `cached*` is `durable*` with all pending changes applied, in order, unless a sync
/// failed: what it should have written is then in neither the pending changes nor on the disk.
struct SimulatedDisk: Sendable {
    typealias NodeID = Int
    /// Names are bytes, as they are for the kernel.
    typealias Name = [UInt8]

    enum Write: Sendable {
        case bytes([UInt8], offset: Int)
        case size(Int)
    }

    struct File: Sendable {
        var cached: [UInt8] = []
        var durable: [UInt8] = []
        var pending: [Write] = []
        var modifiedNanos: Int64 = 0
    }

    /// One atomic change of names: nil frees the name.
    struct NameChange: Sendable {
        var names: [(directory: NodeID, name: Name, node: NodeID?)]
    }

    static let root: NodeID = 0
    private(set) var files: [NodeID: File] = [:]
    private(set) var directories: [NodeID: [Name: NodeID]] = [root: [:]]
    private var durableDirectories: [NodeID: [Name: NodeID]] = [root: [:]]
    private var pendingNames: [NameChange] = []
    private var nextNode = 1

    // MARK: Finding

    func node(_ path: Path) -> NodeID? {
        var node = Self.root
        for component in Self.components(path) {
            guard let next = directories[node]?[component] else { return nil }
            node = next
        }
        return node
    }

    /// Absolute and relative paths are two trees below one root.
    static func components(_ path: Path) -> [Name] {
        var components: [Name] = path.isAbsolute ? [] : [Array("cwd".utf8)]
        for component in path.string.utf8.split(separator: UInt8(ascii: "/")) {
            switch String(Substring(component)) {
            case ".": continue
            case "..": _ = components.popLast()
            default: components.append(Array(component))
            }
        }
        return components
    }

    // MARK: Changing

    mutating func makeFile(_ directory: NodeID, _ name: Name, nowNanos: Int64) -> NodeID {
        let node = nextNode
        nextNode += 1
        files[node] = File(modifiedNanos: nowNanos)
        change(NameChange(names: [(directory, name, node)]))
        return node
    }

    mutating func makeDirectory(_ directory: NodeID, _ name: Name) {
        let node = nextNode
        nextNode += 1
        directories[node] = [:]
        durableDirectories[node] = [:]
        change(NameChange(names: [(directory, name, node)]))
    }

    mutating func change(_ change: NameChange) {
        Self.apply(change, to: &directories)
        pendingNames.append(change)
    }

    mutating func write(_ node: NodeID, _ write: Write, nowNanos: Int64) {
        guard var file = files.removeValue(forKey: node) else { return }
        Self.apply(write, to: &file.cached)
        file.pending.append(write)
        file.modifiedNanos = nowNanos
        files[node] = file
    }

    mutating func syncFile(_ node: NodeID) {
        guard var file = files.removeValue(forKey: node) else { return }
        for write in file.pending { Self.apply(write, to: &file.durable) }
        file.pending = []
        files[node] = file
    }

    /// A failed sync: the kernel marks the pages clean, the disk never gets them.
    mutating func loseWrites(_ node: NodeID) {
        files[node]?.pending = []
    }

    mutating func syncDirectory(_ node: NodeID) {
        var left: [NameChange] = []
        for change in pendingNames {
            if change.names.contains(where: { $0.directory == node }) {
                Self.apply(change, to: &durableDirectories)
            } else {
                left.append(change)
            }
        }
        pendingNames = left
    }

    // MARK: Going down

    mutating func goDown(_ survival: Survival) {
        switch survival {
        case .everything: return
        case .syncedOnly:
            loseUnsynced { _ in
                false
            } cut: { _ in
                0
            }
        case .some(let seed):
            var generator = SeededGenerator(seed: seed)
            // Of the seeds some keep almost all, some almost nothing.
            let odds = UInt64.random(in: 1...9, using: &generator)
            var cuts = SeededGenerator(seed: ~seed)
            loseUnsynced { _ in
                UInt64.random(in: 0..<10, using: &generator) < odds
            } cut: { count in
                let unit = [1, 512, 4096].randomElement(using: &cuts) ?? 1
                return min(count, Int.random(in: 0...count, using: &cuts) / unit * unit)
            }
        }
    }

    /// Keeps what `keep` says, a write cut to what `cut` says of its length or whole.
    private mutating func loseUnsynced(
        keep: (Int) -> Bool, cut: (Int) -> Int
    ) {
        for (index, change) in pendingNames.enumerated() where keep(index) {
            Self.apply(change, to: &durableDirectories)
        }
        pendingNames = []
        directories = durableDirectories
        for node in files.keys.sorted() {
            guard var file = files[node] else { continue }
            for (index, write) in file.pending.enumerated() {
                if keep(index) {
                    Self.apply(write, to: &file.durable)
                } else if case .bytes(let bytes, let offset) = write {
                    let count = cut(bytes.count)
                    if count > 0 {
                        Self.apply(
                            .bytes(Array(bytes[..<count]), offset: offset), to: &file.durable)
                    }
                }
            }
            file.pending = []
            file.cached = file.durable
            files[node] = file
        }
    }

    private static func apply(_ change: NameChange, to tree: inout [NodeID: [Name: NodeID]]) {
        for (directory, name, node) in change.names { tree[directory]?[name] = node }
    }

    private static func apply(_ write: Write, to bytes: inout [UInt8]) {
        switch write {
        case .size(let size):
            if size < bytes.count {
                bytes.removeLast(bytes.count - size)
            } else {
                bytes += [UInt8](repeating: 0, count: size - bytes.count)
            }
        case .bytes(let new, let offset):
            if bytes.count < offset + new.count {
                bytes += [UInt8](repeating: 0, count: offset + new.count - bytes.count)
            }
            bytes.replaceSubrange(offset..<offset + new.count, with: new)
        }
    }
}
