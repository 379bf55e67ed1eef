public import Columnar
public import Storage
import Synchronization

// The directory of a log:
//
//     log.json                        what the log is (LogDescription.swift)
//     00000000000000000000.arrows     segments, named by their base offset (SegmentHeader.swift)
//     00000000000000065536.journal    the newest rows of small appends (Journal/JournalFile.swift)
//     durable                         how far the log is durable (HighWatermark.swift)
//     positions                       of feeds that came further without rows
//                                     (TickLogWriter+Positions.swift)
//     LOCK                            held by the writer
//
// Invariants of a writer:
// - startOffset <= durableOffset <= endOffset; offsets are never given twice.
// - The active segment's first `writtenBytes` bytes are whole groups; the first `durableBytes` of
//   them were synced, and end where an append ended.
// - `chain` is the checksum of the last group or frame written; `producers` is as of `endOffset`.
// - Rows from `segmentEnd` on lie in `journals`, which follow one another without gap; all but the
//   last are durable. While there is one, no group is written but by folding.
// - The active segment is written only by who holds `maintenance`, which is locked before `state`.

/// How a writer lays out a log.
public struct TickLogOptions: Sendable {
    /// A segment that has grown to this many bytes takes no more rows.
    public var segmentBytesMax: Int
    /// The most rows of one group; larger appends are split.
    public var groupRowsMax: Int
    /// Where small appends go; `nil` makes a group of each.
    public var journal: JournalOptions?
    /// Whether somebody calls ``TickLogWriter/foldNext()`` beside the appends; otherwise a journal is
    /// folded by the append that finds it full.
    public var isMaintained = false

    /// Options; by default segments of 64 MiB and groups of 65,536 rows.
    public init(
        segmentBytesMax: Int = 64 << 20, groupRowsMax: Int = 1 << 16,
        journal: JournalOptions? = nil
    ) {
        self.segmentBytesMax = segmentBytesMax
        self.groupRowsMax = groupRowsMax
        self.journal = journal
    }
}

/// How small appends are kept until they are many.
public struct JournalOptions: Sendable {
    /// An append of fewer rows is a small one.
    public var appendRowsMax = 4_096
    /// A journal that holds so many rows is full: they become one group of a segment.
    public var rowsMax = 1 << 16
    /// A journal that has grown to this many bytes is full.
    public var bytesMax = 4 << 20
    /// How many full journals may wait to be folded before an append waits for it.
    public var pendingMax = 8

    /// Appends of fewer than 4,096 rows; journals of 65,536 rows or 4 MiB.
    public init() {}
}

/// What opening a log for writing had to mend.
public struct TickLogRecovery: Sendable, Hashable {
    /// Bytes of a torn append, never durable and never acknowledged, that were dropped.
    public var bytesDropped: Int64
    /// Whether the active segment was written anew to make its content durable.
    public var wasRewritten: Bool
}

/// The one writer of a tick log.
///
/// Thread safe.
///
/// Rows are durable after `sync()`, which makes everything appended so far durable at once (group
/// commit). Only then readers see them.
public final class TickLogWriter: Sendable {
    struct State: ~Copyable {
        var file: any AppendFile
        var header: SegmentHeader
        var writer: ArrowStreamWriter
        var writtenBytes: Int
        var durableBytes: Int
        var endOffset: Int64
        var durableOffset: Int64
        var startOffset: Int64
        var generation: Int64
        var chain: UInt64
        var groups: [GroupEntry]
        var dataChecksum: ChecksumStream
        var producers: [String: String]
        var rowless = RowlessPositions()
        /// Why this writer takes nothing any more.
        var failure: TickLogError?
        /// Where the active segment's rows end, what its next group follows, and how far producers
        /// have come there.
        var segmentEnd: Int64
        var segmentChain: UInt64
        var segmentProducers: [String: String]
        /// Whether all groups of the active segment are compressed, as far as is known.
        var isCompressed = false
        /// The newest rows; the last one takes more.
        var journals: [OpenJournal] = []
    }

    /// The columns of the log.
    public var schema: Schema { log.schema }
    /// The name of the column that holds the event time.
    public var timeColumn: String { log.timeColumn }
    /// The log's identity.
    public var uuid: String { log.uuid }
    /// The directory of the log.
    public let path: Path
    /// What opening the log had to mend.
    public let recovery: TickLogRecovery

    let log: LogDescription
    /// Where it lies.
    public let files: any FileSystem
    let options: TickLogOptions
    let time: any TimeSource
    private let lock: any FileLock
    let markFile: any AppendFile
    let state: Mutex<State>
    /// Held by who writes groups; the state is locked after it.
    let maintenance = Mutex(Maintenance())

    /// Creates an empty log; `TickLogWriter(path, …)` then opens it.
    ///
    /// - Parameters:
    ///   - path: the directory of the log; it is made if it is missing.
    ///   - schema: the columns.
    ///   - timeColumn: the column that holds the event time; a timestamp.
    ///   - uuid: the log's identity; random by default.
    ///   - files: where the log lies.
    /// - Throws: `.alreadyExists` when there is a log at the path, `.placeTaken` when there is
    ///   something else.
    public static func create(
        _ path: Path, schema: Schema, timeColumn: String, uuid: String? = nil,
        _ files: any FileSystem
    ) throws(TickLogError) {
        let log = try LogDescription(
            uuid: uuid ?? LogDescription.randomUUID(), schema: schema, timeColumn: timeColumn)
        try LogDirectory.refuseTaken(path, files)
        let missing = try storage { () throws(StorageError) in
            try files.missingDirectories(path)
        }
        // The lock keeps two creators apart.
        let lock: any FileLock
        do throws(StorageError) {
            try files.createDirectories(path)
            lock = try files.lock(path.appending(LogDirectory.lockName))
        } catch {
            for directory in missing { try? files.removeIfEmpty(directory) }
            throw TickLogError(error)
        }
        defer { lock.release() }
        let description = try storage { () throws(StorageError) in
            try path.appending(LogDescription.fileName)
        }
        guard try !storage({ () throws(StorageError) in try files.isTaken(description) }) else {
            throw TickLogError(.alreadyExists, "there is a tick log already", file: path)
        }
        try LogDirectory.refuseOrphans(path, files)
        let header = SegmentHeader(
            baseOffset: 0, previous: log.seed, last: nil, producers: [:]
        ).encode(log, ArrowStreamWriter(schema))
        let mark = HighWatermark(
            startOffset: 0, endOffset: 0, segmentBase: 0, segmentBytes: Int64(header.count),
            generation: 0)
        // The description comes last: a directory without it holds no log, whatever else is there.
        do throws(StorageError) {
            try files.createAtomically(
                path.appending(SegmentHeader.fileName(0)), mode: .replace, contents: header)
            try files.createAtomically(
                path.appending(HighWatermark.fileName), mode: .replace,
                contents: mark.bytes(seed: log.seed))
            try files.createAtomically(description, mode: .createNew, contents: log.text)
        } catch {
            removeFiles(of: path, directories: missing, files)
            throw TickLogError(error)
        }
    }

    /// Opens a log for appending: takes its lock and mends what a crash left.
    ///
    /// - Throws: `.locked` when there is another writer; `.damaged` when bytes that were durable
    ///   are not what was written: then nothing is changed.
    public init(
        _ path: Path, options: TickLogOptions = TickLogOptions(), _ files: any FileSystem,
        time: any TimeSource = SystemTime()
    ) throws(TickLogError) {
        precondition(
            options.groupRowsMax > 0 && options.groupRowsMax <= Int(Int32.max)
                && options.segmentBytesMax > 0, "a segment and a group need room for a row")
        self.path = path
        self.files = files
        self.options = options
        self.time = time
        let log = try LogDirectory.description(path, files)
        self.log = log
        lock = try storage { () throws(StorageError) in
            try files.lock(path.appending(LogDirectory.lockName))
        }
        let opened = try Self.recover(path, log, files)
        recovery = opened.recovery
        markFile = opened.markFile
        let needsSegment = opened.needsSegment
        let stale = opened.staleJournals
        state = Mutex(opened.state)
        try state.withLock { (state) throws(TickLogError) in
            state.rowless = try RowlessPositions.read(path, log, logged: state.producers, files)
            if needsSegment { try startSegment(&state) }
        }
        try takeInJournals(stale)
    }

    /// The offset after the last appended row, durable or not.
    public var endOffset: Int64 { state.withLock { $0.endOffset } }

    /// The offset after the last durable row.
    public var durableOffset: Int64 { state.withLock { $0.durableOffset } }

    /// The offset of the first row that is kept.
    public var startOffset: Int64 { state.withLock { $0.startOffset } }

    /// Gives up the lock.
    ///
    /// What is in journals becomes part of a segment first. Rows that were not synced may be lost;
    /// later calls throw.
    public func close() throws(TickLogError) {
        // What cannot be folded now is folded when the log is opened again.
        try? foldAll()
        try state.withLock { (state) throws(TickLogError) in
            state.failure =
                state.failure
                ?? TickLogError(.writerFailed, "the writer is closed", file: path)
            defer { lock.release() }
            try storage { () throws(StorageError) in
                for journal in state.journals { try journal.file?.close() }
                try state.file.close()
                try markFile.close()
            }
        }
    }

    /// Tells readers how far the log is durable.
    func publishDurable(_ state: inout State) throws(TickLogError) {
        let mark = HighWatermark(
            startOffset: state.startOffset, endOffset: state.durableOffset,
            segmentBase: state.header.baseOffset, segmentBytes: Int64(state.durableBytes),
            generation: state.generation,
            journals: state.journals.last.map {
                HighWatermark.Journals(
                    segmentEnd: state.segmentEnd, base: $0.baseOffset, bytes: Int64($0.durableBytes)
                )
            })
        try storage { () throws(StorageError) in
            try markFile.write(mark.bytes(seed: log.seed), at: 0)
        }
    }

    /// Makes sure that this is still the one writer and that it may write.
    func check(_ state: borrowing State) throws(TickLogError) {
        if let failure = state.failure { throw failure }
        try storage { () throws(StorageError) in try lock.verify() }
    }
}
