import Columnar
import Glibc
import Storage
import TestSupport
import Testing

@testable import TickLog

/// Logs of many segments: who opens, lists or looks a time up reads the ends of the segments.
@Suite struct LargeLogTests {
    /// Makes a log of sealed segments that are as long as real ones, with holes for rows.
    ///
    /// - Returns: the offset after the last row.
    @discardableResult
    static func make(
        _ path: Path, segments: Int, bytes: Int, rows: Int64, _ files: any FileSystem
    ) throws -> Int64 {
        try TickLogWriter.create(path, schema: Small.schema, timeColumn: "event_time", files)
        let log = try LogDirectory.description(path, files)
        let writer = ArrowStreamWriter(log.schema)
        var chain = log.seed
        for index in 0..<segments {
            let base = Int64(index) * rows
            let header = SegmentHeader(baseOffset: base, previous: chain, last: nil, producers: [:])
            let head = header.encode(log, writer)
            chain = UInt64(index + 1) &* 0x9e37_79b9_7f4a_7c15
            let groups = (0..<100).map { group in
                GroupEntry(
                    baseOffset: base + Int64(group) * rows / 100, rowCount: Int(rows / 100),
                    timeMin: (base + Int64(group) * rows / 100) * 1_000,
                    timeMax: (base + Int64(group + 1) * rows / 100) * 1_000 - 1,
                    position: head.count + group * 64, byteCount: 64, checksum: UInt64(group))
            }
            let seal = SegmentSeal(
                baseOffset: base, endOffset: base + rows, groups: groups, dataBytes: bytes,
                dataChecksum: 0, last: chain, sealedAtMicros: base, producers: [:],
                isCompressed: true)
            let name = try path.appending(SegmentHeader.fileName(base))
            let file = try files.openForAppend(name, createNew: index > 0)
            try file.write(head, at: 0)
            try file.write(seal.encode(seed: log.seed), at: Int64(bytes))
            try file.close()
        }
        let end = Int64(segments) * rows
        let last = SegmentHeader(baseOffset: end, previous: chain, last: nil, producers: [:])
        let head = last.encode(log, writer)
        try files.createAtomically(
            path.appending(SegmentHeader.fileName(end)), mode: .createNew, contents: head)
        let mark = HighWatermark(
            startOffset: 0, endOffset: end, segmentBase: end, segmentBytes: Int64(head.count),
            generation: 1)
        try files.createAtomically(
            path.appending(HighWatermark.fileName), mode: .replace,
            contents: mark.bytes(seed: log.seed))
        return end
    }

    @Test func theEndsOfSegmentsTellWhatIsInThem() throws {
        let files = SimulatedFileSystem()
        let end = try Self.make(logPath, segments: 20, bytes: 1 << 16, rows: 10_000, files)
        let writer = try TickLogWriter(logPath, files)
        #expect(writer.endOffset == end && writer.recovery.bytesDropped == 0)
        let reader = try TickLogReader(logPath, files)
        let found = try reader.listing()
        #expect(found.map(\.offsets.lowerBound) == (0..<20).map { $0 * 10_000 })
        #expect(found.allSatisfy { $0.kind == .sealed && $0.bytes > 1 << 16 })
        #expect(found[7].times == 70_000_000...79_999_999)
        #expect(try reader.offset(atOrAfter: end * 1_000) == nil)
        #expect(try writer.startWhenRetained(bytesMax: 10 << 16, sealedBeforeMicros: nil) != nil)
        #expect(
            try writer.startWhenRetained(bytesMax: nil, sealedBeforeMicros: 50_001) == 60_000)
        #expect(try writer.retain(sealedBeforeMicros: 50_001, neededFrom: 30_000) == 30_000)
        try writer.close()
        #expect(try TickLogReader(logPath, files).listing().count == 17)
    }

    @Test func aSummaryThatDoesNotVerifyIsPassedOver() throws {
        let files = SimulatedFileSystem()
        try Self.make(logPath, segments: 2, bytes: 1 << 12, rows: 1_000, files)
        for place in [0, 20, 127] {
            var log = try LogFiles(files)
            let name = log.segments[0]
            log[name][log[name].count - 152 + place] ^= 1
            // The whole seal tells that it was changed.
            #expect(code { _ = try TickLogWriter(logPath, log.machine()) } == .damaged)
        }
    }

    static let measured = unsafe getenv("STREAMER_LARGE_LOG").map { unsafe String(cString: $0) }

    /// A log for measurements: `STREAMER_LARGE_LOG=<folder>:<segments>`.
    @Test(.enabled(if: measured != nil)) func aLogForMeasurements() throws {
        let words = (Self.measured ?? "").split(separator: ":" as Character)
        let files = POSIXFileSystem()
        let path = try Path(String(words[0]))
        try files.createDirectories(path.parent)
        try Self.make(
            path, segments: Int(words[1]) ?? 10, bytes: 64 << 20, rows: 8_000_000, files)
    }
}
