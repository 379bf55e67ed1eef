import Columnar
import Storage
import Synchronization
import TestSupport
import Testing
import TickLog

/// Appends of a few rows: they lie in journals, then in segments.
@Suite struct JournalTests {
    let files = SimulatedFileSystem()

    static func options(rowsMax: Int = 20, segmentBytesMax: Int = 64 << 20) -> TickLogOptions {
        var journal = JournalOptions()
        journal.rowsMax = rowsMax
        return TickLogOptions(segmentBytesMax: segmentBytesMax, groupRowsMax: 16, journal: journal)
    }

    static func journals(_ files: SimulatedFileSystem) throws -> [String] {
        try files.list(logPath).map(\.name).filter { $0.hasSuffix(".journal") }
    }

    /// Sizes of appends that are not all alike.
    static func appends(_ rows: Int) -> [Range<Int>] {
        var ranges: [Range<Int>] = []
        var next = 0
        while next < rows {
            let end = min(rows, next + 1 + (ranges.count * 5) % 7)
            ranges.append(next..<end)
            next = end
        }
        return ranges
    }

    @Test func smallAppendsReadAsOneLog() throws {
        try TickLogWriter.create(logPath, schema: Ticks.schema, timeColumn: "event_time", files)
        let writer = try TickLogWriter(
            logPath, options: Self.options(segmentBytesMax: 9_000), files)
        let reader = try TickLogReader(logPath, files)
        for append in Self.appends(300) {
            #expect(
                try writer.append(Ticks.rows(append))
                    == Int64(append.lowerBound)..<Int64(append.upperBound))
            // Where the append found a journal full, folding it made all rows durable.
            let seen = try reader.refresh()
            #expect(seen == append.lowerBound || seen == append.upperBound)
            #expect(try writer.sync() == Int64(append.upperBound))
            #expect(try reader.refresh() == Int64(append.upperBound))
            #expect(try reader.allRows() == Ticks.rows(0..<append.upperBound).rows)
        }
        #expect(try writer.sealedSegments().count > 2)
        // One that is full waits for the next append.
        #expect(try (1...2).contains(Self.journals(files).count))
        for seen in [reader, try TickLogReader(logPath, files)] {
            let report = try seen.verify()
            #expect(report.faults.isEmpty && report.rows == 300)
            for first in stride(from: 0, to: 300, by: 13) {
                for end in stride(from: first, through: 300, by: 17) {
                    let blocks = try seen.read(
                        Int64(first)..<Int64(end), columns: [3, 0], rowsMax: 9)
                    #expect(
                        blocks.flatMap(\.batch.rows)
                            == Ticks.rows(first..<end).rows.map { [$0[3], $0[0]] })
                    for block in blocks {
                        let rows = Ticks.rows(Int(block.baseOffset)..<Int(block.endOffset))
                        let times = rows.columns[1]
                        let known = (0..<rows.count).filter { !times.isNull($0) }
                        #expect(block.timeMin == known.map { times.int64s[$0] }.min())
                        #expect(block.timeMax == known.map { times.int64s[$0] }.max())
                    }
                }
            }
        }
        try writer.close()
        #expect(try Self.journals(files).isEmpty)
        #expect(try reader.refresh() == 300)
        #expect(try reader.allRows() == Ticks.rows(0..<300).rows)
        #expect(try TickLogWriter(logPath, files).endOffset == 300)
    }

    @Test func largeAndSmallAppendsMix() throws {
        try TickLogWriter.create(logPath, schema: Ticks.schema, timeColumn: "event_time", files)
        var options = Self.options()
        options.journal?.appendRowsMax = 5
        let writer = try TickLogWriter(logPath, options: options, files)
        var end = 0
        for size in [1, 2, 40, 3, 0, 4, 4, 4, 4, 4, 4, 4, 7, 0, 1] {
            try writer.append(Ticks.rows(end..<end + size))
            end += size
        }
        try writer.sync()
        let reader = try TickLogReader(logPath, files)
        #expect(try reader.allRows() == Ticks.rows(0..<end).rows)
        #expect(try reader.verify().faults.isEmpty)
        let found = try reader.listing()
        #expect(found.map(\.kind) == [.active, .journal])
        #expect(found.map(\.offsets) == [0..<Int64(end - 1), Int64(end - 1)..<Int64(end)])
        try writer.seal()
        try reader.refresh()
        #expect(try reader.listing().map(\.kind) == [.sealed])
        #expect(try reader.allRows() == Ticks.rows(0..<end).rows)
    }

    @Test func aTickTakesFewBytes() throws {
        let schema = Schema([
            Field("symbol", .string, isNullable: false),
            Field("event_time", .timestamp, isNullable: false),
            Field("price", .double, isNullable: false), Field("volume", .long, isNullable: false),
            Field("bid", .double, isNullable: false), Field("ask", .double, isNullable: false),
        ])
        try TickLogWriter.create(logPath, schema: schema, timeColumn: "event_time", files)
        let writer = try TickLogWriter(
            logPath, options: TickLogOptions(journal: JournalOptions()), files)
        // A position as long as one of a simulated market of 200 symbols, of which one price changes.
        for tick in 0..<1_000 {
            let price = Double(10_000 + tick * 7 % 311) / 100
            let row: [Value] = [
                .string("S\(tick % 200)"), .timestamp(1_700_000_000_000_000 + Int64(tick) * 1_000),
                .double(price), .long(100), .double(price - 0.01), .double(price + 0.01),
            ]
            let changed = String(repeating: "4", count: 10 + tick % 3_000)
            let position =
                "v1 \(10_000 + tick) " + changed + "7"
                + String(
                    repeating: "4", count: 3_000 - tick % 3_000)
            try writer.append(
                RecordBatch(schema, rows: [row]),
                producer: ProducerPosition(id: "market", position: position))
            try writer.sync()
        }
        let bytes = try files.list(logPath).filter { $0.name.hasSuffix(".journal") }.map(\.size)
        #expect(bytes.reduce(0, +) < 80 * 1_000)
    }

    @Test func everyValueComesBackBitForBit() throws {
        let schema = Schema([Field("t", .timestamp), Field("x", .double), Field("n", .long)])
        let doubles: [Double] = [
            0, -0.0, 1, -1, 0.1, 123.45, 1e-6, 1e-7, .pi, 1e15, 9_007_199_254_740_992, 1e300,
            .infinity, -.infinity, .nan, .leastNonzeroMagnitude, 0.30000000000000004,
        ]
        let longs: [Int64] = [0, 1, -1, .min, .max, 0, .min, 63, -64, 64]
        try TickLogWriter.create(logPath, schema: schema, timeColumn: "t", files)
        let writer = try TickLogWriter(logPath, options: Self.options(rowsMax: 1_000), files)
        var rows: [[Value]] = []
        for (index, double) in doubles.enumerated() {
            // Alone, and beside each other one.
            for other in [nil] + doubles {
                let pair = [double] + (other.map { [$0] } ?? [])
                let batch = pair.enumerated().map { place, value -> [Value] in
                    let long = longs[(index + place + rows.count) % longs.count]
                    return [
                        .timestamp(long == .min ? 0 : long), .double(value),
                        place == 1 ? .null : .long(long),
                    ]
                }
                rows += batch
                try writer.append(RecordBatch(schema, rows: batch))
            }
        }
        try writer.sync()
        for _ in 0..<2 {
            let reader = try TickLogReader(logPath, files)
            let found = try reader.allRows()
            #expect(found.count == rows.count)
            for (row, expected) in zip(found, rows) {
                #expect(row[0] == expected[0] && row[2] == expected[2])
                guard case .double(let value) = row[1], case .double(let wanted) = expected[1]
                else { continue }
                #expect(value.bitPattern == wanted.bitPattern)
            }
            try writer.close()
        }
    }

    @Test func producersTakeTurns() throws {
        try Small.create(files)
        let writer = try TickLogWriter(logPath, options: Self.options(), files)
        for row in 0..<30 {
            let id = ["a", "b", nil][row % 3]
            try writer.append(
                Small.rows(row..<row + 1),
                producer: id.map { ProducerPosition(id: $0, position: "\(row)") })
        }
        try writer.sync()
        let machine = files.restarted(.syncedOnly)
        let again = try TickLogWriter(logPath, machine)
        #expect(again.producerPositions == ["a": "27", "b": "28"])
        #expect(try TickLogReader(logPath, machine).allRows() == Small.rows(0..<30).rows)
    }

    @Test func readersAreUndisturbedByFolding() throws {
        try withTemporaryDirectory { files, directory in
            let path = try directory.appending("ticks")
            try TickLogWriter.create(
                path, schema: Small.schema, timeColumn: "event_time", files)
            var options = Self.options(rowsMax: 50, segmentBytesMax: 30_000)
            options.isMaintained = true
            options.journal?.pendingMax = 2
            let writer = try TickLogWriter(path, options: options, files)
            let isDone = Atomic<Bool>(false)
            let folder = startThread {
                while !isDone.load(ordering: .relaxed) {
                    _ = try? writer.foldNext()
                    _ = try? writer.compressNext { true }
                }
            }
            #expect(folder == 0)
            let reader = try TickLogReader(path, files)
            var seen = 0
            for append in Self.appends(4_000) {
                try writer.append(Small.rows(append))
                let end = Int(try writer.sync())
                #expect(try reader.refresh() == Int64(end))
                let first = max(0, seen - 90)
                #expect(
                    try reader.allRows(Int64(first)..<Int64(end)) == Small.rows(first..<end).rows)
                seen = end
            }
            isDone.store(true, ordering: .relaxed)
            #expect(try TickLogReader(path, files).verify().rows == 4_000)
            try writer.close()
            #expect(try TickLogReader(path, files).allRows() == Small.rows(0..<4_000).rows)
        }
    }
}
