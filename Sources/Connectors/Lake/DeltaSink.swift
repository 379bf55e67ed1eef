public import Columnar
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

    /// Commits a batch, unless the table has it already.
    public func write(
        batch: Int64, rows: RecordBatch, timestampMs: Int64, isRerun: Bool
    ) throws -> [SinkReceipt] {
        try table.write(batch: batch, rows: rows, keys: keys, timestampMs: timestampMs)
            .map(SinkReceipt.file)
    }

    /// Compares the files that the batch's rows make with those in place, and both with what the
    /// commit recorded; the log entry too.
    public func verify(
        batch: Int64, rows: RecordBatch, receipts: [SinkReceipt]
    ) throws -> [String] {
        let staged = try table.restage(batch: batch, rows: rows, keys: keys)
        defer { staged.discard(files) }
        let logged = try table.receipts(of: batch)
        guard logged.map(SinkReceipt.file) == receipts else {
            return ["\(table.path): the log does not hold what the batch committed"]
        }
        // The last is the log entry, which was read just now.
        return try differences(
            computed: staged.receipts, recorded: logged.dropLast(),
            at: table.path, files)
    }
}
