import Columnar
import Storage

/// A Delta table at one version: what its log says up to there.
///
/// Paths and ids are told apart by their bytes.
struct DeltaSnapshot: Sendable {
    /// The version; -1 before the first.
    private(set) var version: Int64 = -1
    private(set) var versions: DeltaVersions?
    private(set) var metadata: DeltaMetadata?
    private(set) var transactions: [[UInt8]: Int64] = [:]
    /// The files of the table.
    private(set) var files: [[UInt8]: DeltaFile] = [:]
    /// The files that were of the table.
    private(set) var removals: [[UInt8]: DeltaRemoval] = [:]
    /// The commits of other writers that changed rows or the table itself.
    private(set) var foreignChanges: [(version: Int64, engine: String)] = []
    /// The time of the newest commit that tells its time.
    private(set) var timestampMs: Int64 = 0

    func transaction(of appID: String) -> Int64? { transactions[Array(appID.utf8)] }

    /// The files in the order of their paths.
    var sortedFiles: [DeltaFile] {
        files.sorted { $0.key.lexicographicallyPrecedes($1.key) }.map(\.value)
    }

    /// Takes in the commit that follows.
    mutating func apply(_ entry: DeltaLogEntry) {
        version += 1
        if let timestamp = entry.info.timestampMs { timestampMs = max(timestampMs, timestamp) }
        if entry.changesTable, !entry.info.isOurs {
            foreignChanges.append((version, entry.info.engine))
        }
        for action in entry.actions { apply(action) }
    }

    /// Lets go, now and then, of removals that no checkpoint will hold: for a writer, who compares
    /// nothing with them.
    mutating func forgetOldRemovals() {
        guard version % Self.forgetInterval == 0 else { return }
        let oldestMs = timestampMs - Self.removalMsMin
        removals = removals.filter { $0.value.deletedMs >= oldestMs }
    }

    private static let forgetInterval: Int64 = 1_000

    /// Why an entry of this project cannot be the one that follows; nil when it can.
    ///
    /// An entry's checksum says that it is whole, not that it lies where it was put.
    func fault(of entry: DeltaLogEntry) -> String? {
        guard entry.info.isOurs else { return nil }
        if version >= 0, entry.info.operation == DeltaCommitInfo.creation {
            return "it makes the table, which is made"
        }
        for action in entry.actions {
            switch action {
            case .transaction(let appID, let batch):
                guard let known = transaction(of: appID), known >= batch else { continue }
                return "it has batch \(batch), and an entry before it has batch \(known)"
            case .add(let file) where files[Array(file.path.utf8)] != nil:
                return "it adds '\(file.path)', which the table has"
            case .remove(let removal) where files[Array(removal.path.utf8)] == nil:
                return "it removes '\(removal.path)', which the table has not"
            case .add, .remove, .commitInfo, .versions, .metadata, .other: continue
            }
        }
        return nil
    }

    private mutating func apply(_ action: DeltaAction) {
        switch action {
        case .versions(let found): versions = found
        case .metadata(let found): metadata = found
        case .transaction(let appID, let version): transactions[Array(appID.utf8)] = version
        case .add(let file):
            let key = Array(file.path.utf8)
            files[key] = file
            removals[key] = nil
        case .remove(let removal):
            let key = Array(removal.path.utf8)
            files[key] = nil
            removals[key] = removal
        case .commitInfo, .other: break
        }
    }
}

extension DeltaSnapshot {
    /// A snapshot put together from a checkpoint's actions.
    init(version: Int64, _ actions: [DeltaAction], timestampMs: Int64) {
        self.version = version
        self.timestampMs = timestampMs
        for action in actions { apply(action) }
    }

    /// Everything that a checkpoint of this version holds.
    ///
    /// Removals stay for a week, in which other tools must not delete the files.
    var checkpointActions: [DeltaAction] {
        var actions: [DeltaAction] = []
        if let versions { actions.append(.versions(versions)) }
        if let metadata { actions.append(.metadata(metadata)) }
        let transactions = transactions.sorted { $0.key.lexicographicallyPrecedes($1.key) }
        actions += transactions.map {
            .transaction(appID: String(decoding: $0.key, as: UTF8.self), version: $0.value)
        }
        let oldestMs = timestampMs - Self.removalMsMin
        let removals = removals.sorted { $0.key.lexicographicallyPrecedes($1.key) }
            .filter { $0.value.deletedMs >= oldestMs }
        actions += removals.map { .remove($0.value) }
        return actions + sortedFiles.map { .add($0) }
    }

    private static let removalMsMin: Int64 = 7 * 86_400_000
}
