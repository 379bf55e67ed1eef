import Columnar
public import ConnectorAPI
public import Lake
public import Storage
import Synchronization

/// A Delta Lake table as a sink: every batch is a commit.
public final class DeltaSink: Sink {
    /// Which sink of its job it is.
    public let id: SinkID
    private let table: DeltaTable
    private let keys: [String]
    private let files: any FileSystem
    private let rule: CompactionRule?
    private let time: any TimeSource
    /// Files that were added since it was looked for small ones; before the first look all that
    /// there are.
    private let added = Mutex(Int.max)
    private let making = TableMaking()

    /// A sink into an open table; given keys, a batch's rows replace those of the same key, and
    /// given a rule, its files are kept few.
    public init(
        _ id: SinkID, _ table: DeltaTable, upsertKeys keys: [String] = [], _ files: any FileSystem,
        compaction rule: CompactionRule? = nil, time: any TimeSource = SystemTime()
    ) {
        self.id = id
        self.table = table
        self.keys = keys
        self.files = files
        self.rule = rule
        self.time = time
    }

    /// `delta[path]`.
    public var description: String { "delta[\(table.path)]" }
    /// The files of earlier versions stay, whatever the newest has.
    public var history: SinkHistory { .everyBatch }
    /// Where files are kept few.
    public var isMaintained: Bool { rule != nil }

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
        } end: { [self] published in
            added.withLock { $0 = $0.addingClamped(published.count) }
        }
    }

    /// Puts the next small files together.
    public func maintain(_ moment: CheckpointMoment) throws(ConnectorError) -> Bool {
        guard let rule, added.withLock({ $0 >= rule.filesMin }) else { return false }
        added.withLock { $0 = 0 }
        let done = try connectorErrors {
            try table.compactNext(rule, timestampMs: time.nowMicros() / 1_000)
        }
        // There may be more, and what became of these may be due in turn.
        if done != nil { added.withLock { $0 = $0.addingClamped(rule.filesMin) } }
        return done != nil
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
