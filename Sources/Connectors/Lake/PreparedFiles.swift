import ConnectorAPI
import Lake
import Storage
import Synchronization

/// A batch of a table whose files wait for their names.
final class PreparedFiles: PreparedBatch {
    private let publish: @Sendable () throws -> [FileReceipt]
    private let discard: @Sendable () -> Void
    private let end: @Sendable ([FileReceipt]) -> Void
    private let receipts = Mutex<[SinkReceipt]?>(nil)
    private let hasEnded = Mutex(false)

    /// A batch that `publish` makes visible, and `discard` leaves nothing of.
    ///
    /// `end` is told once what was published: nothing of a batch that failed or was discarded.
    init(
        publish: @escaping @Sendable () throws -> [FileReceipt],
        discard: @escaping @Sendable () -> Void,
        end: @escaping @Sendable ([FileReceipt]) -> Void = { _ in }
    ) {
        self.publish = publish
        self.discard = discard
        self.end = end
    }

    deinit { endOnce([]) }

    /// Gives the files their names.
    func commit() throws(ConnectorError) -> [SinkReceipt] {
        if let receipts = receipts.withLock({ $0 }) { return receipts }
        let published: [FileReceipt]
        do throws(ConnectorError) {
            published = try connectorErrors { try publish() }
        } catch {
            endOnce([])
            throw error
        }
        endOnce(published)
        let receipts = published.map(SinkReceipt.file)
        self.receipts.withLock { $0 = receipts }
        return receipts
    }

    /// Removes the files.
    func abort() {
        discard()
        endOnce([])
    }

    private func endOnce(_ published: [FileReceipt]) {
        let isFirst = hasEnded.withLock { hasEnded in
            defer { hasEnded = true }
            return !hasEnded
        }
        if isFirst { end(published) }
    }
}

/// A table that is made when a job begins, and taken away again when it cannot.
final class TableMaking: Sendable {
    private let made = Mutex<MadeTable?>(nil)

    /// Makes the table; a second attempt, behind a fault of what follows, finds it there.
    func make(_ table: () throws -> MadeTable) throws(ConnectorError) {
        let made = try connectorErrors { try table() }
        self.made.withLock { first in
            if first == nil { first = made }
        }
    }

    /// Takes away what was made.
    func takeAway() { made.withLock { $0.take() }?.takeAway() }
}
