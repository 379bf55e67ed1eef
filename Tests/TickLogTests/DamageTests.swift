import Columnar
import Storage
import TestSupport
import Testing
import TickLog

@Suite struct DamageTests {
    /// Opens the log with a reader and returns its rows, or `nil` when they are refused.
    func read(_ files: SimulatedFileSystem) throws -> [[Value]]? {
        do {
            return try mendedReader(files).allRows()
        } catch {
            return error.code == .damaged || error.code == .newerVersion ? nil : []
        }
    }

    func isSound(_ files: SimulatedFileSystem) -> Bool {
        (try? mendedReader(files).verify().faults.isEmpty) ?? false
    }

    /// Two groups that are durable in each of two segments.
    func twoSegments() throws -> LogFiles {
        let files = SimulatedFileSystem()
        try Small.create(files)
        let writer = try TickLogWriter(logPath, files)
        for batch in 0..<4 {
            try writer.append(Small.rows(batch * 3..<batch * 3 + 3))
            try writer.sync()
            if batch == 1 { try writer.seal() }
        }
        return try LogFiles(files)
    }

    @Test func everyFlippedBitIsFoundAndNeverBelieved() throws {
        let log = try twoSegments()
        let rows = Small.rows(0..<12).rows
        #expect(try read(log.machine()) == rows)
        for name in log.segments + ["log.json"] {
            // All bits in a release build, a sample in a slow one.
            let step = _isDebugAssertConfiguration() ? 31 : 1
            for bit in stride(from: 0, to: log[name].count * 8, by: step) {
                let byte = bit / 8
                var damaged = log
                damaged[name][byte] ^= 1 << UInt8(bit % 8)
                let files = try damaged.machine()
                #expect(!isSound(files), "\(name) bit \(bit) is not noticed by verify")
                let found = try read(files)
                #expect(found == nil || found == rows, "\(name) bit \(bit) is believed")
            }
        }
    }

    @Test func groupsInTheWrongPlaceAreFound() throws {
        let log = try twoSegments()
        let places = groups(log[log.segments[1]])
        try #require(places.count == 2 && places[0].count == places[1].count)
        var swapped = log
        let bytes = log[log.segments[1]]
        swapped[log.segments[1]].replaceSubrange(places[0], with: bytes[places[1]])
        swapped[log.segments[1]].replaceSubrange(places[1], with: bytes[places[0]])
        try expectRefused(swapped)
        var repeated = log
        repeated[log.segments[1]].replaceSubrange(places[1], with: bytes[places[0]])
        try expectRefused(repeated)
        var missing = log
        missing[log.segments[1]].removeSubrange(places[0])
        try expectRefused(missing)
    }

    @Test func groupsOfAnotherHistoryAreFound() throws {
        // The same identity and offsets, other rows: what a restored copy may leave behind.
        func history(_ uuid: String, _ first: Int) throws -> LogFiles {
            let files = SimulatedFileSystem()
            try Small.create(files, uuid: uuid)
            let writer = try TickLogWriter(logPath, files)
            for start in [0, first, first + 10] {
                try writer.append(Small.rows(start..<start + 3))
                try writer.sync()
            }
            return try LogFiles(files)
        }
        let log = try history("0", 3)
        let name = log.segments[0]
        let places = groups(log[name])
        for other in [try history("0", 30), try history("1", 3)] {
            for group in [0, 1] {
                try #require(groups(other[name])[group] == places[group])
                var pasted = log
                pasted[name].replaceSubrange(places[group], with: other[name][places[group]])
                if pasted[name] == log[name] { continue }
                try expectRefused(pasted)
            }
        }
    }

    func expectRefused(_ log: LogFiles) throws {
        #expect(!isSound(try log.machine()))
        #expect(try read(log.machine()) == nil)
        let machine = try log.machine()
        #expect(code { _ = try TickLogWriter(logPath, machine) } == .damaged)
        // Refusing changes nothing.
        #expect(try LogFiles(machine).contents == log.contents)
    }

    /// Where the groups of an unsealed segment are.
    func groups(_ bytes: [UInt8]) -> [Range<Int>] {
        let buffer = Buffer(copying: bytes)
        var places: [Range<Int>] = []
        var position = 0
        var start = 0
        while let message = try? ArrowMessage.decode(buffer, at: position) {
            position = message.range.upperBound
            if message.kind == .recordBatch { places.append(start..<position) }
            if message.kind != .dictionaryBatch { start = position }
        }
        return places
    }

    @Test func damageInASealedSegmentNamesFileAndPlace() throws {
        let log = try twoSegments()
        var damaged = log
        let place = groups(log[log.segments[0]])[1]
        damaged[log.segments[0]][place.upperBound - 1] ^= 0x10
        let reader = try mendedReader(damaged.machine())
        #expect(try reader.allRows(0..<3) == Small.rows(0..<3).rows)
        do {
            _ = try reader.allRows(0..<6)
            Issue.record("damaged rows were read")
        } catch {
            #expect(error.code == .damaged)
            #expect(error.file == "ticks/00000000000000000000.arrows")
            #expect(error.position == Int64(place.lowerBound))
            #expect(error.message.contains("checksum"))
        }
        #expect(try reader.allRows(6..<12) == Small.rows(6..<12).rows)
        #expect(try reader.verify().faults.count == 1)
    }

    @Test func missingSegmentsAreFound() throws {
        let log = try twoSegments()
        for name in log.segments {
            var missing = log
            missing.contents[name] = nil
            #expect(code { _ = try mendedReader(missing.machine()) } == .damaged)
            #expect(code { _ = try TickLogWriter(logPath, missing.machine()) } == .damaged)
        }
    }

    @Test func aWriterRestoresTheHighWatermark() throws {
        let log = try twoSegments()
        for mark in [nil, [], [UInt8](repeating: 7, count: 64)] as [[UInt8]?] {
            var damaged = log
            damaged.contents["durable"] = mark
            let files = try damaged.machine()
            #expect(code { _ = try TickLogReader(logPath, files) } != nil)
            #expect(try TickLogWriter(logPath, files).durableOffset == 12)
            #expect(try mendedReader(files).allRows() == Small.rows(0..<12).rows)
        }
    }

    @Test func aNewerLogIsRefused() throws {
        var log = try twoSegments()
        let text = String(decoding: log["log.json"], as: UTF8.self)
        log["log.json"] = Array(text.replacing("\"version\":1", with: "\"version\":2").utf8)
        #expect(code { _ = try TickLogReader(logPath, log.machine()) } == .newerVersion)
    }
}
