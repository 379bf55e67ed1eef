public import Columnar
public import Expressions
public import Storage

/// Who writes what a sink owns.
public struct SinkOwner: Hashable, Sendable {
    /// The identity of the checkpoint.
    public let checkpointID: String
    /// The query whose rows it gets, or what else gives it rows.
    public let query: String

    /// A writer of a checkpoint.
    public init(checkpointID: String, query: String) {
        self.checkpointID = checkpointID
        self.query = query
    }
}

/// Everything that a sink may need to open.
public struct SinkPlace: Sendable {
    /// The job's name.
    public let job: String
    /// Who writes.
    public let owner: SinkOwner
    /// The columns of the rows.
    public let schema: Schema
    /// Which rows of the result a batch hands on.
    public let mode: OutputMode
    /// The rest, which is the same for all sinks of a run.
    public let run: SinkRun

    /// What a sink of a query may need.
    public init(
        job: String, owner: SinkOwner, schema: Schema, mode: OutputMode, run: SinkRun
    ) {
        self.job = job
        self.owner = owner
        self.schema = schema
        self.mode = mode
        self.run = run
    }
}

extension SinkPlace {
    /// The id of a sink that writes a directory.
    ///
    /// - Parameters:
    ///   - word: the word of the sink's format.
    ///   - written: the directory, as the job writes it.
    ///   - path: the directory, as this run sees it.
    /// - Returns: what commits name the sink by.
    public func id(_ word: String, _ written: String, at path: Path) -> SinkID {
        SinkID(word, query: owner.query, place: written, at: path.string)
    }
}

/// What all sinks of a run have in common.
public struct SinkRun: Sendable {
    /// The file system.
    public let files: any FileSystem
    /// The clocks.
    public let time: any TimeSource
    /// The place that a path of the job means: under another folder where the run is told so.
    public let resolve: @Sendable (String) throws -> Path
    /// The value that a name stands for in a secret's `${NAME}`; it never enters a message.
    public let secrets: @Sendable (String) -> String?
    /// Where rows are shown to a person; `nil` where nobody watches.
    public let terminal: (any Terminal)?
    /// Whether the run ends by itself.
    public let isBounded: Bool
    /// Whether rows go to places outside the file system, too: not in a replay into a folder.
    public let reachesOutside: Bool
    /// Tells a person at once what a run goes on in spite of.
    ///
    /// That is a peer that is asked again, or an outcome that had to be found out. Any thread may
    /// call it.
    public let notice: @Sendable (String) -> Void

    /// What the sinks of a run may need.
    public init(
        files: any FileSystem, time: any TimeSource = SystemTime(),
        terminal: (any Terminal)? = nil, isBounded: Bool = true, reachesOutside: Bool = true,
        secrets: @escaping @Sendable (String) -> String? = { _ in nil },
        notice: @escaping @Sendable (String) -> Void = { _ in },
        resolve: @escaping @Sendable (String) throws -> Path = { try Path($0) }
    ) {
        self.files = files
        self.time = time
        self.terminal = terminal
        self.isBounded = isBounded
        self.reachesOutside = reachesOutside
        self.secrets = secrets
        self.notice = notice
        self.resolve = resolve
    }
}

/// Where rows are shown to a person.
public protocol Terminal: Sendable {
    /// Shows the first rows as a table.
    ///
    /// - Parameters:
    ///   - rows: the rows.
    ///   - title: what they are.
    ///   - rowsMax: how many are shown at most.
    ///   - cellMax: how many characters of a value are shown at most; `nil` is all.
    func show(_ rows: RecordBatch, title: String, rowsMax: Int, cellMax: Int?)

    /// Has something shown when the run has ended.
    func atEnd(_ show: @escaping @Sendable () -> Void)
}
