import Checkpoints
import Columnar
import ConnectorAPI
import Decoding
import FileSources
import Storage
import TestSupport
import Testing
import TextConnector

/// A directory of text files as a source: every record once, whatever the chunks, the batches and
/// the restarts.
@Suite struct FileSourceTests {
    /// A directory with files and a checkpoint, and a source over it.
    private struct Place {
        let files: POSIXFileSystem
        let directory: Path
        let time = ManualTime()

        func write(_ name: String, _ text: String) throws {
            var path = directory
            for part in ["in"] + name.split(separator: "/").dropLast().map(String.init) {
                path = try path.appending(part)
            }
            try files.createDirectories(path)
            try files.createAtomically(
                path.appending(String(name.split(separator: "/").last ?? "")), mode: .replace,
                contents: Array(text.utf8))
            // File times must differ: files are read in their order.
            SystemTime().sleep(nanos: 10_000_000)
        }

        func source(
            json: Bool = true, maxRecordBytes: Int = 1 << 20,
            _ configure: (inout TextSourceSpec) -> Void = { _ in }
        ) throws -> any Source {
            let columns = [
                FeedColumn("time", .timestamp, from: json ? .field("t") : nil),
                FeedColumn("symbol", .string, from: json ? .field("s") : nil),
                FeedColumn("volume", .long, from: json ? .field("v") : nil),
            ]
            var input = FeedInput([try directory.appending("in").string])
            input.maxRecordBytes = maxRecordBytes
            var spec =
                json
                ? TextSourceSpec(JSONLinesSpec(input, columns: columns, eventTime: "time"))
                : TextSourceSpec(CSVSpec(input, columns: columns, eventTime: "time"))
            configure(&spec)
            return try spec.open(
                SourcePlace(
                    name: "source", checkpoint: directory.appending("checkpoint"), files: files,
                    time: time))
        }

        /// What is new since the last look, for sure.
        func latest(_ source: any Source) throws -> Int64 {
            time.sleep(nanos: 1_000_000_000)
            return try source.latest().only ?? -1
        }
    }

    private func inPlace<Result>(_ body: (Place) throws -> Result) throws -> Result {
        try withTemporaryDirectory { try body(Place(files: $0, directory: $1)) }
    }

    private func line(_ index: Int) -> String {
        let pad = String(repeating: "x", count: index % 97)
        return "{\"t\":\"2026-01-05 10:00:00\",\"s\":\"S\(index % 7)\",\"pad\":\"\(pad)\","
            + "\"v\":\(index)}\n"
    }

    /// The rows of a range with their offsets, and how many records were left out.
    private func read(
        _ source: any Source, _ offsets: Range<Int64>
    ) throws -> (volumes: [Int64], offsets: [Int64], malformed: Int) {
        var result = (volumes: [Int64](), offsets: [Int64](), malformed: 0)
        var next = offsets.lowerBound
        for plan in try source.plan(OffsetRange(only: offsets), rowsMax: 65_536) {
            #expect(plan.offsets.lowerBound <= next || next == offsets.lowerBound)
            next = plan.offsets.upperBound
            let block = try plan.load()
            result.malformed += block.malformedCount
            for (index, row) in block.rows.rows.enumerated() {
                guard case .long(let volume) = row[2] else { continue }
                result.volumes.append(volume)
                guard case .from(let base) = block.offsets else { continue }
                result.offsets.append(base + Int64(index))
            }
            #expect(block.rows.count <= plan.offsets.count)
        }
        return result
    }

    @Test func everyRecordOfALargeFileOnceAndInOrder() throws {
        try inPlace { place in
            // Several chunks; records end at, before and behind their borders.
            let count = 40_000
            try place.write("a.jsonl", "\u{feff}" + (0..<count).map(line).joined())
            let source = try place.source()
            let end = try place.latest(source)
            #expect(end > 3 << 20)
            let rows = try read(source, 0..<end)
            #expect(rows.volumes == (0..<Int64(count)).map { $0 })
            #expect(zip(rows.offsets, rows.offsets.dropFirst()).allSatisfy { $0 < $1 })
        }
    }

    /// A last line without line end is a record, whatever stands before it.
    @Test(arguments: ["\n", "\r\n"])
    func aLastLineWithoutLineEndIsARecord(lineEnd: String) throws {
        let header = "time,symbol,volume"
        for rows in 0...4 {
            let records = (0..<rows).map { "2026-01-05 10:00:00,\"S\",\($0)" }
            try inPlace { place in
                try place.write("a.csv", ([header] + records).joined(separator: lineEnd))
                let source = try place.source(json: false)
                let end = try place.latest(source)
                #expect(try read(source, 0..<end).volumes == (0..<Int64(rows)).map { $0 })
            }
        }
    }

    @Test func recordsAtTheBordersOfChunks() throws {
        let chunk = 1 << 20
        let record = "{\"t\":\"2026-01-05 10:00:00\",\"s\":\"S\",\"v\":1}"
        // The first record's end moves over the border byte by byte.
        for distance in -3...3 {
            try inPlace { place in
                let blanks = String(repeating: " ", count: chunk + distance - record.utf8.count - 1)
                try place.write("a.jsonl", record + blanks + "\n" + record + "\n" + record)
                let source = try place.source()
                let rows = try read(source, 0..<place.latest(source))
                #expect(rows.volumes == [1, 1, 1], "distance \(distance)")
            }
        }
    }

    @Test func aRecordLongerThanAChunkAndOneThatIsTooLong() throws {
        try inPlace { place in
            let long = String(repeating: " ", count: 2_500_000)
            let tooLong = String(repeating: " ", count: 5_500_000)
            try place.write(
                "a.jsonl", line(0) + long + line(1) + line(2) + tooLong + line(3) + line(4))
            let source = try place.source(maxRecordBytes: 3_000_000) { $0.mode = .dropMalformed }
            let rows = try read(source, 0..<place.latest(source))
            #expect(rows.volumes == [0, 1, 2, 4])
            #expect(rows.malformed == 1)
        }
    }

    @Test func filesComeInTheOrderOfTheirTimesAndEachOnce() throws {
        try inPlace { place in
            try place.write("b.jsonl", line(0))
            try place.write("a.jsonl", line(1))
            try place.write("_part.jsonl", line(90))
            try place.write(".hidden.jsonl", line(91))
            try place.write("date=2026-01-05/c.jsonl", line(2))
            try place.write("other/d.jsonl", line(92))
            try place.write("empty.jsonl", "")
            let source = try place.source()
            let end = try place.latest(source)
            #expect(try read(source, 0..<end).volumes == [0, 1, 2])
            try place.write("d.jsonl", line(3))
            let later = try place.latest(source)
            #expect(try read(source, end..<later).volumes == [3])

            // A new process finds the same files at the same offsets, also when more have come
            // that are older.
            try place.write("0.jsonl", line(4))
            let again = try place.source()
            #expect(try read(again, 0..<later).volumes == [0, 1, 2, 3])
            #expect(try read(again, later..<place.latest(again)).volumes == [4])
        }
    }

    @Test func limitsLetInWholeFilesAndAtLeastOne() throws {
        try inPlace { place in
            for index in 0..<5 { try place.write("\(index).jsonl", line(index) + line(10 + index)) }
            func batches(_ configure: (inout TextSourceSpec) -> Void) throws -> [[Int64]] {
                let source = try place.source(json: true, configure)
                let end = try place.latest(source)
                var (offset, found) = (0 as Int64, [[Int64]]())
                while offset < end {
                    let next = try source.end(of: OffsetRange(only: offset..<end)).only ?? -1
                    found.append(try read(source, offset..<next).volumes)
                    offset = next
                }
                return found
            }
            let all: [[Int64]] = (0..<5).map { [$0, 10 + $0] }
            #expect(try batches { _ in } == [all.flatMap { $0 }])
            #expect(try batches { $0.selection.maxFilesPerTrigger = 1 } == all)
            #expect(
                try batches { $0.selection.maxFilesPerTrigger = 2 } == [
                    all[0] + all[1], all[2] + all[3], all[4],
                ])
            #expect(try batches { $0.selection.maxBytesPerTrigger = 1 } == all)
            let two = Int64((line(0) + line(10) + line(1) + line(11)).utf8.count)
            #expect(try batches { $0.selection.maxBytesPerTrigger = two }.first == all[0] + all[1])
        }
    }

    @Test func aGlobChoosesNames() throws {
        try inPlace { place in
            for index in 0..<5 { try place.write("\(index).jsonl", line(index)) }
            let source = try place.source { $0.selection.pathGlobFilter = "[13].json*" }
            #expect(try read(source, 0..<place.latest(source)).volumes == [1, 3])
        }
    }

    @Test func csvHeadersQuotesAndLineEnds() throws {
        try inPlace { place in
            try place.write("a.csv", "volume,symbol,time\n1,\"A,B\",2026-01-05 10:00:00\n")
            try place.write("b.csv", "time,symbol,volume\r\n2026-01-05 10:00:00,\"q\"\"q\",2\r\n")
            let source = try place.source(json: false)
            let end = try place.latest(source)
            let rows = try source.plan(OffsetRange(only: 0..<end), rowsMax: 65_536).flatMap {
                try $0.load().rows.rows
            }
            #expect(rows.map { $0[1] } == [.string("A,B"), .string("q\"q")])
            #expect(rows.map { $0[2] } == [.long(1), .long(2)])
        }
    }

    @Test func aLineEndInQuotesEndsTheRecord() throws {
        try inPlace { place in
            try place.write(
                "a.csv", "time,symbol,volume\n2026-01-05,\"a\nb\",1\n2026-01-05,c,2\n")
            let strict = try place.source(json: false)
            let end = try place.latest(strict)
            let error = #expect(throws: ConnectorError.self) { try read(strict, 0..<end) }
            #expect(error?.description.contains("a.csv line 2 (byte 19)") == true)
            #expect(error?.description.contains("DROPMALFORMED") == true)
            let lenient = try place.source(json: false) { $0.mode = .dropMalformed }
            let rows = try read(lenient, 0..<end)
            #expect(rows.volumes == [2])
            #expect(rows.malformed == 2)
        }
    }

    @Test func aFileThatChangedIsRefused() throws {
        try inPlace { place in
            try place.write("a.jsonl", line(0))
            let source = try place.source()
            let end = try place.latest(source)
            for (text, says) in [
                (line(0) + line(1), "bytes, and had"),
                (line(0).replacing("S0", with: "S5"), "content is another"),
            ] {
                try place.write("a.jsonl", text)
                let error = #expect(throws: ConnectorError.self) { try read(source, 0..<end) }
                #expect(error?.code == "fileChanged")
                #expect(error?.description.contains(says) == true)
            }
            try place.files.remove(place.directory.appending("in").appending("a.jsonl"))
            #expect(throws: ConnectorError.self) { try read(source, 0..<end) }
            try place.write("a.jsonl", line(0))
            #expect(try read(source, 0..<end).volumes == [0])
        }
    }

    @Test func compressedFilesAreRefusedWithWhatHelps() throws {
        try inPlace { place in
            try place.write("a.jsonl", "\u{1f}\u{0b}")
            let path = try place.directory.appending("in").appending("b.jsonl.gz")
            try place.files.createAtomically(
                path, mode: .replace, contents: [0x1f, 0x8b, 8, 0, 0, 0])
            let source = try place.source()
            let error = #expect(throws: ConnectorError.self) { try place.latest(source) }
            #expect(error?.description.contains("feed") == true)
        }
    }

    @Test func aMissingDirectoryIsAnErrorAndAnEmptyOneIsNot() throws {
        try inPlace { place in
            let source = try place.source()
            #expect(throws: ConnectorError.self) { try place.latest(source) }
            try place.files.createDirectories(place.directory.appending("in"))
            #expect(try place.latest(source) == 0)
            #expect(try source.plan(OffsetRange(only: 0..<0), rowsMax: 65_536).isEmpty)
            #expect(throws: ConnectorError.self) {
                try source.plan(OffsetRange(only: 0..<1), rowsMax: 65_536)
            }
        }
    }
}
