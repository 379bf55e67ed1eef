import Columnar
import Storage
import TestSupport
import Testing
import TickLog

/// Journals after crashes, damage and full disks.
@Suite struct JournalRecoveryTests {
    let files = SimulatedFileSystem()

    @Test func everyCrashKeepsWhatWasAcknowledged() throws {
        // Each append carries the number of rows so far as its position.
        let survived = try sweepCrashes(
            seeds: 3, prepare: { try Small.create($0) },
            run: { files in
                let writer = try TickLogWriter(
                    logPath, options: JournalTests.options(rowsMax: 6, segmentBytesMax: 4_000),
                    files)
                var end = 0
                for (index, size) in [1, 3, 2, 4, 5, 1, 2, 6, 1, 2].enumerated() {
                    try writer.append(
                        Small.rows(end..<end + size),
                        producer: ProducerPosition(id: "feed", position: "\(end + size)"))
                    end += size
                    if index % 3 == 1 { continue }
                    try RecoveredLog.acknowledge(writer.sync(), files)
                }
                if let first = try writer.sealedSegments().first {
                    try writer.compress(segment: first)
                    try writer.retain(bytesMax: 0, neededFrom: 12)
                }
                try writer.close()
            },
            recover: { files, point in
                // The high watermark may be torn, or older than the names of files that it speaks of.
                try RecoveredLog(files: files, point: point).check(
                    JournalTests.options(rowsMax: 6),
                    isEnd: { [0, 1, 4, 6, 10, 15, 16, 18, 24, 25, 27].contains($0) },
                    mayRefuse: { _ in true })
            })
        #expect(survived > 300)
    }

    /// Three durable appends and two that were never synced; where each ends in the journal.
    func unsynced() throws -> (LogFiles, name: String, ends: [Int]) {
        try Small.create(files)
        let writer = try TickLogWriter(logPath, options: JournalTests.options(), files)
        var ends: [Int] = []
        for batch in 0..<5 {
            try writer.append(
                Small.rows(batch * 3..<batch * 3 + 3),
                producer: ProducerPosition(id: "feed", position: "\(batch)"))
            if batch == 2 { try writer.sync() }
            ends.append(try LogFiles(files)[try JournalTests.journals(files)[0]].count)
        }
        return (try LogFiles(files), try JournalTests.journals(files)[0], ends)
    }

    @Test func aTailTornAnywhereIsCutAtAnAppend() throws {
        let (log, name, ends) = try unsynced()
        for length in ends[1]...ends[4] {
            for filler in [nil, 0, 0xff] as [UInt8?] {
                var torn = log
                torn[name] = Array(log[name][..<length])
                if let filler { torn[name] += [UInt8](repeating: filler, count: 100) }
                let machine = try torn.machine()
                // Zeros may be what a frame ends with.
                let whole = ends.count { torn[name].prefix($0) == log[name].prefix($0) }
                guard whole >= 3 else {
                    #expect(code { _ = try TickLogWriter(logPath, machine) } == .damaged)
                    continue
                }
                let writer = try TickLogWriter(logPath, machine)
                #expect(writer.durableOffset == Int64(whole * 3))
                #expect(writer.producerPosition("feed") == "\(whole - 1)")
                let rest = torn[name].count - ends[whole - 1]
                #expect(writer.recovery.bytesDropped == Int64(rest))
                let reader = try mendedReader(machine.restarted(.syncedOnly))
                #expect(try reader.allRows() == Small.rows(0..<whole * 3).rows)
            }
        }
    }

    @Test func aFlippedBitIsTornOnlyWhereNothingWasDurable() throws {
        let (log, name, ends) = try unsynced()
        for byte in 0..<ends[4] {
            var damaged = log
            damaged[name][byte] ^= 4
            let machine = try damaged.machine()
            if byte < ends[2] {
                #expect(code { _ = try TickLogWriter(logPath, machine) } == .damaged, "\(byte)")
                #expect(code { _ = try mendedReader(machine).allRows() } == .damaged, "\(byte)")
            } else {
                #expect(
                    try TickLogWriter(logPath, machine).endOffset == (byte < ends[3] ? 9 : 12))
            }
        }
        // Without the high watermark a later frame vouches for those before it.
        var damaged = log
        damaged.contents["durable"] = nil
        damaged[name][ends[0] + 20] ^= 1
        #expect(code { _ = try TickLogWriter(logPath, damaged.machine()) } == .damaged)
        damaged = log
        damaged.contents["durable"] = nil
        damaged[name][ends[2] + 20] ^= 1
        #expect(try TickLogWriter(logPath, damaged.machine()).endOffset == 9)
    }

    @Test func aMissingOrForeignJournalIsRefused() throws {
        let (log, name, _) = try unsynced()
        var missing = log
        missing.contents[name] = nil
        #expect(code { _ = try TickLogWriter(logPath, missing.machine()) } == .damaged)
        #expect(code { _ = try mendedReader(missing.machine()) } == .damaged)
        let other = SimulatedFileSystem()
        try Small.create(other)
        let writer = try TickLogWriter(logPath, options: JournalTests.options(), other)
        for batch in 0..<5 { try writer.append(Small.rows(batch * 3..<batch * 3 + 3)) }
        try writer.sync()
        var foreign = log
        foreign[name] = try LogFiles(other)[name]
        #expect(code { _ = try TickLogWriter(logPath, foreign.machine()) } == .damaged)
    }

    @Test func aFullDiskRefusesAndThenGoesOn() throws {
        for step in 0..<40 {
            let files = SimulatedFileSystem()
            try Small.create(files)
            let writer = try TickLogWriter(
                logPath, options: JournalTests.options(rowsMax: 4), files)
            files.plan(.failure(.noSpace), at: files.operations + step)
            var end = 0
            for size in [2, 2, 1, 3, 4, 1, 1, 1] {
                for _ in 0..<2 {
                    let before = writer.endOffset
                    do {
                        try writer.append(Small.rows(end..<end + size))
                    } catch {
                        // The rows of an append whose journal could not be folded are there.
                        #expect(error.code == .noSpace || error.code == .writerFailed, "\(step)")
                    }
                    if writer.endOffset > before { break }
                }
                end = Int(writer.endOffset)
                _ = try? writer.sync()
            }
            let reader = try TickLogReader(logPath, files)
            let durable = Int(reader.endOffset)
            #expect(durable <= writer.durableOffset, "\(step)")
            #expect(try reader.allRows() == Small.rows(0..<durable).rows, "\(step)")
            let again = try TickLogWriter(logPath, files.restarted(.syncedOnly))
            #expect(again.endOffset >= durable, "\(step)")
        }
    }
}
