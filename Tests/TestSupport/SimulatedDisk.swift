import Storage

/// What survives when the simulated machine goes down.
public enum Survival: Sendable, Hashable {
    /// The process dies, the machine does not: everything written is still there, and what was
    /// not synced is still not durable.
    case everything
    /// Power is lost, and with it whatever was not synced.
    case syncedOnly
    /// Power is lost, and of what was not synced a part chosen by the seed survives: any subset
    /// of the name changes, any subset of the writes, a write cut or with holes anywhere.
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
        /// Whether a sync failed and left in the cache what the disk will never have.
        var isLost = false
    }

    /// One atomic change of names: nil frees the name.
    struct NameChange: Sendable {
        var names: [(directory: NodeID, name: Name, node: NodeID?)]
    }

    static let root: NodeID = 0
    private(set) var files: [NodeID: File] = [:]
    private(set) var directories: [NodeID: [Name: NodeID]] = [root: [:]]
    private(set) var durableDirectories: [NodeID: [Name: NodeID]] = [root: [:]]
    private(set) var pendingNames: [NameChange] = []
    private var nextNode = 1
    /// Paths that were looked up since names last changed.
    private var lookups: [Path: NodeID] = [:]

    // MARK: Finding

    mutating func node(_ path: Path) -> NodeID? {
        if let known = lookups[path] { return known }
        let found = find(path)
        if let found { lookups[path] = found }
        return found
    }

    /// The same without remembering it.
    func find(_ path: Path) -> NodeID? {
        var node = Self.root
        for component in Self.components(path) {
            guard let next = directories[node]?[component] else { return nil }
            node = next
        }
        return node
    }

    private static let workingDirectory: Name = Array("cwd".utf8)
    private static let up: Name = Array("..".utf8)

    /// Absolute and relative paths are two trees below one root.
    static func components(_ path: Path) -> [Name] {
        var components: [Name] = path.isAbsolute ? [] : [workingDirectory]
        var name: Name = []
        func end() {
            if name == up { _ = components.popLast() } else { components.append(name) }
        }
        // By hand, since paths are taken apart all the time; a path has no empty component.
        for byte in path.string.utf8 {
            if byte != UInt8(ascii: "/") {
                name.append(byte)
            } else if !name.isEmpty {
                end()
                name = []
            }
        }
        if !name.isEmpty, path != .currentDirectory { end() }
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
        lookups.removeAll(keepingCapacity: true)
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
        guard var file = files.removeValue(forKey: node) else { return }
        if !file.pending.isEmpty { file.isLost = true }
        file.pending = []
        files[node] = file
    }

    /// The kernel forgets clean pages: what a failed sync lost is then seen to be lost.
    mutating func dropCache(_ node: NodeID) {
        guard var file = files.removeValue(forKey: node) else { return }
        if file.isLost {
            file.cached = file.durable
            for write in file.pending { Self.apply(write, to: &file.cached) }
            file.isLost = false
        }
        files[node] = file
    }

    mutating func syncDirectory(_ node: NodeID) {
        if pendingNames.isEmpty { return }
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

    /// Flips a bit of a file, on the disk and in the cache.
    mutating func flip(bit: Int, of node: NodeID) {
        guard var file = files.removeValue(forKey: node) else { return }
        file.cached[bit / 8] ^= 1 << UInt8(bit % 8)
        file.durable = file.cached
        files[node] = file
    }

    /// Puts other content in a file, on the disk and in the cache.
    mutating func replace(_ node: NodeID, with bytes: [UInt8]) {
        files[node]?.cached = bytes
        files[node]?.durable = bytes
        files[node]?.pending = []
    }

    // MARK: Going down

    mutating func goDown(_ survival: Survival) {
        switch survival {
        case .everything: return
        case .syncedOnly: loseUnsynced(keep: { false }, torn: { _ in [] })
        case .some(let seed):
            var generator = SeededGenerator(seed: seed)
            // Of the seeds some keep almost all, some almost nothing.
            let odds = UInt64.random(in: 1...9, using: &generator)
            var cuts = SeededGenerator(seed: ~seed)
            loseUnsynced(
                keep: { UInt64.random(in: 0..<10, using: &generator) < odds },
                torn: { Self.tear($0, using: &cuts) })
        }
    }

    /// The parts of a write that reach the disk when it is torn: a prefix, any of its blocks, or
    /// only its length, as when the size is written before the data.
    private static func tear(
        _ count: Int, using generator: inout SeededGenerator
    ) -> [Range<Int>] {
        let unit = [1, 512, 4096].randomElement(using: &generator) ?? 1
        guard unit > 1, Bool.random(using: &generator) else {
            let cut = min(count, Int.random(in: 0...count, using: &generator) / unit * unit)
            return cut == 0 ? [] : [0..<cut]
        }
        var kept: [Range<Int>] = []
        for start in stride(from: 0, to: count, by: unit) where Bool.random(using: &generator) {
            kept.append(start..<min(start + unit, count))
        }
        // The length alone: nothing of the data.
        return kept.isEmpty ? [count..<count] : kept
    }

    /// Keeps what `keep` says; of a write that is not kept, the parts that `torn` says.
    private mutating func loseUnsynced(keep: () -> Bool, torn: (Int) -> [Range<Int>]) {
        for change in pendingNames where keep() {
            Self.apply(change, to: &durableDirectories)
        }
        pendingNames = []
        lookups = [:]
        directories = durableDirectories
        for node in files.keys.sorted() {
            guard var file = files[node] else { continue }
            guard !file.pending.isEmpty || file.isLost else { continue }
            for write in file.pending {
                if keep() {
                    Self.apply(write, to: &file.durable)
                } else if case .bytes(let bytes, let offset) = write {
                    for part in torn(bytes.count) {
                        Self.apply(
                            .bytes(Array(bytes[part]), offset: offset + part.lowerBound),
                            to: &file.durable)
                    }
                }
            }
            file.pending = []
            file.isLost = false
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
            if bytes.count == offset {
                bytes += new
                return
            }
            if bytes.count < offset + new.count {
                bytes += [UInt8](repeating: 0, count: offset + new.count - bytes.count)
            }
            bytes.replaceSubrange(offset..<offset + new.count, with: new)
        }
    }
}

extension SimulatedDisk {
    /// Whether the disk has all that was written to a file.
    func isContentDurable(_ node: NodeID) -> Bool {
        guard let file = files[node] else { return true }
        return file.pending.isEmpty && !file.isLost
    }

    /// How much of a file would survive a loss of power, in bytes.
    func durableSize(_ node: NodeID) -> Int { files[node]?.durable.count ?? 0 }

    /// The bytes of all files that have a name.
    var usedBytes: Int {
        // A file may have two names.
        Set(directories.values.flatMap(\.values)).reduce(0) { used, node in
            used + (files[node]?.cached.count ?? 0)
        }
    }

    /// Tells two disks apart by names, contents, and what is still pending.
    var digest: UInt64 {
        var digest: UInt64 = 0
        var reachable: [(node: NodeID, path: UInt64)] = [(Self.root, 1)]
        while let (directory, seed) = reachable.popLast() {
            for (name, node) in directories[directory] ?? [:] {
                let path = Checksum.xxh3(name, seed: seed)
                if let file = files[node] {
                    var content = Checksum.xxh3(file.cached, seed: path)
                    if !file.pending.isEmpty || file.isLost {
                        content &+= Checksum.xxh3(file.durable, seed: path) &* 31
                    }
                    digest &+= content
                } else {
                    digest &+= path &* 0x9e37_79b9_7f4a_7c15
                    reachable.append((node, path))
                }
            }
        }
        return digest &+ UInt64(pendingNames.count)
    }
}
