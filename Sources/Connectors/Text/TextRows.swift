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
/// which of them are. Row `i` of a chunk has the offset of the chunk's first byte + `i`. Where a
/// record may be many rows, it has two bytes a row and a limit of rows, so that a chunk of twice
/// that limit has an offset for each.
final class TextRows: FileRows {
    private let spec: any FileSpec & Sendable
    private let mode: ParseMode
    private let files: any FileSystem
    let schema: Schema
    private let workers: Mutex<Workers> = Mutex(Workers())

    static let chunkBytes: Int64 = 1 << 20
    private let chunkBytes: Int64

    /// A parser and its columns, used by one thread at a time.
    // `@unchecked`: it is either in `idle` or with the one thread that took it from there.
    private final class Worker: @unchecked Sendable {
        let parser: any RecordParser
        let records: RecordLoop
        let columns: ColumnSet
        /// The content whose header was read, and where its records begin.
        var content: SourceFile?
        var recordsStart: Int64 = 0

        init(_ parser: any RecordParser, recordBytesMax: Int, _ columns: ColumnSet) {
            self.parser = parser
            records = RecordLoop(parser, recordBytesMax: recordBytesMax)
            self.columns = columns
        }
    }

    private struct Workers {
        var idle: [Worker] = []
        var all: [Worker] = []
        /// How many records were left out, and of the first of them where it is and why.
        var leftOut = 0
        var firstLeftOut: (path: String, offset: Int64, reason: String)?
    }

    init(
        _ spec: any FileSpec & Sendable, _ mode: ParseMode, files: any FileSystem
    ) throws {
        self.spec = spec
        self.mode = mode
        self.files = files
        schema = spec.schema
        chunkBytes = spec.recordsMayBeManyRows ? 2 * Self.chunkBytes : Self.chunkBytes
        // Names of time zones are checked here, not in the first batch.
        giveBack(try takeWorker())
    }

    private func takeWorker() throws -> Worker {
        if let worker = workers.withLock({ $0.idle.popLast() }) { return worker }
        let worker = Worker(
            spec.makeParser(recordsAreLines: true), recordBytesMax: spec.input.maxRecordBytes,
            try ColumnSet(spec.columns, schema: schema, files: files))
        workers.withLock { [worker] in $0.all.append(worker) }
        return worker
    }

    private func giveBack(_ worker: Worker) {
        workers.withLock { [worker] in $0.idle.append(worker) }
    }

    /// What the columns found; asked while nobody reads.
    func notices() -> [String] {
        var use = FieldUse(columnCount: spec.columns.count)
        for worker in workers.withLock({ $0.all }) { use.merge(worker.parser.fieldUse) }
        return leftOutNotices() + use.notices(of: spec.columns)
    }

    private func leftOutNotices() -> [String] {
        let (count, first) = workers.withLock { ($0.leftOut, $0.firstLeftOut) }
        guard let first else { return [] }
        let wanted = spec.columns.map(\.wanted).joined(separator: ", ")
        return [
            "\(counted(Int64(count), "record")) left out; one is in \(first.path) at byte "
                + "\(first.offset): \(first.reason); wanted are \(wanted)"
        ]
    }

    var countsBytes: Bool { true }

    func leavesOut(_ fault: ConnectorError) -> Bool {
        mode == .dropMalformed && fault.code == CSVParser.badHeader
    }

    func offsetCount(of file: any ReadFile, bytes: Int64) throws -> Int64 {
        let packing = Packing(try file.readUpTo(Packing.magicBytes, at: 0))
        if case .foreign = packing {
            _ = try packing.unpacking(FileStream(file), name: file.path.string)
        }
        guard packing == .none else {
            throw ConnectorError(
                "unreadable",
                "the file is compressed, and a source reads files in parts; unpack it, or read it "
                    + "into a log with \"feed\", which unpacks it", at: file.path.string)
        }
        let worker = try takeWorker()
        defer { giveBack(worker) }
        do {
            try begin(worker, path: file.path.string, file)
        } catch let fault as ConnectorError where fault.code == CSVParser.badHeader {
            throw ConnectorError(
                fault.code,
                fault.message + "; correct the file, take it away, or leave such files out with "
                    + "\"mode\": \"\(ParseMode.dropMalformed.rawValue)\" in the source",
                at: fault.place)
        }
        return bytes
    }

    func hasRows(_ file: any ReadFile, bytes: Int64) throws -> Bool {
        let worker = try takeWorker()
        defer { giveBack(worker) }
        try begin(worker, path: file.path.string, file)
        return worker.recordsStart < bytes
    }

    func parts(
        of file: OpenSourceFile, _ range: Range<Int64>, rowsMax: Int
    ) throws -> [BlockPlan] {
        let bytes = file.content.bytes
        let (base, length) = (file.entry.offsets.lowerBound, Int64(file.entry.offsets.count))
        // Of a corrected file of another size each part has its share of the offsets.
        func offset(_ byte: Int64) -> Int64 {
            bytes == length ? byte : Int64(Int128(byte) * Int128(length) / Int128(bytes))
        }
        guard length >= bytes / chunkBytes + 1 || bytes == length else {
            throw file.noRoom()
        }
        let all = BlockPlan(offsets: base..<base + length) { [schema] in
            SourceBlock(baseOffset: base, rows: RecordBatch(empty: schema))
        }
        if bytes == 0 { return range.isEmpty ? [] : [all] }
        return stride(from: 0, to: bytes, by: Int(chunkBytes)).compactMap { start in
            let chunk = start..<min(start + chunkBytes, bytes)
            let own = offset(chunk.lowerBound)..<offset(chunk.upperBound)
            guard own.overlaps(range) else { return nil }
            return BlockPlan(
                offsets: base + own.lowerBound..<base + own.upperBound
            ) { [self] in try load(chunk, of: file, own) }
        }
    }

    private func load(
        _ chunk: Range<Int64>, of file: OpenSourceFile, _ offsets: Range<Int64>
    ) throws -> SourceBlock {
        let handle = try file.opened()
        let worker = try takeWorker()
        let base = file.entry.offsets.lowerBound + offsets.lowerBound
        let block = try load(chunk, of: file, handle, worker, baseOffset: base)
        // One that stopped in the middle of a part is not used again.
        giveBack(worker)
        guard block.rows.count <= offsets.count else { throw file.noRoom() }
        return block
    }

    private func load(
        _ chunk: Range<Int64>, of file: OpenSourceFile, _ handle: any ReadFile, _ worker: Worker,
        baseOffset base: Int64
    ) throws -> SourceBlock {
        if worker.content != file.content {
            try begin(worker, path: file.content.path, handle)
            worker.content = file.content
        }
        let records = try records(of: chunk, handle, bytes: file.content.bytes)
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

    /// Reads what comes before a file's records.
    private func begin(_ worker: Worker, path: String, _ handle: any ReadFile) throws {
        worker.content = nil
        let window = InputWindow(FileStream(handle), readBytes: 1 << 16)
        try window.skipByteOrderMark()
        _ = try worker.parser.begin(
            window, input: InputFile(path: path), columns: worker.columns)
        worker.recordsStart = window.offset
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
        let rowsMax =
            unsafe count(of: UInt8(ascii: "\n"), in: window.unread)
            + (spec.recordsMayBeManyRows ? count(of: UInt8(ascii: ","), in: window.unread) : 0) + 2
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
        guard mode == .failFast else {
            return workers.withLock { workers in
                workers.leftOut += 1
                let path = file.entry.path
                // The same one however the files are shared out.
                if let first = workers.firstLeftOut, (first.path, first.offset) <= (path, offset) {
                    return
                }
                workers.firstLeftOut = (path, offset, reason)
            }
        }
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
            "\(reason); correct the file, or leave such records out, counted, with "
                + "\"mode\": \"\(ParseMode.dropMalformed.rawValue)\" in the source",
            at: "\(file.entry.path) line \(line) (byte \(offset))")
    }
}

/// How often a byte is there.
///
/// Sums of a byte that wrap are what the compiler adds up many at a time.
private func count(of byte: UInt8, in bytes: UnsafeRawBufferPointer) -> Int {
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
            found &+= unsafe start[position] == byte ? 1 : 0
            position &+= 1
        }
        count += Int(found)
    }
    return count
}
