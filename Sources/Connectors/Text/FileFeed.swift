public import Columnar
public import ConnectorAPI
import Decoding
import Jobs
import Storage

/// A feed from files: goes from file to file, keeps rejects and their limit, and the position
/// `v1 <file> <entry> <offset> <line> <rows> <rejected> <hash of the files before> <file>`,
/// where `offset` counts bytes after decompression.
///
/// ``CSVFeed`` and ``JSONLinesFeed`` say what the files hold.
public class FileFeed: Feed {
    /// The columns of every batch.
    public final let schema: Schema
    /// The column that holds the event time.
    public final let timeColumn: String
    /// A hash of the options that decide the content; empty when standard input is read.
    public final let identity: String
    /// How many bytes are read at a time when nothing else is said.
    public static let readBytesDefault = 1 << 18

    private let parser: any RecordParser
    private let columns: ColumnSet
    private let cursor: InputCursor
    private let input: FeedInput

    // Where the feed is.
    private var offset: Int64 = 0
    private var line: Int64 = 1
    private var rows: Int64 = 0
    private var rejected: Int64 = 0

    /// Reasons of the first rejects of this run, for the error that stops it.
    private var firstReasons: [String] = []
    /// A fault met behind rows that had to be delivered first.
    private var pending: (any Error)?

    /// Rejects before the share counts.
    static let rowsBeforeShareCounts: Int64 = 1_000
    private static let batchRowsMax = 1 << 20
    private static let batchRejectsMax = 10_000

    init(from spec: some FileSpec, files: any FileSystem, readBytes: Int) throws {
        precondition(1...64 << 20 ~= readBytes, "a feed reads between 1 byte and 64 MiB at a time")
        schema = try spec.validatedSchema()
        timeColumn = spec.eventTime
        input = spec.input
        columns = try ColumnSet(spec.columns, schema: schema, files: files)
        parser = spec.makeParser(recordsAreLines: false)
        let inputs = try expandInputs(
            input.paths, files: files, at: "\(type(of: spec).format).paths")
        cursor = InputCursor(inputs, files: files, readBytes: readBytes)
        identity = cursor.isReadable ? spec.identity : ""
    }

    /// The next rows, or `nil` after the last file.
    public final func next(maxRows: Int) throws -> FeedBatch? {
        precondition(maxRows > 0, "a batch has at least one row")
        if let pending { throw pending }
        let rowsMax = min(maxRows, Self.batchRowsMax)
        columns.beginBatch(capacity: rowsMax)
        var progress = BatchProgress(rowsMax: rowsMax, line: line)
        var rejects: [Reject] = []
        let firstReject = rejected
        var isAtEnd = false
        do {
            isAtEnd = try fill(&progress, &rejects)
        } catch {
            // What came before the fault is whole: it is delivered first.
            guard progress.rows > 0 || !rejects.isEmpty else { throw error }
            pending = error
        }
        line = progress.line
        rows += Int64(progress.rows)
        if pending == nil { pending = tooManyRejects() }
        if isAtEnd, progress.rows == 0, rejects.isEmpty { return nil }
        return FeedBatch(
            rows: columns.finishBatch(count: progress.rows), position: position,
            rejects: rejects, firstReject: firstReject)
    }

    /// Reads records until the batch is full; `true` at the end of all files.
    private func fill(_ progress: inout BatchProgress, _ rejects: inout [Reject]) throws -> Bool {
        while true {
            guard let window = cursor.window else {
                guard try cursor.openNext() else { return true }
                try begin(&progress)
                continue
            }
            let stop = parser.parse(window, into: columns, &progress)
            offset = window.offset
            switch stop {
            case .batchIsFull: return false
            case .needsData:
                if window.isAtEnd {
                    precondition(window.count == 0, "a parser left bytes at the end of a stream")
                    cursor.close()
                    continue
                }
                if window.stream.wouldWait, progress.rows > 0 || !rejects.isEmpty { return false }
                try window.refill()
                continue
            case .rejected(let reason, let consumed, let lines, let textBytes):
                reject(window, reason, textBytes, progress.line, &rejects)
                window.consume(consumed)
                progress.line += lines
            case .tooLong:
                let reason = "the record is longer than \(input.maxRecordBytes) bytes"
                reject(window, reason, window.count, progress.line, &rejects)
                _ = try window.skipLine()
                progress.line += 1
            }
            offset = window.offset
            if rejects.count >= Self.batchRejectsMax || isOverLimit(rows: progress.rows) {
                return false
            }
        }
    }

    private func begin(_ progress: inout BatchProgress) throws {
        guard let window = cursor.window else { return }
        progress.line = 1
        offset = 0
        try window.skipByteOrderMark()
        progress.line += try parser.begin(window, input: cursor.input, columns: columns)
        offset = window.offset
    }

    private func reject(
        _ window: InputWindow, _ reason: String, _ textBytes: Int, _ line: Int64,
        _ rejects: inout [Reject]
    ) {
        rejected += 1
        if firstReasons.count < 3 {
            firstReasons.append("\(cursor.sourceName) line \(line): \(reason)")
        }
        let text = unsafe UnsafeRawBufferPointer(
            rebasing: window.unread.prefix(min(textBytes, input.maxRecordBytes)))
        rejects.append(
            Reject(
                reason: reason, source: cursor.sourceName, byteOffset: window.offset, line: line,
                text: unsafe Reject.printable(text)))
    }

    private func isOverLimit(rows inBatch: Int = 0) -> Bool {
        let total = rows + Int64(inBatch) + rejected
        return total >= Self.rowsBeforeShareCounts
            && Double(rejected) > input.rejectsMaxShare * Double(total)
    }

    private func tooManyRejects() -> FeedError? {
        guard isOverLimit() else { return nil }
        let total = rows + rejected
        let first =
            firstReasons.isEmpty ? "" : "; the first: " + firstReasons.joined(separator: "; ")
        return FeedError(
            .tooManyRejects,
            "\(rejected) of \(total) rows do not parse, more than the share of "
                + "\(input.rejectsMaxShare) that rejects.maxShare allows: correct the columns or "
                + "the file, or raise rejects.maxShare\(first)")
    }
}

extension FileFeed {
    private var position: String {
        let index = max(0, cursor.fileIndex)
        return "v1 \(index) \(cursor.entryIndex) \(offset) \(line) \(rows) \(rejected) "
            + "\(cursor.namesDigest(before: index)) \(cursor.input.path)"
    }

    /// Goes to the place after a batch that carried this position.
    public final func resume(from position: String) throws {
        let parts = position.split(separator: " ", maxSplits: 8, omittingEmptySubsequences: false)
        let numbers = parts.dropFirst().prefix(6).compactMap { Int64($0) }
        guard parts.count == 9, parts[0] == "v1", numbers.count == 6,
            numbers.allSatisfy({ $0 >= 0 }), let file = Int(exactly: numbers[0]),
            let entry = Int(exactly: numbers[1])
        else {
            throw FeedError(
                .badPosition, "'\(position.prefix(100))' is not a position of a feed from files")
        }
        let name = String(parts[8])
        guard cursor.isReadable else {
            throw FeedError(.badPosition, "standard input cannot be read a second time", at: name)
        }
        guard cursor.path(at: file) == name, cursor.namesDigest(before: file) == parts[7] else {
            throw FeedError(
                .badPosition,
                "the feed was in this file, but the files before it have changed since; a new "
                    + "file must come after those already read", at: name)
        }
        guard try cursor.open(file: file, entry: entry), cursor.entryIndex == entry else {
            throw FeedError(.badPosition, "the archive has changed: its entry is gone", at: name)
        }
        var progress = BatchProgress(rowsMax: 1, line: 1)
        try begin(&progress)
        guard let window = cursor.window, try window.skip(to: numbers[2]) else {
            throw FeedError(
                .badPosition,
                "the feed was at byte \(numbers[2]), and the file is shorter now; give the file "
                    + "as it was", at: name)
        }
        offset = numbers[2]
        line = numbers[3]
        rows = numbers[4]
        rejected = numbers[5]
        pending = tooManyRejects()
    }
}
