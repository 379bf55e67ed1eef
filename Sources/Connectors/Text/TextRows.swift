import Checkpoints
import Columnar
import ConnectorAPI
import Decoding
import FileSources
import Glibc
import Storage
import Synchronization

/// Rows of text files whose records are lines.
///
/// A file's offsets are its bytes. It is cut every ``chunkBytes`` bytes; a record belongs to the
/// chunk in which it begins, so that chunks can be read side by side and the rows do not depend on
/// which of them are. Row `i` of a chunk has the offset of the chunk's first byte + `i`.
final class TextRows: FileRows {
    private let spec: any FileSpec & Sendable
    private let mode: ParseMode
    private let files: any FileSystem
    let schema: Schema
    private let idle: Mutex<[Worker]> = Mutex([])

    static let chunkBytes: Int64 = 1 << 20

    /// A parser and its columns, used by one thread at a time.
    // `@unchecked`: it is either in `idle` or with the one thread that took it from there.
    private final class Worker: @unchecked Sendable {
        let parser: any RecordParser
        let records: RecordLoop
        let columns: ColumnSet
        /// The file whose header was read, and where its records begin.
        var path: String?
        var recordsStart: Int64 = 0

        init(_ parser: any RecordParser, recordBytesMax: Int, _ columns: ColumnSet) {
            self.parser = parser
            records = RecordLoop(parser, recordBytesMax: recordBytesMax)
            self.columns = columns
        }
    }

    init(
        _ spec: any FileSpec & Sendable, _ mode: ParseMode, files: any FileSystem
    ) throws {
        self.spec = spec
        self.mode = mode
        self.files = files
        schema = spec.schema
        // Names of time zones are checked here, not in the first batch.
        idle.withLock { [worker = try makeWorker()] in $0.append(worker) }
    }

    private func makeWorker() throws -> Worker {
        Worker(
            spec.makeParser(recordsAreLines: true), recordBytesMax: spec.input.maxRecordBytes,
            try ColumnSet(spec.columns, schema: schema, files: files))
    }

    func offsetCount(of file: any ReadFile, bytes: Int64) throws -> Int64 {
        let magic = try file.readUpTo(4, at: 0)
        if isGzip(magic) || isZip(magic) {
            throw ConnectorError(
                "unreadable",
                "the file is compressed, and a source reads files in parts; unpack it, or read it "
                    + "into a log with \"feed\", which unpacks it", at: file.path.string)
        }
        return bytes
    }

    func parts(
        of file: OpenSourceFile, _ range: Range<Int64>, rowsMax: Int
    ) throws -> [BlockPlan] {
        let base = file.entry.offsets.lowerBound
        let first = range.lowerBound / Self.chunkBytes * Self.chunkBytes
        return stride(from: first, to: range.upperBound, by: Int(Self.chunkBytes)).map { start in
            let chunk = start..<min(start + Self.chunkBytes, file.entry.bytes)
            return BlockPlan(
                offsets: base + chunk.lowerBound..<base + chunk.upperBound
            ) { [self] in try load(chunk, of: file) }
        }
    }

    private func load(_ chunk: Range<Int64>, of file: OpenSourceFile) throws -> SourceBlock {
        let handle = try file.opened()
        let worker = try idle.withLock { $0.popLast() } ?? makeWorker()
        let block = try load(chunk, of: file, handle, worker)
        // One that stopped in the middle of a part is not used again.
        idle.withLock { $0.append(worker) }
        return block
    }

    private func load(
        _ chunk: Range<Int64>, of file: OpenSourceFile, _ handle: any ReadFile, _ worker: Worker
    ) throws -> SourceBlock {
        try begin(worker, file, handle)
        let base = file.entry.offsets.lowerBound + chunk.lowerBound
        let records = try records(of: chunk, handle, bytes: file.entry.bytes)
        let start = max(records.whole.lowerBound, worker.recordsStart)
        var block = SourceBlock(baseOffset: base, rows: RecordBatch(empty: schema))
        if start < records.whole.upperBound {
            let window = try InputWindow(
                whole: FileStream(handle, start..<records.whole.upperBound),
                byteCount: Int(records.whole.upperBound - start), name: file.entry.path)
            block = try parse(window, start, worker, file, baseOffset: base)
        }
        guard records.lastIsTooLong else { return block }
        let tooLong = worker.records.tooLong(0).reason
        try refuse(tooLong, at: records.whole.upperBound, file)
        return SourceBlock(
            baseOffset: base, rows: block.rows, malformedCount: block.malformedCount + 1)
    }

    /// Reads what comes before a file's records, unless this worker just did.
    private func begin(
        _ worker: Worker, _ file: OpenSourceFile, _ handle: any ReadFile
    ) throws {
        guard worker.path != file.entry.path else { return }
        worker.path = nil
        let window = InputWindow(FileStream(handle), readBytes: 1 << 16)
        try window.skipByteOrderMark()
        _ = try worker.parser.begin(
            window, input: InputFile(path: file.entry.path), columns: worker.columns)
        worker.recordsStart = window.offset
        worker.path = file.entry.path
    }

    /// The bytes of the records that begin in a chunk.
    private struct ChunkRecords {
        /// Those that may be taken into memory; empty when none begins in the chunk.
        var whole: Range<Int64>
        /// Whether one more begins behind them, which is longer than allowed.
        var lastIsTooLong = false
    }

    private func records(
        of chunk: Range<Int64>, _ file: any ReadFile, bytes: Int64
    ) throws -> ChunkRecords {
        var start: Int64 = 0
        if chunk.lowerBound > 0 {
            let before = chunk.lowerBound - 1..<chunk.upperBound - 1
            guard let newline = try Self.newline(in: before, file) else {
                return ChunkRecords(whole: chunk.upperBound..<chunk.upperBound)
            }
            start = newline + 1
        }
        let limit = min(bytes, chunk.upperBound + Int64(spec.input.maxRecordBytes) + 1)
        if let newline = try Self.newline(in: chunk.upperBound - 1..<limit, file) {
            return ChunkRecords(whole: start..<newline + 1)
        }
        if limit == bytes { return ChunkRecords(whole: start..<bytes) }
        let inChunk = try file.readUpTo(Int(chunk.upperBound - start), at: start)
        let newline = inChunk.lastIndex(of: UInt8(ascii: "\n"))
        return ChunkRecords(
            whole: start..<start + Int64(newline.map { $0 + 1 } ?? 0), lastIsTooLong: true)
    }

    /// The place of the first line end in a range.
    private static func newline(in range: Range<Int64>, _ file: any ReadFile) throws -> Int64? {
        var offset = range.lowerBound
        while offset < range.upperBound {
            let part = try file.readUpTo(
                Int(min(4_096, range.upperBound - offset)), at: offset)
            guard !part.isEmpty else { return nil }
            if let index = part.firstIndex(of: UInt8(ascii: "\n")) { return offset + Int64(index) }
            offset += Int64(part.count)
        }
        return nil
    }

    private func parse(
        _ window: InputWindow, _ start: Int64, _ worker: Worker, _ file: OpenSourceFile,
        baseOffset: Int64
    ) throws -> SourceBlock {
        // A last line without line end is a record, too; a batch with room for one row more is
        // never full.
        let rowsMax = unsafe lineFeeds(in: window.unread) + 2
        worker.columns.beginBatch(capacity: rowsMax)
        var progress = ParseProgress(rowsMax: rowsMax, bytesMax: .max, line: 1)
        var malformedCount = 0
        let stop = try worker.records.run(
            window, into: worker.columns, &progress,
            onMalformed: { [self] record, _ in
                try refuse(record.reason, at: start + window.offset, file)
                malformedCount += 1
                return true
            })
        guard case .endOfStream = stop else {
            preconditionFailure("a part of a file has more records than lines")
        }
        return SourceBlock(
            baseOffset: baseOffset, rows: worker.columns.finishBatch(count: progress.rows),
            malformedCount: malformedCount)
    }

    /// Stops at a record that does not parse, unless such records are left out.
    private func refuse(_ reason: String, at offset: Int64, _ file: OpenSourceFile) throws {
        guard mode == .failFast else { return }
        var line = 1
        var counted: Int64 = 0
        while counted < offset {
            let part = try file.opened().readUpTo(Int(min(1 << 20, offset - counted)), at: counted)
            guard !part.isEmpty else { break }
            line += part.count { $0 == UInt8(ascii: "\n") }
            counted += Int64(part.count)
        }
        throw ConnectorError(
            "malformedRecord",
            "\(reason); correct the columns or the file, or leave such records out, counted, with "
                + "\"mode\": \"\(ParseMode.dropMalformed.rawValue)\"",
            at: "\(file.entry.path) line \(line) (byte \(offset))")
    }
}

/// How many line feeds there are.
///
/// Sums of a byte that wrap are what the compiler adds up many at a time.
private func lineFeeds(in bytes: UnsafeRawBufferPointer) -> Int {
    guard let start = unsafe bytes.baseAddress?.assumingMemoryBound(to: UInt8.self) else {
        return 0
    }
    var count = 0
    var position = 0
    while position < bytes.count {
        let end = min(position &+ 255, bytes.count)
        var found: UInt8 = 0
        while position < end {
            // Safe: the position is below the count.
            found &+= unsafe start[position] == UInt8(ascii: "\n") ? 1 : 0
            position &+= 1
        }
        count += Int(found)
    }
    return count
}
