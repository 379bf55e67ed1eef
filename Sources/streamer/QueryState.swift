import Checkpoints
import CommandLine
import Jobs
import KeyedState
import Operators
import Storage

/// The job that a checkpoint recorded, planned: what its state means.
func recordedJob(of place: CheckpointPlace) throws -> PlannedJob {
    try plannedJob(place.recordedJob())
}

/// One state of a query, which the checkpoint keeps under its owner's name.
struct QueryState {
    /// The operator that keeps it, without rows.
    let operation: any StreamOperator
    /// What it keeps.
    let state: OperatorState
    /// Its name.
    let owner: String

    /// The states of a query: its own comes first.
    static func all(of query: PlannedQuery) -> [QueryState] {
        let nodes = query.operators(watermarkDelayMs: nil).nodes(reading: .sources([0]), from: 0)
        return nodes.reversed().flatMap { node in
            node.operation.state.map {
                QueryState(
                    operation: node.operation, state: $0, owner: $0.owner(query: query.name))
            }
        }
    }

    /// Makes it what it was after a batch.
    ///
    /// - Parameters:
    ///   - place: the checkpoint.
    ///   - batch: the batch after which to look; nil for the newest committed one.
    /// - Returns: the batch.
    /// - Throws: a mistake for a batch that is not kept; what reading the checkpoint throws.
    func restore(from place: CheckpointPlace, after batch: BatchID?) throws -> BatchID {
        try restoreState(state, of: owner, in: place, after: batch)
    }
}

/// Restores a table of state as it was after a batch, by default the newest committed one.
private func restoreState(
    _ state: OperatorState, of owner: String, in place: CheckpointPlace, after batch: BatchID?
) throws -> BatchID {
    let committed = try place.reader.committedBatches()
    guard let newest = committed.last else {
        throw UsageError("\(place.path) has no committed batch yet")
    }
    let wanted = batch ?? newest
    guard committed.contains(wanted) else {
        throw UsageError(
            "batch \(wanted) is not among the committed ones that are kept: "
                + "\(committed[0]) to \(newest)")
    }
    let store = StateStore(
        directory: try place.reader.stateDirectory().appending(owner),
        fileSystem: machineFiles, fingerprint: state.fingerprint, order: state.order)
    let known = Set(committed)
    var failure: (any Error)?
    try store.restore(state.table, toVersion: wanted.number + 1) { number in
        guard known.contains(BatchID(number)) else { return nil }
        do {
            let commit = try place.reader.commit(BatchID(number))
            return commit.state.filter { $0.owner == owner }.map(\.receipt)
        } catch {
            failure = error
            return nil
        }
    }
    if let failure { throw failure }
    return wanted
}
