public import Columnar
public import ConnectorAPI
import Decoding
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
    private let parser: any RecordParser
    private let columns: ColumnSet
    private let records: RecordLoop
    private let columnsRead: [FeedColumn]
    private let input: FeedInput
    private let wait: InputWait

    // Where the feed is.
    /// Whether what comes before the first record of the open stream was read.
    private var hasBegun = false
    private var line: Int64 = 1
    private var rows: Int64 = 0
    private var malformedCount: Int64 = 0
    /// The place in the stream that was left last, or in front of what is to be read again.
    private var place: (offset: Int64, checksum: UInt64)?

    /// The malformed records of the batch under construction.
    private var malformed: [MalformedRecord] = []
    /// Where the last of them begins, and its line.
    private var lastMalformed: (place: (offset: Int64, checksum: UInt64), line: Int64)?
    /// Reasons of the first malformed records of this run, for the error that stops it.
    private var firstReasons: [String] = []
    /// A fault met behind rows that had to be delivered first.
    private var pending: (any Error)?

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
        if isAtEnd, progress.rows == 0, malformed.isEmpty { return .ended }
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
            hasBegun = false
            cursor.close()
        }
    }

    private func begin(_ window: InputWindow, _ progress: inout ParseProgress) throws {
        if hasBegun { return }
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
        cursor.noteBegun()
    }

    private func take(
        _ record: RecordLoop.Malformed, _ window: InputWindow, _ progress: ParseProgress
    ) {
        lastMalformed = ((window.offset, window.readChecksum()), progress.line)
        malformedCount += 1
        if firstReasons.count < 3 {
            firstReasons.append("\(cursor.sourceName) line \(progress.line): \(record.reason)")
        }
        let text = unsafe UnsafeRawBufferPointer(
            rebasing: window.unread.prefix(record.textBytes))
        malformed.append(
            MalformedRecord(
                reason: record.reason, source: cursor.sourceName, byteOffset: window.offset,
                line: progress.line, text: unsafe MalformedRecord.printable(text)))
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

    private func tooManyMalformed() -> ConnectorError? {
        guard isOverLimit() else { return nil }
        let total = rows + malformedCount
        let first =
            firstReasons.isEmpty ? "" : "; the first: " + firstReasons.joined(separator: "; ")
        return ConnectorError(
            "tooManyRejects",
            "\(malformedCount) of \(total) rows do not parse, more than the share of "
                + "\(input.rejectsMaxShare) that rejects.maxShare allows: correct the columns or "
                + "the file, or raise rejects.maxShare\(first)")
    }
}

extension FileFeed {
    private var position: FilePosition {
        let index = max(0, cursor.fileIndex)
        let window = place == nil ? cursor.window : nil
        let read = place ?? (window.map { ($0.offset, $0.readChecksum()) } ?? (0, 0))
        return FilePosition(
            file: index, entry: cursor.entryIndex, offset: read.offset, line: line, rows: rows,
            malformed: malformedCount, names: cursor.namesDigest(before: index),
            checksums: .init(before: cursor.checksumBefore, read: read.checksum),
            files: cursor.filesRead, path: cursor.input.path)
    }

    /// Goes to the place after a batch that carried this position, if what was read is still there.
    public final func resume(from position: FeedPosition) throws(ConnectorError) {
        try connectorErrors { try resume(position) }
    }

    private func resume(_ position: FeedPosition) throws {
        guard let target = FilePosition(position.text) else {
            throw ConnectorError(
                "badPosition",
                "'\(position.text.prefix(100))' is not a position of a feed from files",
                fault: .damage)
        }
        guard cursor.isReadable else {
            throw badPosition(target, "it cannot be read a second time")
        }
        guard cursor.path(at: target.file) == target.path,
            cursor.namesDigest(before: target.file) == target.names
        else {
            throw badPosition(
                target,
                "the feed was in this file, but the files before it have changed since; a new "
                    + "file must come after those already read")
        }
        _ = try cursor.open(file: target.file, entry: target.entry)
        if let checksums = target.checksums, checksums.before != cursor.checksumBefore {
            throw changed(
                target, "the files before it are not what they were when they were read")
        }
        if target.offset > 0 {
            guard cursor.entryIndex == target.entry, let window = cursor.window else {
                throw badPosition(target, "the archive has changed: its entry is gone")
            }
            try resume(window, target)
        } else {
            place = (0, ChecksumStream().value)
        }
        line = target.line
        rows = target.rows
        malformedCount = target.malformed
        pending = tooManyMalformed()
    }

    /// Goes to a place in a stream behind its start.
    private func resume(_ window: InputWindow, _ target: FilePosition) throws {
        var progress = ParseProgress(rowsMax: 1, line: 1)
        try begin(window, &progress)
        guard try window.skip(to: target.offset) else {
            throw badPosition(
                target,
                "the feed was at byte \(target.offset), and the file is shorter now; give the "
                    + "file as it was")
        }
        if let checksums = target.checksums, checksums.read != window.readChecksum() {
            throw changed(
                target,
                "its first \(target.offset) bytes, which were read, are not what they were")
        }
        try refuseHalfRecord(window, target)
    }

    /// Refuses a last line that was taken for a whole record and goes on now.
    private func refuseHalfRecord(_ window: InputWindow, _ target: FilePosition) throws {
        guard let last = window.lastRead, last != UInt8(ascii: "\n"),
            let next = try window.peek(), next != UInt8(ascii: "\n"), next != UInt8(ascii: "\r")
        else { return }
        throw changed(
            target,
            "the line that ended at byte \(target.offset) without a line end was read as a whole "
                + "record, and goes on now, so half a record was taken")
    }

    private func badPosition(_ target: FilePosition, _ what: String) -> ConnectorError {
        ConnectorError("badPosition", what, at: target.path, fault: .damage)
    }

    private func changed(_ target: FilePosition, _ what: String) -> ConnectorError {
        ConnectorError(
            "fileChanged",
            "\(what): put the file back as it was, and give other rows in a new file; to read it "
                + "anew, use another log, or 'streamer log append --again', which appends all of "
                + "its rows", at: target.path, fault: .damage)
    }

    /// Whether the other feed was in one of this feed's files: then its rows are in the log.
    public final func conflict(
        with other: FeedIdentity, at position: FeedPosition
    ) -> ConnectorError? {
        guard let place = FilePosition(position.text), replay.identity != nil,
            let path = cursor.read(before: place)
        else { return nil }
        let extent = path == place.path ? ", up to byte \(place.offset)" : ""
        return ConnectorError(
            "readBefore",
            "the log has rows of this file\(extent), by a feed of other files, columns or "
                + "settings, or of another spelling of its path, and all of them would come again: "
                + "give the feed as it was, or use another log; 'streamer log append --again' "
                + "appends them again", at: path)
    }

    /// What the columns found, and which fields no column reads.
    public final func notices() -> [String] { parser.fieldUse.notices(of: columnsRead) }
}
