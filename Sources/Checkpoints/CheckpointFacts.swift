public import Storage

/// What reading one file of a checkpoint found.
public enum FileFact<Content: Sendable>: Sendable {
    /// The file is whole.
    case intact(Content)
    /// The file is there and cannot be used.
    case damaged(CheckpointError)
}

/// An entry as it stands in its log, with what ties it to its neighbours.
public struct LoggedOffsets: Sendable, Equatable {
    /// The entry.
    public var entry: OffsetsEntry
    /// The link to the offsets of the batch before.
    public var previous: UInt64
    /// The oldest batch that was kept when this one was planned; what is older may be missing,
    /// or may have come back after a crash, and does not count.
    public var retainedFrom: BatchID
    /// The link that the next entry must carry.
    public var link: UInt64

    /// An entry with its ties.
    public init(
        entry: OffsetsEntry, previous: UInt64, retainedFrom: BatchID, link: UInt64
    ) {
        self.entry = entry
        self.previous = previous
        self.retainedFrom = retainedFrom
        self.link = link
    }
}

/// A commit as it stands in its log, with what ties it to its neighbours.
public struct LoggedCommit: Sendable, Equatable {
    /// The entry.
    public var entry: CommitEntry
    /// The link to the commit of the batch before.
    public var previous: UInt64
    /// The link of the offsets that this commit completes.
    public var offsets: UInt64
    /// The link that the next commit must carry.
    public var link: UInt64

    /// An entry with its ties.
    public init(entry: CommitEntry, previous: UInt64, offsets: UInt64, link: UInt64) {
        self.entry = entry
        self.previous = previous
        self.offsets = offsets
        self.link = link
    }
}

/// Everything on disk that the decision of what to do after a start depends on.
public struct CheckpointFacts: Sendable {
    /// The directory, for messages.
    public var path: String
    /// The query's identity, nil if `metadata` does not exist.
    public var identity: FileFact<CheckpointIdentity>?
    /// What is in `offsets`, by batch.
    public var offsets: [BatchID: FileFact<LoggedOffsets>]
    /// What is in `commits`, by batch.
    public var commits: [BatchID: FileFact<LoggedCommit>]
    /// Whether there are state files.
    public var hasState: Bool

    /// The facts about a checkpoint.
    public init(
        path: String, identity: FileFact<CheckpointIdentity>?,
        offsets: [BatchID: FileFact<LoggedOffsets>], commits: [BatchID: FileFact<LoggedCommit>],
        hasState: Bool
    ) {
        self.path = path
        self.identity = identity
        self.offsets = offsets
        self.commits = commits
        self.hasState = hasState
    }
}
