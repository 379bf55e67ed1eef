import Columnar
import Storage
import TestSupport
import Testing
import TickLog

@Suite struct TickLogTests {
    let files = SimulatedFileSystem()

    func writer(_ options: TickLogOptions = TickLogOptions()) throws -> TickLogWriter {
        if try !files.exists(logPath) {
            try TickLogWriter.create(
                logPath, schema: Ticks.schema, timeColumn: "event_time", files)
        }
        return try TickLogWriter(logPath, options: options, files)
    }

    @Test func rowsOfEveryTypeComeBack() throws {
        let writer = try writer()
        let reader = try TickLogReader(logPath, files)
        #expect(reader.endOffset == 0)
        #expect(try writer.append(Ticks.rows(0..<100)) == 0..<100)
        #expect(try reader.refresh() == 0)
        #expect(try writer.sync() == 100)
        #expect(try reader.refresh() == 100)
        #expect(try reader.allRows() == Ticks.rows(0..<100).rows)
        #expect(try writer.append(Ticks.rows(100..<101)) == 100..<101)
        #expect(try writer.append(Ticks.rows(0..<0)) == 101..<101)
        try writer.sync()
        try reader.refresh()
        #expect(try reader.allRows(50..<101) == Ticks.rows(50..<101).rows)
        #expect(reader.schema == Ticks.schema)
        #expect(reader.timeColumn == "event_time")
        #expect(reader.uuid == writer.uuid)
    }

    @Test func rangesAndColumnsAreCutExactly() throws {
        let writer = try writer(TickLogOptions(groupRowsMax: 10))
        try writer.append(Ticks.rows(0..<35))
        try writer.sync()
        let reader = try TickLogReader(logPath, files)
        for first in 0..<35 {
            for end in first...35 {
                let blocks = try reader.read(
                    Int64(first)..<Int64(end), columns: [3, 0], rowsMax: 4)
                let rows = blocks.flatMap(\.batch.rows)
                #expect(rows == Ticks.rows(first..<end).rows.map { [$0[3], $0[0]] })
                for block in blocks {
                    #expect(block.batch.count <= 4)
                    let times = Ticks.rows(Int(block.baseOffset)..<Int(block.endOffset))
                        .rows.compactMap { row -> Int64? in
                            if case .timestamp(let time) = row[1] { time } else { nil }
                        }
                    #expect(block.timeMin == times.min())
                    #expect(block.timeMax == times.max())
                }
            }
        }
    }

    @Test func manySegmentsReadAsOneLog() throws {
        let writer = try writer(TickLogOptions(segmentBytesMax: 20_000, groupRowsMax: 16))
        let reader = try TickLogReader(logPath, files)
        for batch in 0..<30 {
            try writer.append(Ticks.rows(batch * 20..<batch * 20 + 20))
            try writer.sync()
            try reader.refresh()
            #expect(try reader.allRows() == Ticks.rows(0..<batch * 20 + 20).rows)
        }
        #expect(try writer.sealedSegments().count > 3)
        #expect(try TickLogReader(logPath, files).allRows() == Ticks.rows(0..<600).rows)
        let report = try reader.verify()
        #expect(report.faults.isEmpty)
        #expect(report.rows == 600)
    }
}
