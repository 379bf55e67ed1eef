import ConnectorAPI
import Storage
import Synchronization
import TestSupport

/// The sinks of an engine, of which each does something wrong on purpose.
final class Sabotage: Sendable {
    let action: Mutant.Action
    private let prepared = Mutex<[any PreparedBatch]>([])

    /// Nil for what is not a sink's to do wrong.
    init?(_ mutant: Mutant?) {
        switch mutant?.action {
        case .committedInPrepare?, .committedBeforeOthers?, .abortIgnored?, .recoverySkipped?:
            action = mutant?.action ?? .abortIgnored
        default: return nil
        }
    }

    /// Commits what other sinks have prepared, and remembers what this one has.
    fileprivate func overtake(with next: any PreparedBatch) throws(ConnectorError) {
        let waiting = prepared.withLock { all in
            defer { all = [next] }
            return all
        }
        for batch in waiting { _ = try batch.commit() }
    }
}

/// A sink that does one thing wrong.
final class SabotagedSink: Sink {
    private let sink: any Sink
    private let sabotage: Sabotage

    init(_ sink: any Sink, _ sabotage: Sabotage) {
        self.sink = sink
        self.sabotage = sabotage
    }

    var id: SinkID { sink.id }
    var description: String { sink.description }
    var history: SinkHistory { sink.history }

    func recover(_ last: SinkRecovery) throws(ConnectorError) {
        // Without a table there is nothing to look at.
        if sabotage.action == .recoverySkipped && last.committed != nil { return }
        try sink.recover(last)
    }

    func withdraw() { sink.withdraw() }

    func prepare(_ batch: SinkBatch) throws(ConnectorError) -> any PreparedBatch {
        let prepared = try sink.prepare(batch)
        switch sabotage.action {
        case .committedInPrepare: _ = try prepared.commit()
        case .committedBeforeOthers: try sabotage.overtake(with: prepared)
        case .abortIgnored: return KeptBatch(batch: prepared)
        default: break
        }
        return prepared
    }

    func verify(
        _ batch: SinkBatch, _ receipts: [SinkReceipt]
    ) throws(ConnectorError) -> [String] {
        try sink.verify(batch, receipts)
    }

    var isMaintained: Bool { sink.isMaintained }

    func maintain(_ moment: CheckpointMoment) throws(ConnectorError) -> Bool {
        try sink.maintain(moment)
    }

    func close() { sink.close() }
}

/// A batch of which everything stays when it is aborted.
private struct KeptBatch: PreparedBatch {
    let batch: any PreparedBatch

    func commit() throws(ConnectorError) -> [SinkReceipt] { try batch.commit() }
    func abort() {}
}
