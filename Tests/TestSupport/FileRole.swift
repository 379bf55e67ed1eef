public import Storage

/// What a file or directory is for, told from where it lies.
///
/// The tests that ask lay their machines out as the shipped jobs do: `checkpoints/<job>`,
/// `log/<name>` and `lake/<table>`.
public enum FileRole: String, Sendable, Hashable, CaseIterable {
    // Files of a log.
    case segment
    case journal
    case retention
    case highWatermark = "high watermark"
    case logDescription = "log description"
    case positions = "positions of feeds"
    // Files of a checkpoint.
    case identity
    case jobText = "job text"
    case offsets
    case commit
    case stateDelta = "state delta"
    case stateSnapshot = "state snapshot"
    // Files of a lake.
    case part = "Parquet part"
    case compacted = "compacted file"
    case table = "replaced table"
    case sideTable = "side table"
    case rejects
    case gaps
    case ownerMark = "owner mark"
    // Directories.
    case logDirectory = "log directory"
    case checkpointDirectory = "checkpoint directory"
    case offsetsDirectory = "offsets directory"
    case commitsDirectory = "commits directory"
    case stateDirectory = "state directory"
    case tableDirectory = "table directory"
    case partitionDirectory = "partition directory"
    case compactionDirectory = "compaction's directory"
    // What has no part in any promise.
    case lock
    case other

    /// What a file at a path is for, by the name that it will have in the end.
    public init(ofFile path: Path) {
        let parts = path.string.split(separator: "/" as Character)
        let name = path.name
        switch (parts.first, name) {
        case (_, "LOCK"): self = .lock
        case ("log", "durable"): self = .highWatermark
        case ("log", "log.json"): self = .logDescription
        case ("log", "positions"): self = .positions
        case ("log", "retention"): self = .retention
        case ("log", _):
            self =
                name.hasSuffix(".arrows")
                ? .segment : name.hasSuffix(".journal") ? .journal : .other
        case ("checkpoints", "metadata"): self = .identity
        case ("checkpoints", "job.json"): self = .jobText
        case ("checkpoints", _):
            switch path.parent.name {
            case "offsets": self = .offsets
            case "commits": self = .commit
            default:
                self =
                    name.hasSuffix(".delta")
                    ? .stateDelta : name.hasSuffix(".snapshot") ? .stateSnapshot : .other
            }
        case ("lake", _): self = Self.ofLake(parts.map(String.init), name)
        default: self = .other
        }
    }

    private static func ofLake(_ parts: [String], _ name: String) -> FileRole {
        if isCompaction(parts) || name.hasPrefix("compacted-") { return .compacted }
        if name.hasPrefix("_streamer,") { return .ownerMark }
        guard name.hasSuffix(".parquet"), parts.count > 2 else { return .other }
        if parts[1] == "rejects" { return .rejects }
        if parts[1] == "gaps" { return .gaps }
        if parts[1].hasSuffix("late") { return .sideTable }
        return name.hasPrefix(parts[1] + ".") ? .table : .part
    }

    /// Whether a path lies where a table's directories are made anew.
    static func isCompaction(_ parts: [some StringProtocol]) -> Bool {
        parts.count > 1 && parts[0] == "lake"
            && parts[1].hasPrefix(temporaryNamePrefix + "compact-")
    }

    /// What the directory at a path is for.
    public init(ofDirectory path: Path) {
        let parts = path.string.split(separator: "/" as Character)
        switch parts.first {
        case "lake" where Self.isCompaction(parts): self = .compactionDirectory
        case "log": self = parts.count == 2 ? .logDirectory : .other
        case "checkpoints":
            switch (parts.count, path.name) {
            case (2, _): self = .checkpointDirectory
            case (3, "offsets"): self = .offsetsDirectory
            case (3, "commits"): self = .commitsDirectory
            case (4, _): self = .stateDirectory
            default: self = .other
            }
        case "lake":
            self =
                parts.count == 2 ? .tableDirectory : parts.count > 2 ? .partitionDirectory : .other
        default: self = .other
        }
    }

    /// Whether a file of this kind is an effect of a batch, which its commit stands for.
    public var isEffect: Bool {
        switch self {
        case .stateDelta, .stateSnapshot, .part, .table, .sideTable: true
        default: false
        }
    }

    /// Whether it is a file of a query's state.
    public var isState: Bool { self == .stateDelta || self == .stateSnapshot }

    /// Whether a file is state of a batch under a temporary name.
    static func isStagedState(_ path: Path) -> Bool {
        path.name.hasPrefix(temporaryNamePrefix) && path.parent.parent.name == "state"
    }

    /// Whether a file under a temporary name is one of a table that a job's batches write.
    static func isStagedByTable(_ path: Path) -> Bool {
        let parts = path.string.split(separator: "/" as Character)
        return parts.count > 2 && parts[0] == "lake" && parts[1] != "rejects"
            && !isCompaction(parts)
            && parts.last?.hasPrefix(temporaryNamePrefix) == true
    }

    /// Whether a file of this kind gets its name when its content is whole.
    public var isPublished: Bool {
        switch self {
        case .segment, .journal, .retention, .logDescription, .positions, .identity, .jobText,
            .offsets, .commit,
            .rejects, .gaps, .ownerMark, .compacted:
            true
        default: isEffect
        }
    }
}
