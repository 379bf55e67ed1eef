import Storage

// The file `durable`, 64 bytes, all numbers little endian:
//
//      0  "TICKCELL"
//      8  i64 the log's first offset
//     16  i64 the log's end: every row before it is durable
//     24  i64 base offset of the active segment
//     32  i64 how many bytes of the active segment are durable
//     40  i64 generation: grows when segments come, go, or are rewritten
//     48  u64 zero
//     56  u64 XXH3 of the 56 bytes before, seeded by the log
//
// While the newest rows lie in journals it has 88 bytes:
//
//      0  "TICKCEL2", and up to 48 as above
//     48  i64 offset after the last durable row of the active segment: where journals begin
//     56  i64 base offset of the newest journal
//     64  i64 how many bytes of it are durable; the journals before it are durable whole
//     72  u64 zero
//     80  u64 XXH3 of the 80 bytes before, seeded by the log
//
// A shorter one that follows it leaves its end behind; the first eight bytes tell them apart.
//
// The writer overwrites it in place after each sync of the segment; readers poll it. It is not
// synced itself, and need not be: it is written only after what it says is durable, so whatever
// copy of it survives is a lower bound. Recovery uses it as that: bytes before its end that do
// not verify are damage, bytes after it may be a torn tail. A reader that meets a write in
// progress sees a checksum that does not fit, and reads again.

/// How far a log is durable.
struct HighWatermark: Sendable, Equatable {
    static let fileName = "durable"
    /// The most bytes that it has.
    static let byteCount = 88
    private static let magic = Array("TICKCELL".utf8)
    private static let journalMagic = Array("TICKCEL2".utf8)

    /// Where the newest rows are, while they lie in journals.
    struct Journals: Sendable, Equatable {
        /// Where the segments end and the first journal begins.
        var segmentEnd: Int64
        /// The newest journal.
        var base: Int64
        var bytes: Int64
    }

    var startOffset: Int64
    var endOffset: Int64
    var segmentBase: Int64
    var segmentBytes: Int64
    var generation: Int64
    /// `nil` when all rows lie in segments.
    var journals: Journals?

    /// The offset after the last durable row that lies in a segment.
    var segmentEnd: Int64 { journals?.segmentEnd ?? endOffset }

    func bytes(seed: UInt64) -> [UInt8] {
        var bytes = journals == nil ? Self.magic : Self.journalMagic
        var values = [startOffset, endOffset, segmentBase, segmentBytes, generation]
        if let journals { values += [journals.segmentEnd, journals.base, journals.bytes] }
        for value in values + [0] { bytes.append(little: UInt64(bitPattern: value)) }
        bytes.append(little: Checksum.xxh3(bytes, seed: seed))
        return bytes
    }

    /// The high watermark in some bytes, or `nil` when they are not one of this log.
    init?(_ bytes: [UInt8], seed: UInt64) {
        guard bytes.count >= 8 else { return nil }
        let hasJournals = bytes.starts(with: Self.journalMagic)
        guard hasJournals || bytes.starts(with: Self.magic) else { return nil }
        let end = hasJournals ? 80 : 56
        guard bytes.count >= end + 8,
            bytes.little(at: end) == Checksum.xxh3(Array(bytes[..<end]), seed: seed)
        else { return nil }
        func value(_ position: Int) -> Int64 { Int64(bitPattern: bytes.little(at: position)) }
        startOffset = value(8)
        endOffset = value(16)
        segmentBase = value(24)
        segmentBytes = value(32)
        generation = value(40)
        if hasJournals {
            journals = Journals(segmentEnd: value(48), base: value(56), bytes: value(64))
        }
        guard startOffset >= 0, startOffset <= segmentBase, segmentBase <= segmentEnd,
            segmentEnd <= endOffset, segmentBytes >= 0
        else { return nil }
        if let journals {
            guard journals.base >= segmentEnd, journals.base <= endOffset, journals.bytes >= 0
            else { return nil }
        }
    }

    init(
        startOffset: Int64, endOffset: Int64, segmentBase: Int64, segmentBytes: Int64,
        generation: Int64, journals: Journals? = nil
    ) {
        self.startOffset = startOffset
        self.endOffset = endOffset
        self.segmentBase = segmentBase
        self.segmentBytes = segmentBytes
        self.generation = generation
        self.journals = journals
    }
}

extension [UInt8] {
    mutating func append(little value: UInt64) {
        for byte in 0..<8 { append(UInt8(truncatingIfNeeded: value >> (8 * byte))) }
    }

    /// The 8 bytes at a position as a little-endian number; they must exist.
    func little(at position: Int) -> UInt64 {
        var value: UInt64 = 0
        for byte in 0..<8 { value |= UInt64(self[position + byte]) << (8 * byte) }
        return value
    }
}
