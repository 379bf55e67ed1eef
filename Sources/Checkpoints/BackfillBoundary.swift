import JSON
public import Storage

/// Where a source goes over from a directory of history to the log.
public struct BackfillBoundary: Sendable, Equatable {
    /// The event time, µs, from which on rows are the log's.
    public let until: Int64
    /// One past the history's last offset.
    public let historyEnd: Int64
    /// The log's offset that follows it.
    public let logStart: Int64

    /// A hand-off.
    public init(until: Int64, historyEnd: Int64, logStart: Int64) {
        self.until = until
        self.historyEnd = historyEnd
        self.logStart = logStart
    }

    /// The source's offset for one of the log.
    public func offset(ofLog logOffset: Int64) -> Int64 {
        historyEnd + max(0, logOffset - logStart)
    }

    /// The log's offset for one of the source; where the log is entered, for one of the history.
    public func logOffset(of offset: Int64) -> Int64 { logStart + max(0, offset - historyEnd) }
}

/// The hand-off of one source, made once: `checkpoints/<job>/sources/<name>.handoff`, text like an
/// entry of a batch.
public struct BackfillBoundaryRecord: Sendable {
    private let checkpoint: Path
    private let source: String
    private let files: any FileSystem
    private static let bytesMax = 4_096
    static let suffix = ".handoff"

    /// The record of a source.
    public init(checkpoint: Path, source: String, files: any FileSystem) {
        self.checkpoint = checkpoint
        self.source = source
        self.files = files
    }

    private func path() throws(StorageError) -> Path {
        try checkpoint.appending(SourceLog.folder).appending(source + Self.suffix)
    }

    /// The hand-off; `nil` before it is made.
    public func read() throws -> BackfillBoundary? {
        let path = try path()
        guard let bytes = try files.readOwnIfThere(path, maxBytes: Self.bytesMax) else {
            return nil
        }
        let lines = try EntryText.decode(bytes, path: path)
        let fields = try EntryFields(lines.first, path: path)
        return BackfillBoundary(
            until: try fields.int64("untilMicros"), historyEnd: try fields.int64("historyEnd"),
            logStart: try fields.int64("logStart"))
    }

    /// Makes the hand-off durable, for good.
    public func write(_ boundary: BackfillBoundary) throws -> BackfillBoundary {
        let path = try path()
        try files.createDirectories(path.parent)
        let text = JSONValue.object([
            ("untilMicros", .integer(boundary.until)),
            ("historyEnd", .integer(boundary.historyEnd)),
            ("logStart", .integer(boundary.logStart)),
        ]).text()
        try files.createAtomically(path, mode: .createNew, contents: EntryText.encode([text]))
        return boundary
    }
}
