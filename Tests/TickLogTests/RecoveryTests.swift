import Columnar
import Storage
import TestSupport
import Testing
import TickLog

@Suite struct RecoveryTests {
    /// Three durable appends and two that were never synced, the last of two groups; where each
    /// append ends in the segment's bytes.
    func unsynced() throws -> (LogFiles, ends: [Int]) {
        let files = SimulatedFileSystem()
        try Small.create(files)
        let writer = try TickLogWriter(
            logPath, options: TickLogOptions(groupRowsMax: 3), files)
        var ends: [Int] = []
        for batch in 0..<5 {
            try writer.append(
                Small.rows(batch * 3..<batch * 3 + (batch == 4 ? 6 : 3)),
                producer: ProducerPosition(id: "feed", position: "\(batch)"))
            if batch == 2 { try writer.sync() }
            let log = try LogFiles(files)
            ends.append(log[log.segments[0]].count)
        }
        return (try LogFiles(files), ends)
    }

    @Test func aTailTornAnywhereIsCutAtAnAppend() throws {
        let (log, ends) = try unsynced()
        let name = log.segments[0]
        for length in ends[2]...ends[4] {
            var torn = log
            torn[name] = Array(log[name][..<length])
            let files = try torn.machine()
            let writer = try TickLogWriter(logPath, files)
            let whole = ends.count { $0 <= length }
            let end = whole == 5 ? 18 : whole * 3
            #expect(writer.endOffset == Int64(end))
            #expect(writer.durableOffset == Int64(end))
            #expect(writer.producerPosition("feed") == "\(whole - 1)")
            #expect(writer.recovery.bytesDropped == Int64(length - ends[whole - 1]))
            // What was recovered is durable before anybody reads it, and appends go on behind it.
            let reader = try mendedReader(files.restarted(.syncedOnly))
            #expect(try reader.allRows() == Small.rows(0..<end).rows)
        }
        for length in ends[1]..<ends[2] {
            var cut = log
            cut[name] = Array(log[name][..<length])
            #expect(code { _ = try TickLogWriter(logPath, cut.machine()) } == .damaged)
            #expect(code { _ = try mendedReader(cut.machine()).allRows() } == .damaged)
        }
    }

    @Test func aSealOfWhichOnlyTheEndReachedTheDiskIsATornTail() throws {
        let files = SimulatedFileSystem()
        try Small.create(files)
        let writer = try TickLogWriter(logPath, files)
        try writer.append(Small.rows(0..<3))
        try writer.sync()
        let rows = try LogFiles(files)
        try writer.seal()
        let sealed = try LogFiles(files)
        let name = sealed.segments[0]
        let dataBytes = rows[name].count
        for lost in stride(from: dataBytes + 1, to: sealed[name].count - 24, by: 97) {
            // No segment follows: the machine went down before the seal was synced.
            var torn = rows
            torn[name] = sealed[name]
            torn[name].replaceSubrange(
                dataBytes..<lost, with: repeatElement(0, count: lost - dataBytes))
            let mended = try torn.machine()
            #expect(try TickLogWriter(logPath, mended).endOffset == 3)
            let reader = try mendedReader(mended.restarted(.syncedOnly))
            #expect(try reader.allRows() == Small.rows(0..<3).rows)
        }
    }

    @Test(arguments: [0, 0xff, 0x5a] as [UInt8]) func aTailOfGarbageIsCut(_ filler: UInt8) throws {
        let (log, ends) = try unsynced()
        let name = log.segments[0]
        for length in stride(from: ends[2], through: ends[4], by: 37) {
            var torn = log
            torn[name] =
                Array(log[name][..<length]) + [UInt8](repeating: filler, count: 5_000)
            let writer = try TickLogWriter(logPath, torn.machine())
            // Zeros may complete the padding at the end of a group.
            let whole = ends.count { torn[name].prefix($0) == log[name].prefix($0) }
            #expect(writer.endOffset == Int64(whole == 5 ? 18 : whole * 3))
            #expect(writer.recovery.bytesDropped > 0)
        }
    }

    @Test func aFlippedBitIsTornOnlyWhereNothingWasDurable() throws {
        let (log, ends) = try unsynced()
        let name = log.segments[0]
        for byte in stride(from: 0, to: ends[4], by: 5) {
            var damaged = log
            damaged[name][byte] ^= 4
            let files = try damaged.machine()
            if byte < ends[2] {
                #expect(code { _ = try TickLogWriter(logPath, files) } == .damaged)
            } else {
                let writer = try TickLogWriter(logPath, files)
                #expect(writer.endOffset == (byte < ends[3] ? 9 : 12))
            }
        }
    }

    @Test func laterGroupsVouchForEarlierOnesWithoutTheHighWatermark() throws {
        // The group from offset 9 on says that everything before 9 was durable.
        let (log, ends) = try unsynced()
        var damaged = log
        damaged.contents["durable"] = nil
        damaged[log.segments[0]][ends[0] + 200] ^= 1
        #expect(code { _ = try TickLogWriter(logPath, damaged.machine()) } == .damaged)
        // Only groups that do not vouch for it follow this one.
        damaged = log
        damaged.contents["durable"] = nil
        damaged[log.segments[0]][ends[2] + 200] ^= 1
        #expect(try TickLogWriter(logPath, damaged.machine()).endOffset == 9)
    }

    @Test func everyCrashKeepsWhatWasAcknowledged() throws {
        // Each append of `n` rows carries the number of rows so far as its position.
        let survived = try sweepCrashes(
            seeds: 3, prepare: { try Small.create($0) },
            run: { files in
                let writer = try TickLogWriter(
                    logPath, options: TickLogOptions(segmentBytesMax: 4_000, groupRowsMax: 2), files
                )
                for batch in 0..<5 {
                    let end = batch * 5 + 5
                    try writer.append(
                        Small.rows(batch * 5..<end),
                        producer: ProducerPosition(id: "feed", position: "\(end)"))
                    if batch != 1 {
                        try RecoveredLog.acknowledge(writer.sync(), files)
                    }
                }
                if let first = try writer.sealedSegments().first {
                    try writer.compress(segment: first)
                }
                try writer.retain(bytesMax: 0, neededFrom: 12)
            },
            recover: { files, point in
                // The high watermark may be torn, then it is named.
                try RecoveredLog(files: files, point: point).check(
                    isEnd: { $0 % 5 == 0 }, mayRefuse: { $0.message.contains("'durable'") })
            })
        #expect(survived > 200)
    }

    @Test func aSweepNoticesDroppedSyncs() throws {
        // The test above must be able to fail: without syncs it has to.
        var lost = 0
        try sweepCrashes(
            seeds: 1, mutant: Mutant(.fileSyncDropped), prepare: { try Small.create($0) },
            run: { files in
                let writer = try TickLogWriter(logPath, files)
                try writer.append(Small.rows(0..<5))
                try writer.sync()
                try files.createDirectories(Path("acknowledged"))
            },
            recover: { files, _ in
                guard try files.exists(Path("acknowledged")) else { return }
                let end = (try? TickLogWriter(logPath, files).durableOffset) ?? 0
                if end < 5 { lost += 1 }
            })
        #expect(lost > 0)
    }

    @Test func aFullDiskRefusesAndThenGoesOn() throws {
        let files = SimulatedFileSystem()
        try Small.create(files)
        let writer = try TickLogWriter(logPath, files)
        try writer.append(Small.rows(0..<3))
        try writer.sync()
        try writer.append(Small.rows(3..<6))
        files.plan(.failure(.noSpace), at: files.operations)
        #expect(code { try writer.append(Small.rows(6..<9)) } == .noSpace)
        #expect(writer.endOffset == 6)
        try writer.append(Small.rows(6..<9))
        try writer.sync()
        #expect(try TickLogReader(logPath, files).allRows() == Small.rows(0..<9).rows)
        let restarted = files.restarted(.syncedOnly)
        #expect(try TickLogWriter(logPath, restarted).endOffset == 9)
    }

    @Test func aFailedSyncStopsTheWriterForGood() throws {
        let files = SimulatedFileSystem()
        try Small.create(files)
        let writer = try TickLogWriter(logPath, files)
        try writer.append(Small.rows(0..<3))
        try writer.sync()
        try writer.append(Small.rows(3..<6))
        files.plan(.failure(.inputOutput), at: files.operations)
        #expect(code { try writer.sync() } == .writerFailed)
        #expect(code { try writer.sync() } == .writerFailed)
        #expect(code { try writer.append(Small.rows(6..<9)) } == .writerFailed)
        #expect(try TickLogReader(logPath, files).endOffset == 3)
        let restarted = files.restarted(.syncedOnly)
        let again = try TickLogWriter(logPath, restarted)
        #expect(again.endOffset == 3)
    }
}
