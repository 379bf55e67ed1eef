import ConnectorAPI
import Storage

/// A batch whose transaction waits for its COMMIT.
// `@unchecked`: used by one thread at a time, as its sink.
final class PreparedTransaction: PreparedBatch, @unchecked Sendable {
    private let sink: PostgresSink
    let number: Int64
    let rejected: Int
    private let receipt: String
    private var isCommitted = false

    init(_ sink: PostgresSink, _ number: Int64, receipt: String, rejected: Int) {
        self.sink = sink
        self.number = number
        self.receipt = receipt
        self.rejected = rejected
    }

    func commit() throws(ConnectorError) -> [SinkReceipt] {
        if !isCommitted { try sink.commit(self) }
        isCommitted = true
        return [.external(receipt)]
    }

    func abort() { sink.rollback() }
}

/// A batch that the table has.
struct KnownBatch: PreparedBatch {
    let receipt: String

    func commit() -> [SinkReceipt] { [.external(receipt)] }
    func abort() {}
}
