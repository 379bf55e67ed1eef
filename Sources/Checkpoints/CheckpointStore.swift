public import Storage
import Synchronization

/// A checkpoint under the lock of the one engine that may write to it.
///
/// Invariants: batch N is planned only when N-1 is complete; entries once written never change;
/// everything the recovery decision rests on was made durable before the decision is handed out.
public final class CheckpointStore: Sendable {
    /// The checkpoint, to look at.
    public let reader: CheckpointReader
    /// Which query it is.
    public let identity: CheckpointIdentity
    /// What was to be done when it was opened.
    public let recovery: RecoveryDecision

    private let minBatchesToRetain: Int64
    private let fileLock: any FileLock
    private let made: MadeCheckpoint
    private let state: Mutex<State>

    /// Can transition: planned nil -> entry by `logOffsets`, entry -> nil by `logCommit`.
    private struct State {
        var planned: LoggedOffsets?
        var lastOffsets: LoggedOffsets?
        var lastCommit: LoggedCommit?
        var purgedBefore: BatchID
        /// Where entries begin that may be there.
        var keptFrom = BatchID.first
    }

    /// Locks a checkpoint, makes it if it does not exist, and decides where the query stands.
    ///
    /// - Parameters:
    ///   - path: the checkpoint's directory.
    ///   - files: where it lies.
    ///   - minBatchesToRetain: how many batches keep their entries, at least 2.
    ///   - newIdentity: the identity that a new checkpoint gets.
    /// - Returns: the checkpoint; its lock is held until it is closed or goes away.
    /// - Throws: a ``CheckpointError`` if it is damaged, a `StorageError` if it is locked or the
    ///   disk fails. Nothing that a query wrote is touched then, and nothing that was made stays.
    public static func open(
        _ path: Path, files: any FileSystem, minBatchesToRetain: Int = 100,
        newIdentity: CheckpointIdentity
    ) throws -> CheckpointStore {
        let reader = try CheckpointReader(path, files: files)
        try reader.refuseTaken()
        var made = try MadeCheckpoint(reader)
        var held: (any FileLock)?
        do {
            try files.createDirectories(path)
            let fileLock = try files.lock(reader.lockPath())
            held = fileLock
            try made.noteLocked()
            return try open(
                reader, fileLock, made, minBatchesToRetain: Int64(max(2, minBatchesToRetain)),
                newIdentity)
        } catch {
            made.takeAway()
            held?.release()
            throw error
        }
    }

    private static func open(
        _ reader: CheckpointReader, _ fileLock: any FileLock, _ made: MadeCheckpoint,
        minBatchesToRetain: Int64, _ newIdentity: CheckpointIdentity
    ) throws -> CheckpointStore {
        let (path, files) = (reader.path, reader.files)
        try files.removeStrays(in: path)
        for directory in [reader.offsetsLog.directory, reader.commitLog.directory] {
            try files.createDirectories(directory)
            try files.removeStrays(in: directory)
        }
        let facts = try reader.facts()
        let recovery = try decideRecovery(facts)
        // A run that died may have given a name and not synced it. What follows from the entry
        // must not outlive the entry.
        for directory in [reader.offsetsLog.directory, reader.commitLog.directory, path] {
            try files.syncDirectory(directory)
        }
        var identity = newIdentity
        if case .intact(let known)? = facts.identity {
            identity = known
        } else {
            try files.createAtomically(
                reader.metadataPath(), mode: .createNew,
                text: CheckpointMetadata(identity).text)
        }
        return CheckpointStore(
            reader, identity, recovery, facts, fileLock, made,
            minBatchesToRetain: minBatchesToRetain)
    }

    private init(
        _ reader: CheckpointReader, _ identity: CheckpointIdentity, _ recovery: RecoveryDecision,
        _ facts: CheckpointFacts, _ fileLock: any FileLock, _ made: MadeCheckpoint,
        minBatchesToRetain: Int64
    ) {
        self.made = made
        self.reader = reader
        self.identity = identity
        self.recovery = recovery
        self.fileLock = fileLock
        self.minBatchesToRetain = minBatchesToRetain
        let commits = facts.commits.compactMapValues { $0.content }
        let offsets = facts.offsets.compactMapValues { $0.content }
        switch recovery {
        case .fresh:
            state = Mutex(State(purgedBefore: .first))
        case .resume(let point):
            let last = point.lastOffsets.batch
            state = Mutex(
                State(
                    lastOffsets: offsets[last], lastCommit: commits[last],
                    purgedBefore: .first))
        case .rerun(let point):
            let batch = point.offsets.batch
            state = Mutex(
                State(
                    planned: offsets[batch], lastOffsets: offsets[batch],
                    lastCommit: batch.previous.flatMap { commits[$0] }, purgedBefore: .first))
        }
    }

    /// The oldest batch whose entries and files must be kept.
    public var retainedFrom: BatchID {
        state.withLock { $0.lastOffsets?.retainedFrom ?? .first }
    }

    /// The oldest batch whose entries may still be there: removing them comes later than letting
    /// them go, and before the first removal of a run nobody knows.
    public var keptFrom: BatchID { state.withLock { $0.keptFrom } }

    /// Saves the text of the job that runs.
    public func saveJob(_ text: String) throws {
        try fileLock.verify()
        try reader.files.createAtomically(
            reader.jobPath(), mode: .replace, contents: RecordedJob.encode(text, identity))
    }

    /// Makes the plan of the next batch durable; only then may the batch have any effect.
    public func logOffsets(_ entry: OffsetsEntry) throws {
        try fileLock.verify()
        try state.withLock { state in
            precondition(state.planned == nil, "a batch is planned before the last one is complete")
            let next = state.lastOffsets?.batch.next ?? .first
            precondition(entry.batch == next, "batch \(next) is the next to plan")
            let oldest = max(0, entry.batch.number - minBatchesToRetain + 1)
            let logged = try reader.offsetsLog.append(
                LoggedOffsets(
                    entry: entry, previous: state.lastOffsets?.link ?? identity.rootLink,
                    retainedFrom: max(state.lastOffsets?.retainedFrom ?? .first, BatchID(oldest)),
                    link: 0),
                identity: identity)
            state.planned = logged
            state.lastOffsets = logged
        }
    }

    /// Makes the proof durable that the planned batch is complete; all it refers to must be.
    public func logCommit(_ entry: CommitEntry) throws {
        try fileLock.verify()
        try state.withLock { state in
            guard let planned = state.planned else {
                preconditionFailure("a batch is committed that was not planned")
            }
            precondition(entry.batch == planned.batch, "batch \(planned.batch) is the one planned")
            state.lastCommit = try reader.commitLog.append(
                LoggedCommit(
                    entry: entry, previous: state.lastCommit?.link ?? identity.rootLink,
                    offsets: planned.link, link: 0),
                identity: identity)
            state.planned = nil
        }
    }

    /// Removes the entries of batches before `batch` that the newest plan, which is durable, says
    /// are not retained.
    ///
    /// `batch` is the oldest one whose commit the retained batches need to begin with their state.
    /// May run beside a batch.
    public func purge(before batch: BatchID) throws {
        try fileLock.verify()
        let due = state.withLock { state -> BatchID? in
            guard let retained = state.lastOffsets?.retainedFrom else { return nil }
            let oldest = min(retained, batch)
            guard oldest > state.purgedBefore else { return nil }
            state.purgedBefore = oldest
            return oldest
        }
        guard let due else { return }
        try reader.offsetsLog.purge(before: due)
        try reader.commitLog.purge(before: due)
        state.withLock { $0.keptFrom = due }
    }

    /// Removes a checkpoint in one step: after a crash it is either whole or gone.
    ///
    /// - Throws: `.locked` if an engine runs on it.
    public static func remove(_ path: Path, files: any FileSystem) throws {
        // What an earlier removal did not get to.
        let doomed = try path.parent.appending("\(temporaryNamePrefix)removed-\(path.name)")
        try files.removeTree(doomed)
        guard try files.exists(path) else { return }
        let fileLock = try files.lock(CheckpointReader(path, files: files).lockPath())
        try files.rename(path, to: doomed, mode: .createNew)
        try files.removeTree(doomed)
        fileLock.release()
    }

    /// Whether a batch was ever planned.
    public var hasPlanned: Bool { state.withLock { $0.lastOffsets != nil } }

    /// Takes away a checkpoint that this made and in which no batch was planned; another one stays.
    public func withdraw() {
        if !hasPlanned { made.takeAway() }
    }

    /// Gives the lock up.
    public func close() {
        fileLock.release()
    }
}

extension FileFact {
    var content: Content? {
        if case .intact(let content) = self { content } else { nil }
    }
}
