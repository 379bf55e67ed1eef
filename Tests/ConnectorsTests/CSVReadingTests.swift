import Columnar
import ConnectorAPI
import Decoding
import Storage
import TestSupport
import Testing
import TextConnector

@Suite struct CSVReadingTests {
    /// A file with everything that makes reading hard.
    static func hardText(rows: Int, seed: UInt64) -> [UInt8] {
        var random = TestRandom(state: seed)
        var text = Array("symbol,time,price,volume\n".utf8)
        for row in 0..<rows {
            switch random.next(below: 12) {
            case 0: text += Array("\"a\nb\"\"c\(row)\",1970-01-01,1,2\r\n".utf8)
            case 1: text += Array("short,\(row)\n".utf8)
            case 2: text += Array("\"q\"z,1970-01-01,1,2\n".utf8)
            case 3: text += Array("\n".utf8)
            case 4: text += [0xff] + Array("x,1970-01-01,1,2\n".utf8)
            case 5: text += Array((String(repeating: "L", count: 90) + "\n").utf8)
            case 6: text += Array("\"open,1970-01-01,\(row),2\n".utf8)
            case 7: text += Array("Ω,1970-01-01 00:00:00.\(row),,\n".utf8)
            default: text += Array("IBM,1970-01-01,\(row).25,\(row)\n".utf8)
            }
        }
        return text
    }

    /// How many bytes are read at a time changes nothing.
    @Test func chunksDoNotMatter() throws {
        let text = Self.hardText(rows: 400, seed: 7)
        func read(_ bytes: Int) throws -> FeedContent {
            try readCSV(text, readBytes: bytes) { $0.input.maxRecordBytes = 80 }
        }
        let whole = try read(1 << 20)
        #expect(whole.rows.count > 100 && whole.malformed.count > 50)
        for bytes in [1, 2, 3, 7, 8, 9, 63, 64, 65, 1_000, 65_536] {
            let content = try read(bytes)
            #expect(content == whole, "reading \(bytes) bytes at a time")
        }
    }

    /// Going on after any batch gives what an undisturbed run gives.
    @Test(arguments: [1, 3, 50])
    func resumeAnywhere(batchRows: Int) throws {
        try withTemporaryDirectory { files, directory in
            for (index, seed) in [3, 5].enumerated() {
                try write(
                    Self.hardText(rows: 60, seed: UInt64(seed)),
                    directory.appending("part\(index).csv"), files)
            }
            func feed() throws -> CSVFeed {
                var spec = CSVSpec(
                    FeedInput([directory.string + "/part*.csv"]),
                    columns: [
                        FeedColumn("symbol", .string), FeedColumn("time", .timestamp),
                        FeedColumn("price", .double), FeedColumn("volume", .long),
                        FeedColumn("file", .string, from: .fileName),
                    ], eventTime: "time")
                spec.input.rejectsMaxShare = 1
                return try CSVFeed(spec, files: files)
            }
            let whole = drain(try feed())
            #expect(whole.error == nil && whole.rows.count > 60)
            let positions = drain(try feed(), maxRows: batchRows).positions
            for position in positions {
                let before = try feed()
                var head = FeedContent()
                while let batch = try before.nextBatch(batchRows) {
                    head.rows += batch.rows.rows
                    head.malformed += batch.malformed
                    #expect(
                        batch.malformedBefore + Int64(batch.malformed.count) == head.malformed.count
                    )
                    if batch.position == position { break }
                }
                let after = try feed()
                try after.resume(from: position)
                let tail = drain(after, maxRows: batchRows)
                #expect(head.rows + tail.rows == whole.rows)
                #expect(head.malformed + tail.malformed == whole.malformed)
            }
        }
    }

    @Test func positionsOfOtherFilesAreRefused() throws {
        try withTemporaryDirectory { files, directory in
            func feed() throws -> CSVFeed {
                try CSVFeed(
                    CSVSpec(
                        FeedInput([directory.string + "/*.csv"]),
                        columns: [FeedColumn("t", .timestamp)], eventTime: "t"), files: files)
            }
            let second = try directory.appending("b.csv")
            try write(Array("t\n1970-01-01\n1970-01-02\n".utf8), second, files)
            let position = try #require(try feed().nextBatch(10)?.position)
            #expect(throws: ConnectorError.self) {
                try feed().resume(from: FeedPosition("v1 nonsense"))
            }

            try write(Array("t\n1970-01-01\n".utf8), second, files)
            let shorter = #expect(throws: ConnectorError.self) { try feed().resume(from: position) }
            #expect(shorter?.message.contains("the file is shorter now") == true)

            try write(Array("t\n".utf8), directory.appending("a.csv"), files)
            #expect(throws: ConnectorError.self) { try feed().resume(from: position) }
        }
    }

    @Test func patternsMatchInOrderOfBytes() throws {
        try withTemporaryDirectory { files, directory in
            for name in ["b.csv", "B.csv", "a10.csv", "a9.csv", ".hidden.csv", "a.txt"] {
                try write(
                    Array("t,n\n1970-01-01,\(name)\n".utf8), directory.appending(name), files)
            }
            func names(_ pattern: String) throws -> [Value] {
                let spec = CSVSpec(
                    FeedInput([directory.string + "/" + pattern]),
                    columns: [FeedColumn("t", .timestamp), FeedColumn("n", .string)],
                    eventTime: "t")
                return drain(try CSVFeed(spec, files: files)).rows.map { $0[1] }
            }
            #expect(
                try names("*.csv") == ["B.csv", "a10.csv", "a9.csv", "b.csv"].map { .string($0) })
            #expect(try names("a?.csv") == [.string("a9.csv")])
            #expect(try names("[A-Z].csv") == [.string("B.csv")])
            #expect(try names("a*[!v]") == [.string("a.txt")])
            #expect(throws: ConnectorError.self) { try names("*.parquet") }
            #expect(throws: ConnectorError.self) { try names("none.csv") }
        }
    }

    /// Random bytes, whole or in the middle of good rows, never end the process.
    @Test func randomBytesAreHarmless() throws {
        var random = TestRandom(state: 11)
        let alphabet = Array("\",\n\r0123456789.eE+-:TZabc \u{0}Ω\"".utf8) + [0xff, 0x80]
        for round in 0..<300 {
            var bytes = round % 2 == 0 ? Array("symbol,time,price,volume\n".utf8) : []
            for _ in 0..<random.next(below: 400) {
                bytes.append(
                    round % 3 == 0
                        ? UInt8(random.next(below: 256))
                        : alphabet[random.next(below: alphabet.count)])
            }
            let content = try readCSV(bytes, readBytes: 1 + round % 40) {
                $0.input.maxRecordBytes = 64
                if round % 2 == 1 {
                    $0.hasHeader = false
                    $0.columns = [
                        FeedColumn("time", .timestamp, from: .index(0)),
                        FeedColumn("d", .decimal(precision: 20, scale: 3), from: .index(1)),
                        FeedColumn("b", .boolean, from: .index(2)),
                        FeedColumn("x", .date, from: .index(0)),
                    ]
                }
            }
            #expect(content.rows.count + content.malformed.count <= bytes.count + 1)
        }
    }
}
