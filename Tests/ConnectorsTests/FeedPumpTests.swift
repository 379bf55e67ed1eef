import Columnar
import ConnectorAPI
import Decoding
import Feeds
import SimulatorConnector
import Storage
import Synchronization
import TestSupport
import Testing
import TextConnector
import TickLog

@Suite struct FeedPumpTests {
    /// Malformed records as a table keeps them: a publication replaces an earlier one of its name.
    private final class MalformedTable {
        var publications: [Int64: RecordBatch] = [:]

        var rows: [[Value]] {
            publications.sorted { $0.key < $1.key }.flatMap { $0.value.rows }
        }
    }

    private struct Interruption: Error {}

    private static let text: [UInt8] = {
        var text = "symbol,time,price,volume\n"
        for row in 0..<1_000 {
            text += row % 37 == 0 ? "bad \(row)\n" : "S\(row % 7),1970-01-01 00:00:00,\(row),1\n"
        }
        return Array(text.utf8)
    }()

    private func feed(_ path: Path, _ files: POSIXFileSystem) throws -> CSVFeed {
        try CSVFeed(
            CSVSpec(
                FeedInput([path.string]),
                columns: [
                    FeedColumn("symbol", .string), FeedColumn("time", .timestamp),
                    FeedColumn("price", .double), FeedColumn("volume", .long),
                ], eventTime: "time"), files: files)
    }

    private func rows(_ path: Path, _ files: POSIXFileSystem) throws -> [[Value]] {
        let reader = try TickLogReader(path, files)
        return try reader.read(reader.startOffset..<reader.endOffset).flatMap { $0.batch.rows }
    }

    /// However often the pump is interrupted, and with whatever batches it goes on, the log has
    /// every row once and the table every malformed record once.
    @Test(arguments: [UInt64(1), 2, 3, 4, 5])
    func everyRowExactlyOnce(seed: UInt64) throws {
        try withTemporaryDirectory { files, directory in
            let input = try directory.appending("input.csv")
            try write(Self.text, input, files)
            let whole = drain(try feed(input, files))
            let log = try directory.appending("log")
            try TickLogWriter.create(
                log, schema: try feed(input, files).schema, timeColumn: "time", files)
            let table = MalformedTable()
            var random = TestRandom(state: seed)
            var isDone = false
            var attempts = 0
            while !isDone {
                attempts += 1
                let writer = try TickLogWriter(log, files)
                var options = FeedPump.Options()
                options.batchRowsMax = 1 + random.next(below: 60)
                options.syncIntervalMs = Int64(random.next(below: 2)) * 1_000
                var left = 1 + random.next(below: 12)
                let pump = try FeedPump(
                    try feed(input, files), into: writer, options: options
                ) { side in
                    #expect(side.kind == .malformed)
                    table.publications[side.firstNumber] = side.rows
                    left -= 1
                    if left == 0 { throw Interruption() }
                }
                do {
                    isDone = try pump.run(until: {
                        left -= 1
                        return left <= 0
                    }).reachedEnd
                } catch is Interruption {}
                try writer.close()
            }
            #expect(attempts > 3)
            #expect(try rows(log, files) == whole.rows)
            #expect(table.rows.map { $0[6] } == whole.malformed.map { .string($0.text) })
            #expect(
                table.rows.map { $0[1] } == whole.malformed.indices.map { .long(Int64($0)) })
        }
    }

    /// A feed that is finished adds nothing when it is pumped again.
    @Test func aSecondRunAddsNothing() throws {
        try withTemporaryDirectory { files, directory in
            let log = try directory.appending("log")
            var market = SimulatorSpec()
            market.ticks = 5_000
            let schema = try SimulatorFeed(market).schema
            try TickLogWriter.create(log, schema: schema, timeColumn: "event_time", files)
            for expected: Int64 in [5_000, 0] {
                let writer = try TickLogWriter(log, files)
                let report = try FeedPump(try SimulatorFeed(market), into: writer) { _ in }.run()
                #expect(report.rows == expected && report.reachedEnd)
                try writer.close()
            }
            #expect(try rows(log, files) == drain(try SimulatorFeed(market)).rows)
        }
    }

    @Test func aLogOfOtherColumnsIsRefused() throws {
        try withTemporaryDirectory { files, directory in
            let log = try directory.appending("log")
            let schema = Schema([Field("event_time", .timestamp, isNullable: false)])
            try TickLogWriter.create(log, schema: schema, timeColumn: "event_time", files)
            let writer = try TickLogWriter(log, files)
            #expect(throws: ConnectorError.self) {
                try FeedPump(try SimulatorFeed(SimulatorSpec()), into: writer) { _ in }
            }
            try writer.close()
        }
    }

    /// A clock that only moves when someone sleeps.
    private final class TestClock: TimeSource {
        private let time = Mutex<UInt64>(0)

        func nowMicros() -> Int64 { Int64(monotonicNanos() / 1_000) }
        func monotonicNanos() -> UInt64 { time.withLock { $0 } }
        func sleep(nanos: UInt64) { time.withLock { $0 += nanos } }
    }

    @Test func theRateIsKept() throws {
        try withTemporaryDirectory { files, directory in
            let log = try directory.appending("log")
            var market = SimulatorSpec()
            market.ticksPerSecond = 1_000
            market.start = .now
            let clock = TestClock()
            let feed = try SimulatorFeed(market, time: clock)
            try TickLogWriter.create(log, schema: feed.schema, timeColumn: "event_time", files)
            let writer = try TickLogWriter(log, files)
            let pump = try FeedPump(feed, into: writer, time: clock) { _ in }
            let report = try pump.run(until: { clock.monotonicNanos() >= 2_000_000_000 })
            #expect(report.rows >= 1_990 && report.rows <= 2_000)
            #expect(try TickLogReader(log, files).endOffset == report.rows)
            try writer.close()
        }
    }
}
