import Columnar
import Storage

// The totals of a sealed segment, in 128 bytes between its index and its trailer, so that who lists a
// log, opens it, or looks a time up reads the end of each segment and no more:
//
//      0  "TICKTOTL"
//      8  i64 base offset                 16  i64 end offset
//     24  i64 groups                      32  i64 bytes before the end marker
//     40  i64 smallest event time (µs)    48  i64 largest; smaller than the smallest: there is none
//     56  i64 sealed at (µs)              64  u64 what the next segment has as `previous`
//     72  u64 1 when all groups are compressed, else 0
//     80  zeros
//    120  u64 XXH3 of the 120 bytes before, seeded by the log
//
// All are little endian. Segments that older versions sealed have none; their seal says the same.

/// What a segment that takes no more rows holds.
struct SegmentSummary: Sendable, Equatable {
    static let byteCount = 128
    private static let magic = Array("TICKTOTL".utf8)

    var baseOffset: Int64
    var endOffset: Int64
    var groupCount: Int64
    var dataBytes: Int64
    /// The event times that occur, or `nil` where all are null.
    var times: ClosedRange<Int64>?
    var sealedAtMicros: Int64
    var last: UInt64
    var isCompressed: Bool

    init(_ seal: SegmentSeal) {
        baseOffset = seal.baseOffset
        endOffset = seal.endOffset
        groupCount = Int64(seal.groups.count)
        dataBytes = Int64(seal.dataBytes)
        let least = seal.groups.map(\.timeMin).min() ?? .max
        let most = seal.groups.map(\.timeMax).max() ?? .min
        times = least <= most ? least...most : nil
        sealedAtMicros = seal.sealedAtMicros
        last = seal.last
        isCompressed = seal.isCompressed
    }

    func bytes(seed: UInt64) -> [UInt8] {
        var bytes = Self.magic
        let (least, most) = (times?.lowerBound ?? .max, times?.upperBound ?? .min)
        for value in [baseOffset, endOffset, groupCount, dataBytes, least, most, sealedAtMicros] {
            bytes.append(little: UInt64(bitPattern: value))
        }
        bytes.append(little: last)
        bytes.append(little: isCompressed ? 1 : 0)
        bytes.append(contentsOf: repeatElement(0, count: 120 - bytes.count))
        bytes.append(little: Checksum.xxh3(bytes, seed: seed))
        return bytes
    }

    /// The totals in some bytes, or `nil` when they are none of this log.
    init?(_ bytes: [UInt8], seed: UInt64) {
        guard bytes.count == Self.byteCount, bytes.starts(with: Self.magic),
            bytes.little(at: 120) == Checksum.xxh3(Array(bytes[..<120]), seed: seed)
        else { return nil }
        func value(_ place: Int) -> Int64 { Int64(bitPattern: bytes.little(at: 8 * place)) }
        (baseOffset, endOffset, groupCount, dataBytes) = (value(1), value(2), value(3), value(4))
        times = value(5) <= value(6) ? value(5)...value(6) : nil
        sealedAtMicros = value(7)
        last = bytes.little(at: 64)
        isCompressed = value(9) == 1
        guard baseOffset >= 0, baseOffset < endOffset, groupCount > 0, dataBytes > 0 else {
            return nil
        }
    }

    /// The totals of a segment that takes no more rows; only its end is read.
    ///
    /// - Throws: `.damaged` when it is not sealed, or its name is another's.
    static func read(
        _ path: Path, baseOffset: Int64, _ log: LogDescription, _ files: any FileSystem
    ) throws(TickLogError) -> SegmentSummary {
        let end = byteCount + SegmentSeal.trailerBytes
        let bytes = try storage { () throws(StorageError) in
            let file = try files.openOwn(path)
            return try file.readUpTo(end, at: max(0, try file.size() - Int64(end)))
        }
        if bytes.count == end,
            let summary = SegmentSummary(Array(bytes[..<byteCount]), seed: log.seed),
            summary.baseOffset == baseOffset
        {
            return summary
        }
        return try SegmentSummary(SegmentFile(path, baseOffset: baseOffset, log, files).seal())
    }
}
