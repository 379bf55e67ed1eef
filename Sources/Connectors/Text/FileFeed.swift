public import Columnar
public import ConnectorAPI
import Decoding
import FileSources
public import Storage

/// A feed from files: goes from file to file and keeps count of malformed records and their share.
///
/// ``FilePosition`` says where it is.
/// ``CSVFeed`` and ``JSONLinesFeed`` say what the files hold.
public class FileFeed: Feed {
    /// The columns of every batch.
    public final let schema: Schema
    /// The column that holds the event time.
    public final let eventTime: String
    /// From any place; never when one of the files is no regular file, such as standard input.
    public final let replay: Replay
    /// How many bytes are read at a time when nothing else is said.
    public static let readBytesDefault = 1 << 18

    let cursor: InputCursor
    let parser: any RecordParser
    private let columns: ColumnSet
    private let records: RecordLoop
    let columnsRead: [FeedColumn]
    private let input: FeedInput
    private let wait: InputWait

    // Where the feed is.
    /// Whether what comes before the first record of the open stream was read.
    private var hasBegun = false
    /// Where the records of the open stream begin.
    private(set) var recordsStart: Int64 = 0
    var line: Int64 = 1
    var rows: Int64 = 0
    var malformedCount: Int64 = 0
    /// The place in the stream that was left last, or in front of what is to be read again.
    var place: (offset: Int64, checksum: UInt64)?
    /// Files that begin with what was read of another one, and that one.
    var copies: [(path: String, original: String)] = []
    /// Files that are the beginning of another one that was read, and that one.
    var olderCopies: [(path: String, original: String)] = []

    /// What was read of files before they were read anew.
    var filesBefore = FilesRead()

    /// The malformed records of the batch under construction.
    private var malformed: [MalformedRecord] = []
    /// Where the last of them begins, and its line.
    private var lastMalformed: (place: (offset: Int64, checksum: UInt64), line: Int64)?
    /// Reasons of the first malformed records of this run, for the error that stops it.
    private var firstReasons: [String] = []
    /// A fault met behind rows that had to be delivered first.
    var pending: (any Error)?

    /// How many reasons a message gives, and how much of a record with each.
    private static let reasonsMax = 3
    private static let reasonTextMax = 80
    /// Records before the share counts.
    static let recordsBeforeShareCounts: Int64 = 1_000
    private static let batchRowsMax = 1 << 20
    private static let batchMalformedMax = 10_000

    init(
        from spec: some FileSpec, files: any FileSystem, time: any TimeSource, readBytes: Int
    ) throws {
        precondition(1...64 << 20 ~= readBytes, "a feed reads between 1 byte and 64 MiB at a time")
        schema = spec.schema
        eventTime = spec.eventTime
        input = spec.input
        columnsRead = spec.columns
        columns = try ColumnSet(spec.columns, schema: schema, files: files)
        parser = spec.makeParser(recordsAreLines: false)
        records = RecordLoop(parser, recordBytesMax: input.maxRecordBytes)
        let inputs = try expandInputs(input.paths, files: files)
        wait = InputWait(time)
        cursor = InputCursor(
            inputs, files: files, readBytes: readBytes, follows: input.follows, wait)
        replay = cursor.isReadable ? .from(spec.identity) : .never
    }

    /// Ends a wait for standard input or a pipe.
    public final var interrupt: @Sendable () -> Void {
        { [interrupt = wait.interrupt] in interrupt.ask() }
    }

    /// The next rows, or the end after the last file; idle only where a pipe has nothing yet.
    public final func next(
        rowsMax: Int, until deadline: MonotonicTime
    ) throws(ConnectorError) -> FeedStep {
        precondition(rowsMax > 0, "a batch has at least one row")
        if let pending { throw ConnectorError(pending) }
        wait.begin(until: deadline)
        let most = min(rowsMax, Self.batchRowsMax)
        columns.beginBatch(capacity: most)
        malformed = []
        let malformedBefore = malformedCount
        var progress = ParseProgress(rowsMax: most, line: line)
        var isAtEnd = false
        do {
            isAtEnd = try fill(&progress)
        } catch is NothingYet {
            if progress.rows == 0, malformed.isEmpty {
                line = progress.line
                return .idle(until: nil)
            }
        } catch {
            leaveOutHalfSkipped(&progress)
            // What came before the fault is whole: it is delivered first.
            guard progress.rows > 0 || !malformed.isEmpty else { throw ConnectorError(error) }
            pending = error
        }
        line = progress.line
        rows += Int64(progress.rows)
        if pending == nil { pending = tooManyMalformed() }
        if isAtEnd, progress.rows == 0, malformed.isEmpty {
            if let fault = noneParsed() { throw fault }
            return .ended
        }
        return .rows(
            FeedBatch(
                rows: columns.finishBatch(count: progress.rows),
                position: FeedPosition(replay.identity == nil ? "" : position.text),
                malformed: malformed, malformedBefore: malformedBefore))
    }

    /// Reads records until the batch is full; `true` at the end of all files.
    private func fill(_ progress: inout ParseProgress) throws -> Bool {
        while true {
            guard let window = cursor.window else {
                // Until a stream has begun, it is to be begun again, also where opening it failed.
                defer { if cursor.isAtStart { place = (0, ChecksumStream().value) } }
                guard try cursor.openNext() else { return true }
                continue
            }
            try begin(window, &progress)
            place = nil
            let stop = try records.run(
                window, into: columns, &progress,
                beforeReading: { [self] progress in
                    if progress.rows > 0 || !malformed.isEmpty { wait.end() }
                },
                onMalformed: { [self] record, progress in
                    take(record, window, progress)
                    return malformed.count < Self.batchMalformedMax
                        && !isOverLimit(rows: progress.rows)
                })
            guard case .endOfStream = stop else { return false }
            place = (window.offset, window.readChecksum())
            noteRead(of: window, isLeft: true)
            noteOlderCopy(window)
            hasBegun = false
            cursor.close()
        }
    }

    /// Goes back to the start of the files, with nothing read.
    func rewind() {
        cursor.rewind()
        (hasBegun, line, rows, malformedCount) = (false, 1, 0, 0)
        (place, pending) = (nil, nil)
    }

    /// Reads what comes before the first record of a stream that was just opened; `again` where some
    /// of it was read before.
    func begin(
        _ window: InputWindow, _ progress: inout ParseProgress, again: Bool = false
    ) throws {
        if hasBegun { return }
        if !again { try refuseRenamed() }
        try window.skipByteOrderMark()
        let lines: Int64
        do {
            lines = try parser.begin(window, input: cursor.input, columns: columns)
        } catch let fault as ConnectorError
            where fault.code == CSVParser.badHeader && cursor.input.entry != nil
        {
            throw ConnectorError(
                fault.code,
                fault.message + "; if it is none of the files to read, give a pattern for those "
                    + "that are: \(cursor.input.path):*.csv", at: fault.place)
        }
        progress.line = 1 + lines
        hasBegun = true
        recordsStart = window.offset
        cursor.noteBegun()
    }

    /// Notes how far the open file was read, once that is further than to its first record.
    func noteRead(of window: InputWindow, isLeft: Bool) {
        guard window.offset > recordsStart else { return }
        cursor.noteRead(upTo: window.offset, isLeft: isLeft)
    }

    private func take(
        _ record: RecordLoop.Malformed, _ window: InputWindow, _ progress: ParseProgress
    ) {
        lastMalformed = ((window.offset, window.readChecksum()), progress.line)
        malformedCount += 1
        let bytes = unsafe UnsafeRawBufferPointer(
            rebasing: window.unread.prefix(record.textBytes))
        let text = unsafe MalformedRecord.printable(bytes)
        if firstReasons.count < Self.reasonsMax {
            let shown = text.prefix(Self.reasonTextMax)
            firstReasons.append(
                "\(cursor.sourceName) line \(progress.line): \(record.reason), in '\(shown)"
                    + (shown.count < text.count ? "…'" : "'"))
        }
        malformed.append(
            MalformedRecord(
                reason: record.reason, source: cursor.sourceName, byteOffset: window.offset,
                line: progress.line, text: text))
    }

    /// A record that a fault kept from being skipped to its end is met again: it does not count.
    private func leaveOutHalfSkipped(_ progress: inout ParseProgress) {
        guard let window = cursor.window, window.isSkippingLine, let last = lastMalformed,
            !malformed.isEmpty
        else { return }
        malformed.removeLast()
        malformedCount -= 1
        progress.line = last.line
        place = last.place
    }

    private func isOverLimit(rows inBatch: Int = 0) -> Bool {
        let total = rows + Int64(inBatch) + malformedCount
        return total >= Self.recordsBeforeShareCounts
            && Double(malformedCount) > input.rejectsMaxShare * Double(total)
    }

    /// The fault of a feed of which too large a share of records does not parse.
    func tooManyMalformed() -> ConnectorError? {
        guard isOverLimit() else { return nil }
        let total = rows + malformedCount
        return ConnectorError(
            "tooManyRejects",
            "\(malformedCount) of \(total) rows do not parse, more than the share of "
                + "\(input.rejectsMaxShare) that rejects.maxShare allows: raise it to go on, or "
                + "correct the columns or the file and "
                + (rows > 0
                    ? "begin anew with another log, or with 'streamer clear JOB --log'"
                    : "read it again")
                + "; the records are in \(input.rejectsPath)\(reasons)")
    }

    /// The fault of a feed that has come to its end without a row.
    private func noneParsed() -> ConnectorError? {
        // A record whose array is empty parses, and is no row.
        guard rows == 0, malformedCount > 0, parser.fieldUse.emptyRecords == 0 else { return nil }
        let wanted = columnsRead.map(\.wanted).joined(separator: ", ")
        return ConnectorError(
            "noneParsed",
            "none of \(counted(malformedCount, "record")) parses, so there is no row; wanted are "
                + "\(wanted): "
                + "correct the columns or the file and read it again; the records are in "
                + "\(input.rejectsPath)\(reasons)")
    }

    private var reasons: String {
        firstReasons.isEmpty ? "" : "; the first: " + firstReasons.joined(separator: "; ")
    }
}
