public import Columnar
public import Storage

/// A place where one query's results go.
///
/// A batch goes to it in two phases: `prepare` does all work that can fail, and shows nothing; when
/// every sink of the job has prepared, `commit` makes the batch visible. A batch that was begun and
/// not committed in the checkpoint comes again, with the same rows; it then leaves what it would
/// have left the first time.
///
/// One thread at a time calls a sink; which one may change. `maintain` alone may be called by
/// another one beside the others, in between `prepare` and `commit`, too.
public protocol Sink: AnyObject, Sendable {
    /// Which sink of its job it is: what commits name it by.
    var id: SinkID { get }

    /// What the sink is, for people: `parquet[lake/ohlcv]`. Free to change.
    var description: String { get }

    /// What of its batches is still there to be compared.
    var history: SinkHistory { get }

    /// For how long a call that failed, and that may be tried again, is tried again; milliseconds.
    var retryMsMax: Int64 { get }

    /// What it has counted since it was opened, by name: rows that it refused, calls that were
    /// tried again. Asked when a batch is committed, for its report.
    var metrics: [(name: String, value: Int64)] { get }

    /// Makes the sink ready for batches: called once, before the first.
    ///
    /// First it keeps earlier writers out, then it looks at what they left, and makes what is
    /// missing.
    /// - Parameter last: where the checkpoint stands.
    /// - Throws: when the sink cannot go on from there; what was made for it is taken away again.
    func recover(_ last: SinkRecovery) throws(ConnectorError)

    /// Takes away what `recover` made where nothing was: the job could not begin.
    ///
    /// Called instead of the first batch. What cannot be taken away stays.
    func withdraw()

    /// Does everything for a batch that can be done before anybody sees it.
    ///
    /// - Returns: the batch, to be committed or aborted.
    /// - Throws: when that fails; nothing is left behind then.
    func prepare(_ batch: SinkBatch) throws(ConnectorError) -> any PreparedBatch

    /// Computes what the batch would publish and compares it with what is published.
    ///
    /// Changes nothing.
    /// - Parameters:
    ///   - batch: the batch, run again.
    ///   - receipts: what its commit recorded.
    /// - Returns: a sentence for each difference, none when every byte is the same.
    /// - Throws: when what is published cannot be read.
    func verify(
        _ batch: SinkBatch, _ receipts: [SinkReceipt]
    ) throws(ConnectorError) -> [String]

    /// Whether it has work to do beside batches.
    var isMaintained: Bool { get }

    /// Does one piece of work on what batches have left, such as compaction, which changes no row.
    ///
    /// Called again and again, by one thread at a time, while batches come; never before `recover`.
    /// - Parameter moment: how far the checkpoint is by now.
    /// - Returns: whether there was something to do.
    /// - Throws: when that failed; everything is as it was, unless a sync failed.
    func maintain(_ moment: CheckpointMoment) throws(ConnectorError) -> Bool

    /// Gives up whatever the sink holds; nothing is called afterwards.
    func close()
}

extension Sink {
    /// Ten minutes.
    public var retryMsMax: Int64 { 600_000 }

    /// Nothing.
    public var metrics: [(name: String, value: Int64)] { [] }

    /// Nothing: a sink that makes nothing before its first batch.
    public func withdraw() {}

    /// Not.
    public var isMaintained: Bool { false }

    /// Does nothing.
    public func maintain(_ moment: CheckpointMoment) throws(ConnectorError) -> Bool { false }

    /// Does nothing.
    public func close() {}
}

/// What a sink left behind for one batch, as the commit remembers it.
public typealias SinkReceipt = Receipt

/// What a sink keeps of the batches before the newest.
public enum SinkHistory: Hashable, Sendable {
    /// All of them.
    case everyBatch
    /// None: each takes the place of the one before.
    case newestBatch
}

/// Where a checkpoint stands when a sink is opened on it.
public struct SinkRecovery: Sendable {
    /// The newest committed batch; nil before the first.
    public let committed: BatchID?
    /// The batch that was planned and not committed, if there is one: the sink may have any part
    /// of it, or all.
    public let open: BatchID?
    /// What the newest commit that knows of the sink remembers of it.
    public let receipts: [SinkReceipt]
    /// What the user says of the open batch, for a sink that cannot find out.
    public let assume: Assumption?

    /// Where a checkpoint stands.
    public init(
        committed: BatchID? = nil, open: BatchID? = nil, receipts: [SinkReceipt] = [],
        assume: Assumption? = nil
    ) {
        self.committed = committed
        self.open = open
        self.receipts = receipts
        self.assume = assume
    }
}

/// How far a checkpoint is.
public struct CheckpointMoment: Hashable, Sendable {
    /// The newest batch that is committed, which never runs again.
    public let committed: BatchID
    /// The oldest batch whose receipts the checkpoint may still have.
    public let keptFrom: BatchID

    /// A moment of a checkpoint.
    public init(committed: BatchID, keptFrom: BatchID) {
        self.committed = committed
        self.keptFrom = keptFrom
    }
}

/// What is to be taken for the truth of a batch whose outcome cannot be found out.
public enum Assumption: Hashable, Sendable {
    /// It was published.
    case published
    /// It was not.
    case unpublished
}

/// Whether a batch may have been begun before.
public enum Attempt: Hashable, Sendable {
    /// It is new.
    case first
    /// An earlier attempt may have left something, which must not remain beside what this one
    /// leaves.
    case repeated
}

/// A batch's rows for one sink.
public struct SinkBatch: Sendable {
    /// The batch.
    public let number: BatchID
    /// Its rows, the same whenever it is run.
    public let rows: RecordBatch
    /// Its time as the plan recorded it, since the epoch; the same whenever it is run.
    public let plannedAt: Milliseconds
    /// Whether it may have been begun before.
    public let attempt: Attempt

    /// Rows for a sink.
    public init(number: BatchID, rows: RecordBatch, plannedAt: Milliseconds, attempt: Attempt) {
        self.number = number
        self.rows = rows
        self.plannedAt = plannedAt
        self.attempt = attempt
    }
}

/// A batch that a sink has prepared.
public protocol PreparedBatch: Sendable {
    /// Makes the batch visible, whole, at once; when it returns the batch is durable.
    ///
    /// Once it has succeeded it may be called again, and gives the same.
    /// - Returns: what the commit has to remember.
    /// - Throws: when the batch is not visible whole, or nobody knows; `abort` is not called then.
    ///   Where trying again can help, its sink prepares the batch once more, alone; else the batch
    ///   runs again.
    func commit() throws(ConnectorError) -> [SinkReceipt]

    /// Leaves nothing of a batch that `commit` was not called for.
    func abort()

    /// Files whose bytes a checkpoint's record may carry in place of their own sync.
    var small: [StagedFile] { get }
}

extension PreparedBatch {
    /// None.
    public var small: [StagedFile] { [] }
}

/// A sink that can show rows while their batch is still running.
///
/// What it shows may come again: a batch that fails shows its rows again when it runs again.
public protocol LiveSink: Sink {
    /// Whether anybody looks: rows are computed for nobody otherwise.
    ///
    /// Asked by the engine's thread, often; the answer may change at any time.
    var isWatched: Bool { get }

    /// Whether it would take rows at this moment. Until it would, changes come together.
    var wantsRows: Bool { get }

    /// Whether it takes rows that may yet change of every query, also of one in output mode
    /// `append`. It gets a batch's rows when the batch is committed, as every sink does; one that
    /// does not has been shown them by then.
    var takesProvisional: Bool { get }

    /// Shows rows that are new, or whose values changed, since the last call for the batch.
    func show(_ update: LiveUpdate)
}

extension LiveSink {
    /// Always: a sink in front of somebody.
    public var isWatched: Bool { true }
    /// Always: a sink that shows what there is at once.
    public var wantsRows: Bool { isWatched }
    /// Not: a sink that shows each row of a result once.
    public var takesProvisional: Bool { false }
}

/// Rows that are new, or changed, in a batch that is still running.
public struct LiveUpdate: Sendable {
    /// The batch.
    public let number: BatchID
    /// The rows.
    public let rows: RecordBatch

    /// Rows of a batch.
    public init(number: BatchID, rows: RecordBatch) {
        self.number = number
        self.rows = rows
    }
}
