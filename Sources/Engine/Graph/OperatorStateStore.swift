import Checkpoints
import Columnar
import Jobs
import KeyedState
import Operators
import Storage

/// Keyed state of one operator and its delta and snapshot files.
struct OperatorStateStore {
    /// Whose files they are in commits, and the name of their directory.
    let owner: String
    private let table: any StateTable
    private let store: StateStore

    /// State of an operator of a query; makes its directory.
    init(
        _ state: OperatorState, of query: String, _ job: EngineJob, _ files: any FileSystem,
        _ stateDirectory: Path
    ) throws {
        owner = state.owner(query: query)
        table = state.table
        store = StateStore(
            directory: try stateDirectory.appending(owner), fileSystem: files,
            fingerprint: state.fingerprint, order: state.order,
            snapshotIntervalBatches: Int64(job.job.options.stateSnapshotIntervalBatches),
            workers: Workers(threads: job.threads))
        try store.prepare()
    }

    /// Copies the batch's changes out of the table, which then goes on to the next batch.
    func takeChanges(_ batch: Int64) throws -> ChangedState {
        ChangedState(
            owner: owner, store: store, changes: try store.takeChanges(of: table, batch: batch))
    }

    /// Makes the state that which a batch begins with.
    func restore(before batch: Int64, _ commit: (Int64) -> CommitEntry?) throws {
        _ = try store.restore(table, toVersion: batch) { recorded(in: commit($0)) }
    }

    /// Removes the files that no batch from `batch` on needs to begin with; gives the oldest batch
    /// whose commit they need, if that is kept.
    func removeOld(before batch: Int64, _ commit: (Int64) -> CommitEntry?) throws -> Int64? {
        try store.retain(fromVersion: batch) { recorded(in: commit($0)) }
    }

    /// Encodes the batch's files again and compares them with those recorded: a sentence for each
    /// that differs.
    func verify(_ batch: Int64, _ commit: CommitEntry) throws -> [String] {
        let changes = try store.takeChanges(of: table, batch: batch)
        return (recorded(in: commit) ?? []).compactMap { file in
            guard !store.holds(changes, in: file) else { return nil }
            return "state/\(owner)/\(file.path): the batch, run again, gives another state"
        }
    }

    private func recorded(in commit: CommitEntry?) -> [FileReceipt]? {
        commit?.state.filter { $0.owner == owner }.map(\.receipt)
    }
}

/// What a batch changed in a table, to be written: nothing of it changes any more.
struct ChangedState: Sendable {
    let owner: String
    fileprivate let store: StateStore
    fileprivate let changes: StateChanges

    /// Writes the changes aside.
    func stage() throws -> StagedState { try store.stage(changes) }
}
