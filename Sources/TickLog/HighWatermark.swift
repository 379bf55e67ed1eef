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
// The writer overwrites it in place after each sync of the segment; readers poll it. It is not
// synced itself, and need not be: it is written only after what it says is durable, so whatever
// copy of it survives is a lower bound. Recovery uses it as that: bytes before its end that do
// not verify are damage, bytes after it may be a torn tail. A reader that meets a write in
// progress sees a checksum that does not fit, and reads again.

/// How far a log is durable.
struct HighWatermark: Sendable, Equatable {
    static let fileName = "durable"
    static let byteCount = 64
    private static let magic = Array("TICKCELL".utf8)

    var startOffset: Int64
    var endOffset: Int64
    var segmentBase: Int64
    var segmentBytes: Int64
    var generation: Int64

    func bytes(seed: UInt64) -> [UInt8] {
        var bytes = Self.magic
        for value in [startOffset, endOffset, segmentBase, segmentBytes, generation, 0] {
            bytes.append(little: UInt64(bitPattern: value))
        }
        bytes.append(little: Checksum.xxh3(bytes, seed: seed))
        return bytes
    }

    /// The high watermark in some bytes, or `nil` when they are not one of this log.
    init?(_ bytes: [UInt8], seed: UInt64) {
        guard bytes.count == Self.byteCount, bytes[..<8].elementsEqual(Self.magic),
            bytes.little(at: 56) == Checksum.xxh3(Array(bytes[..<56]), seed: seed)
        else { return nil }
        startOffset = Int64(bitPattern: bytes.little(at: 8))
        endOffset = Int64(bitPattern: bytes.little(at: 16))
        segmentBase = Int64(bitPattern: bytes.little(at: 24))
        segmentBytes = Int64(bitPattern: bytes.little(at: 32))
        generation = Int64(bitPattern: bytes.little(at: 40))
        guard startOffset >= 0, startOffset <= segmentBase, segmentBase <= endOffset,
            segmentBytes >= 0
        else { return nil }
    }

    init(
        startOffset: Int64, endOffset: Int64, segmentBase: Int64, segmentBytes: Int64,
        generation: Int64
    ) {
        self.startOffset = startOffset
        self.endOffset = endOffset
        self.segmentBase = segmentBase
        self.segmentBytes = segmentBytes
        self.generation = generation
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
