import ConnectorAPI
public import Storage

/// What an engine has to do first on a checkpoint.
public enum RecoveryDecision: Sendable, Equatable {
    /// No batch was ever planned: plan batch 0.
    case fresh
    /// The newest planned batch is complete: plan the one after it.
    case resume(ResumePoint)
    /// The newest planned batch may have had any part of its effects: run it again, exactly.
    case rerun(RerunPoint)
}

/// Where a query goes on after a complete batch.
public struct ResumePoint: Sendable, Equatable {
    /// The batch to plan.
    public var next: BatchID
    /// The newest planned batch; its ends are the starts of the next.
    public var lastOffsets: OffsetsEntry
    /// Its commit.
    public var lastCommit: CommitEntry
    /// The watermark that the next batch runs with, milliseconds.
    public var watermarkMs: Int64
    /// The watermark against which rows of the next batch are late: the last batch's.
    public var lateWatermarkMs: Int64

    /// A place to go on from.
    public init(
        next: BatchID, lastOffsets: OffsetsEntry, lastCommit: CommitEntry, watermarkMs: Int64,
        lateWatermarkMs: Int64
    ) {
        self.next = next
        self.lastOffsets = lastOffsets
        self.lastCommit = lastCommit
        self.watermarkMs = watermarkMs
        self.lateWatermarkMs = lateWatermarkMs
    }
}

/// A batch that has to be run again with what was logged.
public struct RerunPoint: Sendable, Equatable {
    /// The plan, to be followed to the letter.
    public var offsets: OffsetsEntry
    /// The commit of the batch before, nil for batch 0: which state files to start from.
    public var lastCommit: CommitEntry?
    /// The watermark against which its rows are late: the one of the batch before, 0 for batch 0.
    public var lateWatermarkMs: Int64

    /// A batch to run again.
    public init(offsets: OffsetsEntry, lastCommit: CommitEntry?, lateWatermarkMs: Int64) {
        self.offsets = offsets
        self.lastCommit = lastCommit
        self.lateWatermarkMs = lateWatermarkMs
    }

    /// A batch to run again, with the plan and the commit of the batch before if it is not the
    /// first: rows are late against the watermark that it ran with.
    init(_ offsets: OffsetsEntry, after before: OffsetsEntry?, lastCommit: CommitEntry?) {
        self.init(
            offsets: offsets, lastCommit: lastCommit, lateWatermarkMs: before?.watermarkMs ?? 0)
    }
}

/// Decides from what is on disk what an engine has to do; it never guesses.
///
/// Let N be the newest batch in `offsets` and K the oldest it says was retained. It holds:
/// `offsets` has every batch of K...N, each linked to the one before and starting where that one
/// ended; `commits` has every batch of K..<N and possibly N, none above, each linked to the one
/// before and to its offsets. Files below K do not count.
/// - Throws: a ``CheckpointError`` that names the first file for which this does not hold.
public func decideRecovery(
    _ facts: CheckpointFacts
) throws(CheckpointError) -> RecoveryDecision {
    guard let identity = try checkedIdentity(facts) else { return .fresh }
    guard let newest = facts.offsets.keys.max() else {
        if let commit = facts.commits.keys.max() { throw missing("offsets", commit, facts) }
        if facts.hasState { throw missing("offsets", .first, facts) }
        return .fresh
    }
    let offsets = try checkedOffsets(facts, newest: newest, identity: identity)
    let commits = try checkedCommits(facts, offsets: offsets, identity: identity)
    guard let last = offsets.last else { preconditionFailure("the newest offsets are in K...N") }
    let before = offsets.dropLast().last?.entry
    if let commit = commits.last?.entry, commit.batch == newest {
        return .resume(
            ResumePoint(
                next: newest.next, lastOffsets: last.entry, lastCommit: commit,
                watermarkMs: max(last.entry.watermarkMs, commit.nextWatermarkMs),
                lateWatermarkMs: last.entry.watermarkMs))
    }
    return .rerun(
        RerunPoint(last.entry, after: before, lastCommit: commits.last?.entry))
}

private func checkedIdentity(
    _ facts: CheckpointFacts
) throws(CheckpointError) -> CheckpointIdentity? {
    switch facts.identity {
    case .intact(let identity): return identity
    case .damaged(let error): throw error
    case nil:
        if facts.offsets.isEmpty && facts.commits.isEmpty && !facts.hasState { return nil }
        throw CheckpointError(
            .missingMetadata, path: "\(facts.path)/metadata",
            detail: "the file is missing, but batches were logged: a new identity would publish "
                + "them twice",
            remedy: CheckpointError.restoreRemedy)
    }
}

private func checkedOffsets(
    _ facts: CheckpointFacts, newest: BatchID, identity: CheckpointIdentity
) throws(CheckpointError) -> [LoggedOffsets] {
    let last = try intact(facts.offsets[newest], "offsets", newest, facts)
    guard last.retainedFrom < newest || last.retainedFrom == .first else {
        throw CheckpointError(
            .damaged, path: "\(facts.path)/offsets/\(newest)",
            detail: "it says that only batches from \(last.retainedFrom) on were kept",
            remedy: CheckpointError.restoreRemedy)
    }
    var entries: [LoggedOffsets] = []
    for number in last.retainedFrom.number...newest.number {
        let batch = BatchID(number)
        let logged = try intact(facts.offsets[batch], "offsets", batch, facts)
        if let before = entries.last {
            guard logged.previous == before.link else {
                throw brokenLink("offsets", batch, facts)
            }
            try checkStarts(logged.entry, after: before.entry, facts)
        } else if batch == .first, logged.previous != identity.rootLink {
            throw brokenLink("offsets", batch, facts)
        }
        entries.append(logged)
    }
    return entries
}

private func checkStarts(
    _ entry: OffsetsEntry, after before: OffsetsEntry, _ facts: CheckpointFacts
) throws(CheckpointError) {
    for source in entry.sources {
        guard let earlier = before.sources.first(where: { $0.name == source.name })
        else { continue }
        // A split that is new starts where it does.
        for split in source.offsets.start.splits {
            guard let start = source.offsets.start[split], let end = earlier.offsets.end[split],
                start != end
            else { continue }
            throw CheckpointError(
                .inconsistent, path: "\(facts.path)/offsets/\(entry.batch)",
                detail: "source '\(source.name)' starts at \(start)\(split.ofIt), but batch "
                    + "\(before.batch) ended at \(end)",
                remedy: CheckpointError.restoreRemedy)
        }
    }
}

private func checkedCommits(
    _ facts: CheckpointFacts, offsets: [LoggedOffsets], identity: CheckpointIdentity
) throws(CheckpointError) -> [LoggedCommit] {
    guard let newest = offsets.last?.entry.batch else { return [] }
    if let above = facts.commits.keys.max(), above > newest {
        throw missing("offsets", above, facts)
    }
    var entries: [LoggedCommit] = []
    for plan in offsets {
        let batch = plan.entry.batch
        if batch == newest && facts.commits[batch] == nil { break }
        let logged = try intact(facts.commits[batch], "commits", batch, facts)
        let previous = entries.last?.link ?? (batch == .first ? identity.rootLink : nil)
        if let previous, logged.previous != previous { throw brokenLink("commits", batch, facts) }
        guard logged.offsets == plan.link else { throw brokenLink("commits", batch, facts) }
        entries.append(logged)
    }
    return entries
}

private func intact<Content>(
    _ fact: FileFact<Content>?, _ log: String, _ batch: BatchID, _ facts: CheckpointFacts
) throws(CheckpointError) -> Content {
    switch fact {
    case .intact(let content): return content
    case .damaged(let error): throw error
    case nil: throw missing(log, batch, facts)
    }
}

private func missing(
    _ log: String, _ batch: BatchID, _ facts: CheckpointFacts
) -> CheckpointError {
    CheckpointError(
        .missingEntry, path: "\(facts.path)/\(log)/\(batch)",
        detail: "the file is missing, but later steps of the query were logged",
        remedy: CheckpointError.restoreRemedy)
}

private func brokenLink(
    _ log: String, _ batch: BatchID, _ facts: CheckpointFacts
) -> CheckpointError {
    CheckpointError(
        .brokenLink, path: "\(facts.path)/\(log)/\(batch)",
        detail: "the file is whole, but does not follow from the ones before it: it is from "
            + "another checkpoint or another time",
        remedy: CheckpointError.restoreRemedy)
}
