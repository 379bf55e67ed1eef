import JSON
public import Storage

/// A checkpoint to look at, while an engine may be running on it.
///
/// Looking changes nothing. The directory:
///
///     <checkpoint>/metadata          which query it is
///     <checkpoint>/job.json          the job as it was last run, with a checksum
///     <checkpoint>/offsets/N         the plan of batch N, before it had any effect
///     <checkpoint>/commits/N         the proof that batch N is complete
///     <checkpoint>/state/<query>/…   the state files that commits refer to
///     <checkpoint>/LOCK              locked by the engine that runs
public struct CheckpointReader: Sendable {
    private static let metadataBytesMax = 1 << 20
    private static let jobBytesMax = 16 << 20

    /// The checkpoint's directory.
    public let path: Path
    let files: any FileSystem
    let offsetsLog: MetadataLog<LoggedOffsets>
    let commitLog: MetadataLog<LoggedCommit>

    /// A view of the checkpoint in a directory, which need not exist yet.
    public init(_ path: Path, files: any FileSystem) throws {
        self.path = path
        self.files = files
        offsetsLog = try MetadataLog(checkpoint: path, files: files)
        commitLog = try MetadataLog(checkpoint: path, files: files)
    }

    /// The directory below which each query has its state files.
    public func stateDirectory() throws -> Path { try path.appending("state") }

    /// The query's identity, nil if there is no checkpoint yet.
    public func identity() throws -> CheckpointIdentity? { try metadata()?.identity }

    /// The text of the job as it was last run, nil if none was saved.
    ///
    /// - Throws: a ``CheckpointError`` when it is not what was saved, or is gone.
    public func jobText() throws -> String? {
        guard let metadata = try metadata() else { return nil }
        let path = try jobPath()
        guard let bytes = try ownFile(path, maxBytes: Self.jobBytesMax) else {
            guard metadata.hasJobChecksum, try !plannedBatches().isEmpty else { return nil }
            throw CheckpointError(
                .missingEntry, path: path.string,
                detail: "the job that the checkpoint's batches are of is missing",
                remedy: CheckpointError.restoreRemedy)
        }
        return try RecordedJob.decode(bytes, metadata, path)
    }

    /// The batches that were planned and are retained, in order.
    public func plannedBatches() throws -> [BatchID] { try offsetsLog.batches() }

    /// Whether a job has a checkpoint here, be it without its identity.
    public func isThere() throws -> Bool {
        if try files.isTaken(metadataPath()) || files.isTaken(jobPath()) { return true }
        return try !plannedBatches().isEmpty || !committedBatches().isEmpty
    }

    /// The batches that are complete and retained, in order.
    public func committedBatches() throws -> [BatchID] { try commitLog.batches() }

    /// The plan of a batch.
    public func offsets(_ batch: BatchID) throws -> OffsetsEntry {
        try offsetsLog.entry(batch, identity: knownIdentity()).entry
    }

    /// A batch as it was planned, to be run again.
    public func rerunPoint(_ batch: BatchID) throws -> RerunPoint {
        let before = try batch.previous.map { try offsets($0) }
        return RerunPoint(try offsets(batch), after: before, lastCommit: nil)
    }

    /// The commit of a batch.
    public func commit(_ batch: BatchID) throws -> CommitEntry {
        try commitLog.entry(batch, identity: knownIdentity()).entry
    }

    /// What the newest commit that knows of a sink remembers of it; empty when none does.
    ///
    /// - Parameter isOwner: whether a commit's word for an owner means the sink.
    /// - Returns: the receipts, in the order of the commit.
    /// - Throws: when a commit is damaged or cannot be read.
    public func newestReceipts(ofOwner isOwner: (String) -> Bool) throws -> [Receipt] {
        for batch in try committedBatches().reversed() {
            let found = try commit(batch).sinks.filter { isOwner($0.owner) }.map(\.receipt)
            if !found.isEmpty { return found }
        }
        return []
    }

    /// Who runs an engine on the checkpoint, nil if nobody does.
    public func engine() throws -> String? { try files.lockHolder(lockPath()) }

    /// Everything that ``decideRecovery(_:)`` needs to know.
    public func facts() throws -> CheckpointFacts {
        let identity = try identityFact()
        // Without an identity no link can be right; which files there are is still a fact.
        var links = CheckpointIdentity.unknown
        if case .intact(let known) = identity { links = known }
        let state = try stateDirectory()
        return CheckpointFacts(
            path: path.string, identity: identity, offsets: try offsetsLog.facts(identity: links),
            commits: try commitLog.facts(identity: links),
            hasState: try files.exists(state) && hasFiles(below: state))
    }

    func lockPath() throws -> Path { try path.appending("LOCK") }

    func metadataPath() throws -> Path { try path.appending("metadata") }

    func jobPath() throws -> Path { try path.appending("job.json") }

    private func knownIdentity() throws -> CheckpointIdentity {
        if let identity = try identity() { return identity }
        throw StorageError(
            .notFound, "read", path: try metadataPath().string, detail: "there is no checkpoint")
    }

    /// What the checkpoint says about itself, nil if there is none yet.
    func metadata() throws -> CheckpointMetadata? {
        let path = try metadataPath()
        guard let bytes = try ownFile(path, maxBytes: Self.metadataBytesMax) else { return nil }
        return try CheckpointMetadata(bytes, path)
    }

    private func identityFact() throws -> FileFact<CheckpointIdentity>? {
        do {
            return try identity().map { .intact($0) }
        } catch let error as CheckpointError {
            return .damaged(error)
        }
    }

    /// The content of a file of the checkpoint, nil where it is not there; one that is no regular
    /// file, or too long to be right, is damaged.
    private func ownFile(_ path: Path, maxBytes: Int) throws -> [UInt8]? {
        do throws(StorageError) {
            return try files.readOwnIfThere(path, maxBytes: maxBytes)
        } catch {
            throw EntryText.fault(path, error)
        }
    }

    private func hasFiles(below directory: Path) throws -> Bool {
        for entry in try files.list(directory) {
            if entry.name.hasPrefix(temporaryNamePrefix) { continue }
            if entry.kind != .directory { return true }
            if try hasFiles(below: directory.appending(entry.name)) { return true }
        }
        return false
    }
}
