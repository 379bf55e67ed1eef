import Columnar
import Storage

// A journal takes small appends, so that one of a few rows costs some 50 bytes and not a whole Arrow
// message. It is a file of its own beside the segments: `<base offset, 20 digits>.journal`.
//
//      0  "TICKJRNL"
//      8  i64 version, 1
//     16  i64 offset of the first row
//     24  u64 previous: checksum of the group or frame before the first one
//     32  u64 zero
//     40  u64 XXH3 of the 40 bytes before, seeded by the log
//     48  frames (JournalFrame.swift), to the end of the file
//
// Its rows follow those of the last segment, or of the journal before. A journal that is full is
// folded: its rows become compressed groups of the last segment, then it is removed
// (TickLogWriter+Folding.swift). So the rows of a log lie in its segments, but for the newest.

/// A journal's bytes, mapped; immutable.
final class JournalFile: Sendable {
    static let suffix = ".journal"
    static let headBytes = 48
    private static let magic = Array("TICKJRNL".utf8)
    private static let version: UInt64 = 1

    let path: Path
    let log: LogDescription
    let baseOffset: Int64
    let previous: UInt64
    private let mapped: MappedFile
    /// The mapped bytes.
    var source: Buffer { mapped.source }

    /// Maps the first `byteCount` bytes of a journal (all by default) and checks its head.
    init(
        _ path: Path, baseOffset: Int64, byteCount: Int? = nil, _ log: LogDescription,
        _ files: any FileSystem
    ) throws(TickLogError) {
        self.path = path
        self.log = log
        self.baseOffset = baseOffset
        mapped = try MappedFile(path, "journal", byteCount: byteCount, files)
        let head = unsafe Array(mapped.source.unsafeBytes.prefix(Self.headBytes))
        guard head.count == Self.headBytes, head.starts(with: Self.magic),
            head.little(at: 40) == Checksum.xxh3(Array(head[..<40]), seed: log.seed)
        else {
            throw TickLogError.damaged(
                "the journal's head does not match its checksum", file: path, position: 0)
        }
        guard head.little(at: 8) <= Self.version else {
            throw TickLogError(
                .newerVersion,
                "the journal has version \(head.little(at: 8)), this program knows "
                    + "\(Self.version); update it", file: path)
        }
        guard Int64(bitPattern: head.little(at: 16)) == baseOffset else {
            throw TickLogError.damaged(
                "the journal is not of the offset in its name", file: path, position: 16)
        }
        previous = head.little(at: 24)
    }

    /// The bytes of a journal without rows.
    static func head(baseOffset: Int64, previous: UInt64, seed: UInt64) -> [UInt8] {
        var bytes = magic
        for value in [version, UInt64(bitPattern: baseOffset), previous, 0] {
            bytes.append(little: value)
        }
        bytes.append(little: Checksum.xxh3(bytes, seed: seed))
        return bytes
    }

    static func fileName(_ baseOffset: Int64) -> String {
        String(SegmentHeader.fileName(baseOffset).dropLast(SegmentHeader.suffix.utf8.count))
            + suffix
    }

    /// The base offset in a journal's file name, or `nil` when it is none.
    static func baseOffset(ofFile name: String) -> Int64? {
        guard name.hasSuffix(suffix), let base = Int64(name.dropLast(suffix.utf8.count)),
            base >= 0, fileName(base) == name
        else { return nil }
        return base
    }

    /// The rows of some offsets, of the columns asked for.
    ///
    /// - Parameters:
    ///   - offsets: lie in frames from `position` on.
    ///   - position: where a frame begins that holds the first offset or lies before it.
    ///   - columns: by index, in the order wanted; all when nil.
    /// - Returns: the rows.
    /// - Throws: `.damaged` when they are not there or do not verify.
    func rows(
        _ offsets: Range<Int64>, from position: Int, columns: [Int]?
    ) throws(TickLogError) -> RecordBatch {
        do throws(SegmentFault) {
            return try decode(offsets, from: position, columns: columns)
        } catch {
            throw TickLogError.damaged(error.message, file: path, position: error.position)
        }
    }

    private func decode(
        _ offsets: Range<Int64>, from position: Int, columns: [Int]?
    ) throws(SegmentFault) -> RecordBatch {
        let wanted = columns ?? Array(log.schema.fields.indices)
        var builders = log.schema.fields.indices.map { index in
            wanted.contains(index) ? ColumnBuilder(log.schema[index].type) : nil
        }
        var walk = JournalWalk(self, at: position)
        var first: Int64?
        var count = 0
        while walk.position < source.count {
            guard let frame = try walk.frame(), frame.baseOffset < offsets.upperBound else { break }
            walk.pass(frame)
            guard frame.endOffset > offsets.lowerBound else { continue }
            first = first ?? frame.baseOffset
            count += frame.rowCount
            try JournalRows.decode(
                source, frame.rows(source), rowCount: frame.rowCount, log.schema, into: &builders)
        }
        let built = builders.map { $0?.finish() }
        let shown = wanted.compactMap { built[$0] }
        let schema = Schema(wanted.map { log.schema[$0] })
        guard let first, first <= offsets.lowerBound,
            first + Int64(count) >= offsets.upperBound
        else { throw SegmentFault("offset \(offsets.lowerBound) is missing", at: position) }
        let start = Int(offsets.lowerBound - first)
        return RecordBatch(schema, shown, count: count).slice(start..<start + offsets.count)
    }

    /// Says that the bytes before a position are not likely to be read again.
    func release(before position: Int) { mapped.release(0..<position) }
}

/// Goes through the frames of a journal in order and checks how they follow one another.
struct JournalWalk {
    private let file: JournalFile
    /// Where the next frame begins.
    private(set) var position: Int
    /// The offset the next frame must have; `nil` when the walk began within the journal.
    private(set) var offset: Int64?
    /// The checksum of the frame before; `nil` when it is not known.
    private(set) var chain: UInt64?
    /// How far the producer has come.
    private(set) var producer: ProducerPosition?

    /// A walk from the first frame.
    init(_ file: JournalFile) {
        self.file = file
        position = JournalFile.headBytes
        offset = file.baseOffset
        chain = file.previous
    }

    /// A walk from a frame within the journal.
    init(_ file: JournalFile, at position: Int) {
        self.file = file
        self.position = position
    }

    /// A walk that goes on where another one of a shorter mapping was.
    init(_ file: JournalFile, at position: Int, offset: Int64, chain: UInt64) {
        self.file = file
        self.position = position
        self.offset = offset
        self.chain = chain
    }

    /// The next frame, which is not passed yet.
    func frame() throws(SegmentFault) -> JournalFrame? {
        let frame = try JournalFrame(
            file.source, at: position, end: file.source.count, journalBase: file.baseOffset,
            seed: file.log.seed)
        guard let frame else { return nil }
        if let offset, frame.baseOffset != offset {
            throw SegmentFault(
                "rows from offset \(frame.baseOffset) where \(offset) is expected", at: position)
        }
        if let chain, frame.previous != chain {
            throw SegmentFault(
                "the rows from offset \(frame.baseOffset) follow rows with the checksum "
                    + "\(Checksum.hex(frame.previous)), before them are rows with "
                    + Checksum.hex(chain), at: position)
        }
        return frame
    }

    /// Goes behind a frame.
    mutating func pass(_ frame: JournalFrame) {
        position = frame.range.upperBound
        offset = frame.endOffset
        chain = frame.checksum
    }

    /// The next frame, with what it says of its producer and its rows checked.
    mutating func next(decoding: Bool = false) throws(SegmentFault) -> JournalFrame? {
        guard let frame = try frame() else { return nil }
        let (producer, rows) = try frame.producer(file.source, after: producer)
        if decoding {
            var none = [ColumnBuilder?](repeating: nil, count: file.log.schema.count)
            try JournalRows.decode(
                file.source, rows, rowCount: frame.rowCount, file.log.schema, into: &none)
        }
        self.producer = producer
        pass(frame)
        return frame
    }
}
