public import Columnar
public import Storage

/// Everything that a source may need to open.
public struct SourcePlace: Sendable {
    /// The source's name in the job.
    public let name: String
    /// The job's checkpoint, in which a source may keep what it has found.
    public let checkpoint: Path
    /// Whether it may: not where it is only looked at, since a run may have the checkpoint.
    public var keepsFindings = true
    /// The columns that the rows must have, where something else decides them.
    public var columns: Schema?
    /// The file system.
    public let files: any FileSystem
    /// The clocks.
    public let time: any TimeSource
    /// The value of the secret that a text such as `${NAME}` asks for; it never enters a message.
    public let secrets: @Sendable (String) -> String?

    /// What a source of that name may need.
    public init(
        name: String, checkpoint: Path, files: any FileSystem, time: any TimeSource = SystemTime(),
        secrets: @escaping @Sendable (String) -> String? = { _ in nil }
    ) {
        self.name = name
        self.checkpoint = checkpoint
        self.files = files
        self.time = time
        self.secrets = secrets
    }
}

/// What is known of a source while nothing is changed.
public struct SourceStatus: Sendable {
    /// What it is, in a word: `log`, `directory`.
    public let word: String
    /// The offsets that are known.
    public let offsets: Range<Int64>
    /// Who adds to it, where that can be known; `nil` is nobody.
    public let writer: String?
    /// Files that are there and that no run has seen.
    public let newFiles: Int
    /// Whether rows come one by one, rather than file by file.
    public let growsByRows: Bool
    /// Whether offsets count bytes, not rows.
    public let countsBytes: Bool

    /// What is known of a source to which rows are added one by one.
    public init(_ word: String, rows offsets: Range<Int64>, writer: String?) {
        self.word = word
        self.offsets = offsets
        self.writer = writer
        newFiles = 0
        growsByRows = true
        countsBytes = false
    }

    /// What is known of a source to which whole files are added.
    public init(_ word: String, offsets: Range<Int64>, countsBytes: Bool, newFiles: Int) {
        self.word = word
        self.offsets = offsets
        self.newFiles = newFiles
        self.countsBytes = countsBytes
        writer = nil
        growsByRows = false
    }
}
