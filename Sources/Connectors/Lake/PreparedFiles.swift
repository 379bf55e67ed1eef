import ConnectorAPI
import Lake
import Storage
import Synchronization

/// A batch of a table whose files wait for their names.
final class PreparedFiles: PreparedBatch {
    private let publish: @Sendable () throws -> [FileReceipt]
    private let discard: @Sendable () -> Void
    private let receipts = Mutex<[SinkReceipt]?>(nil)

    /// A batch that `publish` makes visible, and `discard` leaves nothing of.
    init(
        publish: @escaping @Sendable () throws -> [FileReceipt],
        discard: @escaping @Sendable () -> Void
    ) {
        self.publish = publish
        self.discard = discard
    }

    /// Gives the files their names.
    func commit() throws(ConnectorError) -> [SinkReceipt] {
        if let receipts = receipts.withLock({ $0 }) { return receipts }
        let published = try connectorErrors { try publish().map(SinkReceipt.file) }
        receipts.withLock { $0 = published }
        return published
    }

    /// Removes the files.
    func abort() { discard() }
}

/// A table that is made when a job begins, and taken away again when it cannot.
final class TableMaking: Sendable {
    private let made = Mutex<MadeTable?>(nil)

    /// Makes the table.
    func make(_ table: () throws -> MadeTable) throws(ConnectorError) {
        let made = try connectorErrors { try table() }
        self.made.withLock { $0 = made }
    }

    /// Takes away what was made.
    func takeAway() { made.withLock { $0.take() }?.takeAway() }
}
