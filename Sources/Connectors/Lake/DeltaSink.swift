import Columnar
public import ConnectorAPI
public import Lake
public import Storage

/// A Delta Lake table as a sink: every batch is a commit.
public final class DeltaSink: Sink {
    /// Which sink of its job it is.
    public let id: SinkID
    private let table: DeltaTable
    private let keys: [String]
    private let files: any FileSystem
    private let making = TableMaking()

    /// A sink into an open table; given keys, a batch's rows replace those of the same key.
    public init(
        _ id: SinkID, _ table: DeltaTable, upsertKeys keys: [String] = [], _ files: any FileSystem
    ) {
        self.id = id
        self.table = table
        self.keys = keys
        self.files = files
    }

    /// `delta[path]`.
    public var description: String { "delta[\(table.path)]" }
    /// The files of earlier versions stay, whatever the newest has.
    public var history: SinkHistory { .everyBatch }

    /// Checks that the log holds the newest batch, and makes the table where there is none; the log
    /// says which batches it has.
    public func recover(_ last: SinkRecovery) throws(ConnectorError) {
        try connectorErrors { try table.check(last.receipts.compactMap(\.file)) }
        try making.make { try table.make() }
    }

    /// Takes the table away again.
    public func withdraw() { making.takeAway() }

    /// Writes a batch's files aside, unless the table has it already; its commit is one of the
    /// table's.
    public func prepare(_ batch: SinkBatch) throws(ConnectorError) -> any PreparedBatch {
        let table = table
        let prepared = try connectorErrors {
            try table.prepare(
                batch: batch.number.number, rows: batch.rows, keys: keys,
                timestampMs: batch.plannedAt.count)
        }
        return PreparedFiles {
            try table.commit(prepared)
        } discard: {
            table.discard(prepared)
        }
    }

    /// Compares the files that the batch's rows make with those in place, and both with what the
    /// commit recorded; the log entry too.
    public func verify(
        _ batch: SinkBatch, _ receipts: [SinkReceipt]
    ) throws(ConnectorError) -> [String] {
        try connectorErrors {
            let number = batch.number.number
            let staged = try table.restage(batch: number, rows: batch.rows, keys: keys)
            defer { staged.discard(files) }
            let logged = try table.receipts(of: number)
            guard logged.map(SinkReceipt.file) == receipts else {
                return ["\(table.path): the log does not hold what the batch committed"]
            }
            // The last is the log entry, which was read just now.
            return try differences(
                computed: staged.receipts, recorded: logged.dropLast(), at: table.path, files)
        }
    }
}
