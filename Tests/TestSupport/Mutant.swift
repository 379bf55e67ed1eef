/// A small sabotage of durability, to show that the checks would notice it.
public struct Mutant: Sendable, Hashable, CustomStringConvertible {
    /// What is done wrong.
    public enum Action: String, Sendable, Hashable {
        /// Syncing a file reports success and does nothing.
        case fileSyncDropped = "the sync is dropped"
        /// Syncing a directory reports success and does nothing.
        case directorySyncDropped = "the directory's sync is dropped"
        /// A published file gets its name before its content is synced.
        case namedBeforeSync = "the name is given before the sync"
        /// A published file is written under its final name instead of renamed.
        case renameMadeWrite = "the rename is made a write"
        /// A failed sync reports success.
        case failedSyncIgnored = "a failed sync is ignored"
        /// A sync that failed is tried again, and succeeds.
        case failedSyncRetried = "a failed sync is tried again"
        /// A write that failed reports success.
        case failedWriteIgnored = "a failed write is ignored"
        /// The lock is given to everybody.
        case lockGranted = "the lock is granted to all"
        /// A lock that was lost passes for held.
        case lostLockIgnored = "a lost lock is ignored"
        /// A sink makes a batch visible while it prepares it.
        case committedInPrepare = "a sink commits while it prepares"
        /// The sinks before the last one commit before that has prepared.
        case committedBeforeOthers = "sinks commit before every one has prepared"
        /// What a sink prepared stays when the batch is aborted.
        case abortIgnored = "an abort is ignored"
        /// A sink looks at nothing that an earlier run left.
        case recoverySkipped = "a sink's recovery is skipped"
    }

    /// What is done wrong.
    public let action: Action
    /// With which files or directories; all when nil.
    public let role: FileRole?

    /// A sabotage.
    public init(_ action: Action, _ role: FileRole? = nil) {
        self.action = action
        self.role = role
    }

    /// The sabotage in words.
    public var description: String {
        "\(role?.rawValue ?? "any file"): \(action.rawValue)"
    }

    func applies(_ action: Action, to role: FileRole?) -> Bool {
        self.action == action && (self.role == nil || self.role == role)
    }
}
