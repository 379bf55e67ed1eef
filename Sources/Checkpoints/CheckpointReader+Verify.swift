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
    /// Reads every file of the checkpoint and checks it: identity, job, the links from plan to plan
    /// and commit to commit, every state file against what its commit recorded, and what sources
    /// keep.
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
        try checkOthers(&result)
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

    /// Checks the job's text and what sources keep.
    private func checkOthers(_ result: inout CheckpointVerification) throws {
        func note(_ look: () throws -> Void) throws {
            do {
                try look()
            } catch let error as CheckpointError {
                let sentence = "\(error)"
                if !result.faults.contains(sentence) { result.faults.append(sentence) }
            } catch let error as StorageError where error.code != .inputOutput {
                result.faults.append("\(error)")
            }
        }
        try note { _ = try jobText() }
        let folder = try path.appending(SourceLog.folder)
        guard try files.exists(folder) else { return }
        for entry in try files.list(folder) where !entry.name.hasPrefix(temporaryNamePrefix) {
            let handOff = BackfillBoundaryRecord.suffix
            try note {
                if entry.name.hasSuffix(handOff) {
                    let source = String(entry.name.dropLast(handOff.count))
                    _ = try BackfillBoundaryRecord(checkpoint: path, source: source, files: files)
                        .read()
                } else {
                    _ = try SourceLog(checkpoint: path, source: entry.name, files: files)
                }
            }
        }
    }

    /// How a file differs from its receipt; one that is no regular file does.
    private func difference(of path: Path, from receipt: FileReceipt) throws -> String? {
        do throws(StorageError) {
            return try files.difference(of: path, from: receipt)
        } catch {
            guard error.code == .notAFile || error.code == .wrongKind else { throw error }
            return error.detail
        }
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
                guard try files.isTaken(path) else {
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
                if let fault = try difference(of: path, from: receipt) {
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
