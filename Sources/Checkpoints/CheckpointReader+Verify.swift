public import Storage

/// What a full check of a checkpoint found.
public struct CheckpointVerification: Sendable {
    /// How many plans and commits are kept.
    public var entries = 0
    /// How many state files are what their commits recorded.
    public var stateFiles = 0
    /// What the kept commits recorded of the sinks, batch by batch.
    public var published: [PublishedBatch] = []
    /// What is wrong, a sentence each; empty when the checkpoint is as it was written.
    public var faults: [String] = []

    /// What the sinks published of one batch.
    public struct PublishedBatch: Sendable {
        /// Whether no later batch was planned: a table that is replaced whole has the file of that
        /// batch only, and perhaps of one that was planned and not committed.
        public let isNewest: Bool
        /// The receipts, as recorded.
        public let receipts: [Owned<Receipt>]
    }
}

extension CheckpointReader {
    /// Reads every file of the checkpoint and checks it: identity, the links from plan to plan and
    /// commit to commit, and every state file against what its commit recorded.
    ///
    /// Looking changes nothing; an engine that runs meanwhile may make a look fail.
    public func verify() throws -> CheckpointVerification {
        var result = CheckpointVerification()
        let facts = try facts()
        result.entries = facts.offsets.count + facts.commits.count
        for error in facts.damaged { result.faults.append("\(error)") }
        do throws(CheckpointError) {
            _ = try decideRecovery(facts)
        } catch {
            let sentence = "\(error)"
            if !result.faults.contains(sentence) { result.faults.append(sentence) }
        }
        let commits = facts.commits.values.compactMap { $0.content?.entry }
            .sorted { $0.batch < $1.batch }
        let retainedFrom = facts.offsets.max { $0.key < $1.key }?.value.content?.retainedFrom
        try check(commits, retainedFrom: retainedFrom ?? .first, &result)
        let newest = facts.offsets.keys.max()
        result.published = commits.map {
            CheckpointVerification.PublishedBatch(
                isNewest: $0.batch == newest, receipts: $0.sinks)
        }
        return result
    }

    private func check(
        _ commits: [CommitEntry], retainedFrom: BatchID, _ result: inout CheckpointVerification
    ) throws {
        let directory = try stateDirectory()
        var base: [String: BatchID] = [:]
        for commit in commits where commit.batch < retainedFrom {
            for file in commit.state where file.receipt.path.hasSuffix(".snapshot") {
                base[file.owner] = commit.batch
            }
        }
        for commit in commits {
            for file in commit.state {
                let (name, receipt) = (file.receipt.path, file.receipt)
                let path = try directory.appending(file.owner).appending(name)
                guard try files.exists(path) else {
                    // What lies before the snapshot that the oldest kept batch begins with may go.
                    let first = base[file.owner]
                    let isNeeded =
                        first.map {
                            commit.batch > $0
                                || commit.batch == $0 && name.hasSuffix(".snapshot")
                        } ?? true
                    if isNeeded {
                        result.faults.append(
                            "\(path): the state file of batch \(commit.batch) is missing; restore "
                                + "it from a copy, or replay the job from its log")
                    }
                    continue
                }
                if let fault = try files.difference(of: path, from: receipt) {
                    result.faults.append("\(path): \(fault), batch \(commit.batch)")
                } else {
                    result.stateFiles += 1
                }
            }
        }
    }
}

extension CheckpointFacts {
    /// Why entries and identity cannot be read, where they cannot.
    fileprivate var damaged: [CheckpointError] {
        var found: [CheckpointError] = []
        if case .damaged(let error)? = identity { found.append(error) }
        for (_, fact) in offsets.sorted(by: { $0.key < $1.key }) {
            if case .damaged(let error) = fact { found.append(error) }
        }
        for (_, fact) in commits.sorted(by: { $0.key < $1.key }) {
            if case .damaged(let error) = fact { found.append(error) }
        }
        return found
    }
}

extension FileSystem {
    /// How a file differs from what a commit recorded of it; nil when it does not.
    public func difference(
        of path: Path, from receipt: FileReceipt
    ) throws(StorageError) -> String? {
        let file = try openForReading(path)
        let size = try file.size()
        guard size == receipt.bytes else {
            return "it has \(size) bytes, its commit recorded \(receipt.bytes)"
        }
        var checksum = ChecksumStream()
        var offset: Int64 = 0
        while offset < size {
            let bytes = try file.readUpTo(1 << 20, at: offset)
            if bytes.isEmpty { break }
            unsafe checksum.update(bytes.span.bytes)
            offset += Int64(bytes.count)
        }
        guard checksum.value == receipt.xxh3 else {
            return "its checksum is not the one its commit recorded"
        }
        return nil
    }
}
