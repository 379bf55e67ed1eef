import Columnar
import Storage
import TestSupport
import Testing
import TickLog

@Suite struct LifeCycleTests {
    let files = SimulatedFileSystem()

    @Test func thereIsOneLogAndOneWriter() throws {
        #expect(code { _ = try TickLogReader(logPath, files) } == .notFound)
        #expect(code { _ = try TickLogWriter(logPath, files) } == .notFound)
        try Small.create(files)
        #expect(code { try Small.create(files) } == .alreadyExists)
        let writer = try TickLogWriter(logPath, files)
        #expect(code { _ = try TickLogWriter(logPath, files) } == .locked)
        try writer.close()
        #expect(code { try writer.append(Small.rows(0..<1)) } == .writerFailed)
        _ = try TickLogWriter(logPath, files)
    }

    /// Segments with rows are not overwritten by a new log, whatever else is lost.
    @Test func aLogWithoutItsDescriptionIsDamaged() throws {
        try Small.create(files)
        let empty = try LogFiles(files)
        let writer = try TickLogWriter(logPath, files)
        try writer.append(Small.rows(0..<3))
        try writer.close()
        var log = try LogFiles(files)
        log.contents["log.json"] = nil
        let machine = try log.machine()
        #expect(code { try Small.create(machine) } == .damaged)
        #expect(code { _ = try TickLogReader(logPath, machine) } == .damaged)
        #expect(try LogFiles(machine)[log.segments[0]] == log[log.segments[0]])
        // A creation that was cut off begins anew.
        var cutOff = empty
        cutOff.contents["log.json"] = nil
        #expect(code { try Small.create(cutOff.machine()) } == nil)
    }

    @Test func theTimeColumnMustBeATimestampOfTheSchema() {
        for name in ["time", "symbol"] {
            #expect(
                code {
                    try TickLogWriter.create(
                        logPath, schema: Small.schema, timeColumn: name, files)
                } == .invalidArgument)
        }
    }

    @Test func batchesMustHaveTheSchema() throws {
        try Small.create(files)
        let writer = try TickLogWriter(logPath, files)
        #expect(code { try writer.append(Ticks.rows(0..<1)) } == .schemaMismatch)
        let nulls = RecordBatch(Small.schema, rows: [[.null, .null]])
        #expect(code { try writer.append(nulls) } == .schemaMismatch)
        #expect(writer.endOffset == 0)
    }

    @Test func readersKnowWhatIsRemovedAndWhatIsAhead() throws {
        try Small.create(files)
        let writer = try TickLogWriter(logPath, files)
        try writer.append(Small.rows(0..<3))
        try writer.seal()
        try writer.append(Small.rows(3..<6))
        try writer.sync()
        let reader = try TickLogReader(logPath, files)
        let late = try TickLogReader(logPath, files)
        #expect(code { _ = try reader.read(0..<7) } == .offsetsAhead)
        #expect(try reader.allRows(0..<1) == Small.rows(0..<1).rows)
        #expect(try writer.retain(bytesMax: 0, neededFrom: 6) == 3)
        // One has the segment mapped, the other comes too late.
        #expect(code { _ = try late.read(0..<6) } == .offsetsRemoved)
        #expect(try reader.allRows(0..<6) == Small.rows(0..<6).rows)
        try reader.refresh()
        #expect(reader.startOffset == 3)
        #expect(code { _ = try reader.read(0..<6) } == .offsetsRemoved)
        #expect(try reader.allRows() == Small.rows(3..<6).rows)
    }

    @Test func positionsOfProducersSurvive() throws {
        try Small.create(files)
        func expect(_ a: String?, _ b: String?) throws {
            let writer = try TickLogWriter(logPath, files)
            #expect(writer.producerPosition("a") == a)
            #expect(writer.producerPosition("b") == b)
            try writer.close()
        }
        func append(_ id: String, _ position: String) throws {
            let writer = try TickLogWriter(logPath, files)
            let end = Int(writer.endOffset)
            try writer.append(
                Small.rows(end..<end + 3), producer: ProducerPosition(id: id, position: position))
            try writer.sync()
            try writer.close()
        }
        try expect(nil, nil)
        try append("a", "1 \u{1F600} \"x\"\n")
        try expect("1 \u{1F600} \"x\"\n", nil)
        try append("b", "7")
        var writer = try TickLogWriter(logPath, files)
        try writer.seal()
        try writer.close()
        try expect("1 \u{1F600} \"x\"\n", "7")
        try append("a", "2")
        writer = try TickLogWriter(logPath, files)
        try writer.seal()
        for segment in try writer.sealedSegments() { try writer.compress(segment: segment) }
        #expect(try writer.retain(bytesMax: 0, neededFrom: 9) == 9)
        try writer.close()
        try expect("2", "7")
        let unusable = ProducerPosition(id: "", position: "")
        writer = try TickLogWriter(logPath, files)
        #expect(
            code { try writer.append(Small.rows(0..<1), producer: unusable) } == .invalidArgument)
    }

    @Test func retentionKeepsWhatIsNeededAndWhatFits() throws {
        try Small.create(files)
        let time = ManualTime(nowMicros: 1_000)
        let writer = try TickLogWriter(logPath, files, time: time)
        for batch in 0..<6 {
            try writer.append(Small.rows(batch * 10..<batch * 10 + 10))
            try writer.seal()
            time.sleep(nanos: 1_000_000)
        }
        #expect(try writer.retain(neededFrom: 60) == 0)
        #expect(try writer.retain(sealedBeforeMicros: 2_500, neededFrom: 9) == 0)
        #expect(try writer.retain(sealedBeforeMicros: 2_500, neededFrom: 10) == 10)
        #expect(try writer.retain(sealedBeforeMicros: 2_500, neededFrom: 60) == 20)
        #expect(try writer.retain(bytesMax: 1 << 30, neededFrom: 60) == 20)
        #expect(try writer.retain(bytesMax: 0, neededFrom: 45) == 40)
        #expect(try writer.retain(bytesMax: 0, neededFrom: 60) == 60)
        #expect(writer.endOffset == 60)
        let reader = try TickLogReader(logPath, files)
        #expect(reader.startOffset == 60)
        #expect(reader.endOffset == 60)
        #expect(try reader.offset(atOrAfter: 0) == nil)
        try writer.append(Small.rows(60..<61))
        try writer.close()
        #expect(try TickLogWriter(logPath, files).endOffset == 61)
    }

    @Test func readersBehindARewriteCatchUp() throws {
        try Small.create(files)
        let writer = try TickLogWriter(logPath, files)
        try writer.append(Small.rows(0..<500))
        try writer.sync()
        // One has read nothing yet, one has the segment mapped; both take it for the active one.
        let fresh = try TickLogReader(logPath, files)
        let mapped = try TickLogReader(logPath, files)
        #expect(try mapped.allRows() == Small.rows(0..<500).rows)
        try writer.append(Small.rows(500..<600))
        try writer.seal()
        try writer.compress(segment: 0)
        #expect(try fresh.allRows(0..<500) == Small.rows(0..<500).rows)
        #expect(try mapped.allRows(0..<500) == Small.rows(0..<500).rows)
        for reader in [fresh, mapped] {
            #expect(try reader.refresh() == 600)
            #expect(try reader.allRows() == Small.rows(0..<600).rows)
            #expect(try reader.verify().faults.isEmpty)
        }
    }

    @Test func retentionFinishesAfterACrash() throws {
        try Small.create(files)
        let writer = try TickLogWriter(logPath, files)
        for batch in 0..<3 {
            try writer.append(Small.rows(batch * 3..<batch * 3 + 3))
            try writer.seal()
        }
        let before = try LogFiles(files)
        try writer.retain(bytesMax: 0, neededFrom: 9)
        // The high watermark says so already, the files are still there.
        var crashed = before
        crashed["durable"] = try LogFiles(files)["durable"]
        let machine = try crashed.machine()
        #expect(try TickLogReader(logPath, machine).startOffset == 9)
        #expect(try TickLogWriter(logPath, machine).startOffset == 9)
        #expect(try LogFiles(machine).segments.count == 1)
    }

    @Test func rewrittenSegmentsReadTheSame() throws {
        let options = TickLogOptions(segmentBytesMax: 60_000, groupRowsMax: 50)
        try TickLogWriter.create(logPath, schema: Ticks.schema, timeColumn: "event_time", files)
        let writer = try TickLogWriter(logPath, options: options, files)
        for batch in 0..<20 {
            try writer.append(Ticks.rows(batch * 100..<batch * 100 + 100))
            try writer.sync()
        }
        let rows = Ticks.rows(0..<2_000).rows
        let before = try TickLogReader(logPath, files)
        let first = try before.read(0..<120)
        let sizes = try LogFiles(files)
        for segment in try writer.sealedSegments() {
            try writer.compress(segment: segment, rowsMax: 300)
        }
        #expect(sizes.segments.count > 2)
        let after = try LogFiles(files)
        for name in sizes.segments.dropLast() {
            #expect(after[name].count * 2 < sizes[name].count)
        }
        #expect(first.flatMap(\.batch.rows) == Ticks.rows(0..<120).rows)
        #expect(try before.allRows() == rows)
        try before.refresh()
        #expect(try before.allRows() == rows)
        let reader = try TickLogReader(logPath, files)
        #expect(try reader.allRows() == rows)
        #expect(try reader.allRows(333..<1_777) == Ticks.rows(333..<1_777).rows)
        #expect(try reader.verify().faults.isEmpty)
        try writer.close()
        #expect(try TickLogWriter(logPath, files).endOffset == 2_000)
        #expect(code { try writer.compress(segment: 0) } == .writerFailed)
    }

    @Test func timesAreFoundAsByLookingAtEveryRow() throws {
        try TickLogWriter.create(logPath, schema: Ticks.schema, timeColumn: "event_time", files)
        let writer = try TickLogWriter(
            logPath, options: TickLogOptions(segmentBytesMax: 30_000, groupRowsMax: 8), files)
        for batch in 0..<10 { try writer.append(Ticks.rows(batch * 20..<batch * 20 + 20)) }
        try writer.sync()
        let reader = try TickLogReader(logPath, files)
        let times = Ticks.rows(0..<200).rows.map { row -> Int64? in
            if case .timestamp(let time) = row[1] { time } else { nil }
        }
        for row in 0..<200 {
            for shift in [-1, 0, 1] as [Int64] {
                let wanted = Ticks.time(Int64(row)) + shift
                let expected = times.firstIndex { ($0 ?? .min) >= wanted }
                #expect(try reader.offset(atOrAfter: wanted) == expected.map { Int64($0) })
            }
        }
        #expect(try reader.offset(atOrAfter: .max) == nil)
        #expect(try reader.offset(atOrAfter: .min + 1) == 0)
    }

    @Test func aReaderFollowsAWriterOnRealFiles() throws {
        try withTemporaryDirectory { files, directory in
            let path = try directory.appending("ticks")
            try TickLogWriter.create(
                path, schema: Small.schema, timeColumn: "event_time", files)
            let writer = try TickLogWriter(
                path, options: TickLogOptions(segmentBytesMax: 20_000), files)
            let reader = try TickLogReader(path, files)
            var seen: Int64 = 0
            for batch in 0..<100 {
                try writer.append(Small.rows(batch * 7..<batch * 7 + 7))
                if batch % 3 == 0 { try writer.sync() }
                let end = try reader.refresh()
                #expect(end == writer.durableOffset)
                #expect(
                    try reader.allRows(seen..<end)
                        == Small.rows(Int(seen)..<Int(end)).rows)
                seen = end
            }
            try writer.sync()
            #expect(try TickLogReader(path, files).verify().rows == 700)
        }
    }
}
