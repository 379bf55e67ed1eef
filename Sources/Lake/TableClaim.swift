public import Storage

/// Whose table a directory says that it is, however damaged its rows are.
public enum TableClaim: Sendable, Equatable {
    /// It says nothing, or is not one of ours.
    case nobody
    /// A checkpoint and a query.
    case owner(TableOwner)
    /// An owner whose name was too long to be kept: what tells it apart.
    case hashed(String)

    /// What the directory at a path says.
    public init(of path: Path, _ files: any FileSystem) throws(LakeError) {
        let directory = TableDirectory(path: path, files: files)
        if let marker = try directory.markers().first {
            self = marker.tableOwner.map { .owner($0) } ?? .hashed(marker.owner)
            return
        }
        self = .nobody
        let log = try DeltaLog(path, files)
        let isThere = try onStorage { () throws(StorageError) in
            try files.info(log.path)?.kind == .directory
        }
        guard isThere else { return }
        // The first whole entry that says it: mostly the first one.
        for name in try onStorage({ () throws(StorageError) in try files.names(in: log.path) }) {
            guard let version = DeltaLog.version(of: name, suffix: ".json"),
                let actions = try? log.entry(version).actions
            else { continue }
            for case .metadata(let metadata) in actions {
                self = metadata.owner.map { .owner($0) } ?? .nobody
                return
            }
        }
    }

    /// Whether it is one of some checkpoints', for one of some queries.
    public func isOne(ofCheckpoints ids: Set<String>, queries: Set<String>) -> Bool {
        switch self {
        case .nobody: false
        case .owner(let owner): ids.contains(owner.checkpointID)
        case .hashed(let hash):
            ids.contains { id in
                queries.contains { query in
                    OwnerMarker.hash(of: TableOwner(checkpointID: id, query: query)) == hash
                }
            }
        }
    }
}
