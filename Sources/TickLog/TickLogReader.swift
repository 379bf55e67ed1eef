public import Columnar
public import Storage
import Synchronization

/// Reads a tick log: any number of readers, in any process, beside one writer.
///
/// A reader sees exactly the rows that are durable. It learns how far that is from the file
/// `durable`, which the writer overwrites after each sync: `refresh()` is one small read. Thread
/// safe.
public final class TickLogReader: Sendable {
    struct State {
        var mark: HighWatermark
        /// The segments, oldest first; the last is the active one.
        var segments: [ReaderSegment]
        /// The journals behind them, oldest first.
        var journals: [ReaderJournal]
        /// Of `segments`: it is stale when the high watermark has another.
        var generation: Int64
    }

    /// The columns of the log.
    public var schema: Schema { log.schema }
    /// The name of the column that holds the event time.
    public var timeColumn: String { log.timeColumn }
    /// The log's identity.
    public var uuid: String { log.uuid }
    /// The directory of the log.
    public let path: Path

    let log: LogDescription
    let files: any FileSystem
    private let markFile: any ReadFile
    let state: Mutex<State>
    let lastDecoded = Mutex<DecodedGroup?>(nil)

    /// Opens a log for reading.
    ///
    /// After a loss of power the file `durable` may be older than the rows: then the reader does not
    /// see the rows behind it until a writer has opened the log, see `TickLogWriter.mend`.
    ///
    /// - Parameters:
    ///   - path: the directory of the log.
    ///   - files: where it lies.
    /// - Throws: `.notFound` when there is none; `.damaged` when its files contradict one another.
    public init(
        _ path: Path, _ files: any FileSystem
    ) throws(TickLogError) {
        self.path = path
        self.files = files
        let log = try LogDirectory.description(path, files)
        self.log = log
        let markFile = try storage { () throws(StorageError) in
            try files.openOwn(path.appending(HighWatermark.fileName))
        }
        self.markFile = markFile
        let found = try Self.scan(markFile, path, log, files)
        state = Mutex(
            State(
                mark: found.mark, segments: found.segments.map { ReaderSegment(baseOffset: $0) },
                journals: found.journals.map { ReaderJournal(baseOffset: $0) },
                generation: found.mark.generation))
    }

    /// The offset of the first row that is kept, as of the last refresh.
    public var startOffset: Int64 { state.withLock { $0.mark.startOffset } }

    /// The offset after the last durable row, as of the last refresh.
    public var endOffset: Int64 { state.withLock { $0.mark.endOffset } }

    /// Looks how far the log is durable by now and returns that offset.
    ///
    /// - Complexity: one read of 64 bytes; more only when there is a new segment.
    @discardableResult
    public func refresh() throws(TickLogError) -> Int64 {
        let mark = try Self.readHighWatermark(markFile, path, seed: log.seed)
        return try state.withLock { (state) throws(TickLogError) in
            // Another thread may have seen a later one in the meantime.
            guard mark.endOffset >= state.mark.endOffset else { return state.mark.endOffset }
            if mark.generation != state.generation {
                try catchUp(&state)
            } else {
                state.mark = mark
            }
            return state.mark.endOffset
        }
    }

    /// Runs work on the segments.
    ///
    /// When it fails while they came, went or were rewritten, it is run again on what is there now.
    func withSegments<Result: Sendable>(
        _ work: (inout State) throws(TickLogError) -> Result
    ) throws(TickLogError) -> Result {
        try state.withLock { (state) throws(TickLogError) in
            while true {
                do throws(TickLogError) {
                    return try work(&state)
                } catch {
                    guard error.code == .damaged || error.code == .storage else { throw error }
                    let generation = state.generation
                    try catchUp(&state)
                    if state.generation == generation { throw error }
                }
            }
        }
    }

    /// Takes in the high watermark and the files as they are now.
    private func catchUp(_ state: inout State) throws(TickLogError) {
        let found = try Self.scan(markFile, path, log, files)
        if found.mark.generation == state.generation { return }
        var segments: [Int64: ReaderSegment] = [:]
        for segment in state.segments { segments[segment.baseOffset] = segment }
        var journals: [Int64: ReaderJournal] = [:]
        for journal in state.journals { journals[journal.baseOffset] = journal }
        state.segments = found.segments.map { segments[$0] ?? ReaderSegment(baseOffset: $0) }
        state.journals = found.journals.map { journals[$0] ?? ReaderJournal(baseOffset: $0) }
        state.mark = found.mark
        state.generation = found.mark.generation
    }

    /// The high watermark and the files that go with it, by the offsets of their first rows.
    private struct Found {
        let mark: HighWatermark
        let segments: [Int64]
        let journals: [Int64]
    }

    private static func scan(
        _ markFile: any ReadFile, _ path: Path, _ log: LogDescription, _ files: any FileSystem
    ) throws(TickLogError) -> Found {
        var mark = try readHighWatermark(markFile, path, seed: log.seed)
        while true {
            do throws(TickLogError) {
                return try found(path, files, mark)
            } catch {
                // The writer may have been at work between the two looks.
                let now = try readHighWatermark(markFile, path, seed: log.seed)
                if now.generation == mark.generation { throw error }
                mark = now
            }
        }
    }

    private static func readHighWatermark(
        _ file: any ReadFile, _ path: Path, seed: UInt64
    ) throws(TickLogError) -> HighWatermark {
        // A write in progress shows as a checksum that does not fit.
        for _ in 0..<100 {
            let bytes = try storage { () throws(StorageError) in
                try file.readUpTo(HighWatermark.byteCount, at: 0)
            }
            if let mark = HighWatermark(bytes, seed: seed) { return mark }
        }
        throw TickLogError(
            .damaged,
            "the file '\(HighWatermark.fileName)' does not match its checksum; append to the log "
                + "(or open it for that): what is durable is then found out from its segments",
            file: path)
    }

    private static func found(
        _ directory: Path, _ files: any FileSystem, _ mark: HighWatermark
    ) throws(TickLogError) -> Found {
        let entries = try storage { () throws(StorageError) in try files.list(directory) }
            .filter { $0.kind == .file }
        // A journal that was folded may still be there.
        let first = mark.journals?.segmentEnd ?? .max
        let journals = entries.compactMap { JournalFile.baseOffset(ofFile: $0.name) }
            .filter { $0 >= first && $0 <= mark.journals?.base ?? -1 }.sorted()
        let bases = entries.compactMap { SegmentHeader.baseOffset(ofFile: $0.name) }
            .filter { $0 >= mark.startOffset && $0 <= mark.segmentBase }.sorted()
        guard bases.first == mark.startOffset, bases.last == mark.segmentBase else {
            throw TickLogError(
                .damaged,
                "a segment is missing: the first one, of offset \(mark.startOffset), or the last "
                    + "one, of offset \(mark.segmentBase); restore it from a copy",
                file: directory)
        }
        if let known = mark.journals {
            guard journals.first == known.segmentEnd, journals.last == known.base else {
                throw TickLogError(
                    .damaged,
                    "a journal is missing: the first one, of offset \(known.segmentEnd), or the "
                        + "last one, of offset \(known.base); restore it from a copy",
                    file: directory)
            }
        }
        return Found(mark: mark, segments: bases, journals: journals)
    }
}

/// A segment as a reader knows it; its file is mapped when it is first read.
struct ReaderSegment {
    let baseOffset: Int64
    var file: SegmentFile?
    /// The groups known so far.
    var groups: [GroupEntry] = []
    /// For each group, whether its checksum was looked at.
    var verified: [Bool] = []
    /// Whether `groups` is all there will ever be.
    var isComplete = false
    /// The bytes of `file` up to here were given back to the machine.
    var releasedBytes = 0

    init(baseOffset: Int64) { self.baseOffset = baseOffset }
}
