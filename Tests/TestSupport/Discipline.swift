import Storage

/// Judges the order of a machine's operations as they come, knowing what is durable at each.
///
/// What it demands:
/// - A file gets its final name only when its content is durable.
/// - A plan, a commit and a file's successor are named only when every name given before them is
///   durable.
/// - The high watermark of a log says nothing that a loss of power could take back.
/// - Effects of a batch (state files, files of tables) get their names only while a plan is
///   durable and not committed; a commit only when the effects of its batch are durable.
/// - A file of a table gets its name only when the state files and every table's files of the batch
///   are written and synced: after the first has its name no other is begun before the commit.
/// - A directory takes another's place only when all that it names is durable; nothing of the one that
///   it took the place of goes before that is.
/// - After a failed sync nothing more is written or named.
struct Discipline: Sendable {
    /// What was done in a wrong order, at most `violationsMax` sentences.
    private(set) var violations: [String] = []
    private static let violationsMax = 20

    /// Where a sync has failed since the machine was started.
    private var failedSync: Path?
    /// Files that have their final names, with what they are for.
    private var named: Set<SimulatedDisk.NodeID> = []
    /// The first file of a table that got its name since the last commit.
    private var firstShown: Path?

    mutating func syncFailed(at path: Path) {
        if failedSync == nil { failedSync = path }
    }

    /// Judges an operation that is about to happen.
    mutating func judge(
        _ operation: Operation, _ disk: SimulatedDisk, _ roles: [SimulatedDisk.NodeID: FileRole]
    ) {
        switch operation.kind {
        case .create:
            let isTemporary = operation.path.name.hasPrefix(temporaryNamePrefix)
            refuse(when: !isTemporary && FileRole(ofFile: operation.path).isPublished) {
                "\(operation.path) is written under its final name"
            }
            if let firstShown {
                let path = operation.path
                refuse(when: FileRole.isStagedByTable(path) || FileRole.isStagedState(path)) {
                    "\(operation.path) is begun after \(firstShown) of the same batch is seen"
                }
            }
        case .write:
            refuse(when: failedSync != nil) {
                "\(operation.path) is written after a failed sync"
            }
        case .rename:
            guard let old = operation.oldPath, let node = disk.find(old) else { return }
            judgeNaming(operation.path, node, disk, roles)
            named.insert(node)
        case .remove:
            let parts = operation.path.string.split(separator: "/" as Character)
            refuse(when: FileRole.isCompaction(parts) && disk.hasPendingExchange) {
                "\(operation.path) goes before the directory in its place is durable"
            }
        default: return
        }
    }

    /// The high watermark's content, before it is written.
    mutating func judgeHighWatermark(_ bytes: [UInt8], _ path: Path, _ disk: SimulatedDisk) {
        guard FileRole(ofFile: path) == .highWatermark, bytes.count >= 64 else { return }
        judge(Self.little(bytes, at: 32), of: Self.little(bytes, at: 24), ".arrows", path, disk)
        // A longer one speaks of the newest journal, too.
        guard bytes.count >= 88 else { return }
        judge(Self.little(bytes, at: 64), of: Self.little(bytes, at: 56), ".journal", path, disk)
    }

    /// What the high watermark says of one file: how many of its bytes are durable.
    private mutating func judge(
        _ durable: Int, of base: Int, _ suffix: String, _ path: Path, _ disk: SimulatedDisk
    ) {
        let digits = String(base)
        let name = String(repeating: "0", count: 20 - digits.utf8.count) + digits + suffix
        guard let file = try? path.parent.appending(name), let node = disk.find(file) else {
            return refuse(when: true) { "\(path) speaks of \(name), which is not there" }
        }
        refuse(when: disk.durableSize(node) < durable) {
            "\(path) promises \(durable) bytes of \(name), \(disk.durableSize(node)) are durable"
        }
        refuse(when: disk.hasPendingName(of: node)) { "\(path) promises \(name) before its name" }
    }

    private static func little(_ bytes: [UInt8], at position: Int) -> Int {
        (0..<8).reduce(0) { $0 | Int(bytes[position + $1]) << (8 * $1) }
    }

    private mutating func judgeNaming(
        _ path: Path, _ node: SimulatedDisk.NodeID, _ disk: SimulatedDisk,
        _ roles: [SimulatedDisk.NodeID: FileRole]
    ) {
        let role = FileRole(ofFile: path)
        refuse(when: failedSync != nil) { "\(path) is named after a failed sync" }
        refuse(when: !disk.isContentDurable(node) || !disk.areEntriesDurable(node)) {
            "\(path) is named before its content is synced"
        }
        if role.isEffect { judgeEffect(path, disk) }
        if role.isEffect && !role.isState { firstShown = firstShown ?? path }
        if role == .commit { firstShown = nil }
        guard role == .offsets || role == .commit else { return }
        if let pending = disk.pendingNewName {
            refuse(when: true) { "\(path) is named before the name \(pending) is durable" }
        }
        guard role == .commit else { return }
        let batch = Int(path.name)
        let checkpoint = path.parent.parent
        refuse(when: disk.durableNumbers(below: checkpoint, "offsets").max() != batch) {
            "\(path) is named without its plan"
        }
        for (other, role) in roles where role.isEffect && named.contains(other) {
            refuse(when: !disk.isContentDurable(other)) {
                "\(path) is named before a \(role.rawValue) is synced"
            }
        }
    }

    private mutating func judgeEffect(_ path: Path, _ disk: SimulatedDisk) {
        let isOpen = disk.checkpoints.contains { checkpoint in
            let planned = disk.durableNumbers(below: checkpoint, "offsets").max() ?? -1
            let committed = disk.durableNumbers(below: checkpoint, "commits").max() ?? -1
            return planned > committed
        }
        refuse(when: !isOpen) { "\(path) is an effect without a plan that is durable and open" }
    }

    private mutating func refuse(when isWrong: Bool, _ sentence: () -> String) {
        if isWrong && violations.count < Self.violationsMax { violations.append(sentence()) }
    }
}

extension SimulatedDisk {
    /// Whether a name of the file is not durable yet.
    func hasPendingName(of node: NodeID) -> Bool {
        pendingNames.contains { $0.names.contains { $0.node == node } }
    }

    /// Whether what a directory names is durable; true of a file.
    func areEntriesDurable(_ node: NodeID) -> Bool {
        guard let entries = directories[node] else { return true }
        return entries == durableDirectories[node] && entries.values.allSatisfy(isContentDurable)
    }

    /// Whether two names have changed places, and that is not durable yet.
    var hasPendingExchange: Bool {
        pendingNames.contains { $0.names.count == 2 && $0.names.allSatisfy { $0.node != nil } }
    }

    /// A name that was given, is still there and is not durable yet, temporary ones and locks aside.
    var pendingNewName: String? {
        for change in pendingNames {
            for (directory, name, node) in change.names
            where node != nil && directories[directory]?[name] == node {
                let text = String(decoding: name, as: UTF8.self)
                if text.hasPrefix(temporaryNamePrefix) || text == "LOCK" { continue }
                return text
            }
        }
        return nil
    }

    /// The checkpoints of a machine that is laid out as the shipped jobs do.
    var checkpoints: [Path] {
        guard let all = try? Path("checkpoints"), let node = find(all) else { return [] }
        return (directories[node] ?? [:]).keys.compactMap {
            try? all.appending(String(decoding: $0, as: UTF8.self))
        }
    }

    /// The numbers that name files in a directory of a checkpoint, as after a loss of power.
    func durableNumbers(below checkpoint: Path, _ folder: String) -> [Int] {
        guard let path = try? checkpoint.appending(folder), let node = find(path) else { return [] }
        return (durableDirectories[node] ?? [:]).keys.compactMap {
            Int(String(decoding: $0, as: UTF8.self))
        }
    }
}
