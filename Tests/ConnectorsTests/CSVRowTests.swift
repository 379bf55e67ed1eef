import Columnar
import ConnectorAPI
import Decoding
import Testing
import TextConnector

@Suite struct CSVRowTests {
    static let header = "symbol,time,price,volume\n"

    private func rows(
        _ lines: String, _ configure: (inout CSVSpec) -> Void = { _ in }
    ) throws -> FeedContent {
        try readCSV(Array((Self.header + lines).utf8), configure)
    }

    @Test func simpleRows() throws {
        let content = try rows(
            "IBM,2026-01-05 14:30:00.001,181.25,100\r\nAAPL,2026-01-05T14:30:01Z,1e2,-7")
        #expect(
            content.rows == [
                [.string("IBM"), .timestamp(1_767_623_400_001_000), .double(181.25), .long(100)],
                [.string("AAPL"), .timestamp(1_767_623_401_000_000), .double(100), .long(-7)],
            ])
        #expect(content.malformed.isEmpty && content.error == nil)
    }

    /// Every legal symbol passes through as it is.
    @Test(arguments: [
        ("../../x", "../../x"), ("a/b", "a/b"), ("\"\"", ""), ("\"line\nbreak\"", "line\nbreak"),
        ("\"say \"\"x\"\"\"", "say \"x\""), ("\"a,b\"", "a,b"), ("\"\"\"\"", "\""),
        (String(repeating: "x", count: 300), String(repeating: "x", count: 300)),
        ("ab\"c", "ab\"c"), ("Ω€😀", "Ω€😀"), ("12345678", "12345678"), ("123456789", "123456789"),
        (" IBM ", " IBM "), ("\"\r\n\"", "\r\n"), ("\"\",", ""),
    ])
    func hostileSymbols(written: String, expected: String) throws {
        let line = written == "\"\"," ? "\"\",1970-01-01,1,1\n" : "\(written),1970-01-01,1,1\n"
        let content = try rows(line + "IBM,1970-01-01,2,2\n")
        #expect(content.malformed.isEmpty)
        #expect(content.rows.map { $0[0] } == [.string(expected), .string("IBM")])
    }

    /// Every row that does not parse is rejected with its reason, and the next row is read.
    @Test(arguments: [
        ("IBM,1970-01-01,1", "the record has 3 fields instead of 4"),
        ("IBM,1970-01-01,1,1,1", "the record has 5 fields instead of 4"),
        ("IBM,1970-01-01,abc,1", "price is not a number"),
        ("IBM,1970-01-01,NaN,1", "price is not a finite number"),
        ("IBM,1970-01-01,-Infinity,1", "price is not a finite number"),
        ("IBM,1970-01-01,inf,1", "price is not a finite number"),
        ("IBM,1970-01-01,0x10,1", "price is not a number"),
        ("IBM,1970-01-01,1e400,1", "price is out of range for its type"),
        ("IBM,1970-01-01,1e,1", "price is not a number"),
        ("IBM,1970-01-01,.,1", "price is not a number"),
        ("IBM,1970-01-01,\"\",1", "price is not a number"),
        ("IBM,1970-01-01,1,1.5", "volume is not an integer"),
        ("IBM,1970-01-01,1,1e3", "volume is not an integer"),
        ("IBM,1970-01-01,1,9223372036854775808", "volume is out of range for its type"),
        ("IBM,1970-01-01,1,-9223372036854775809", "volume is out of range for its type"),
        ("IBM,1970-01-01,1,--1", "volume is not a number"),
        ("IBM,,1,1", "time is null but must have a value"),
        ("IBM,1970-02-30,1,1", "time is not a timestamp in the column's format"),
        ("IBM,10000-01-01,1,1", "time is not a timestamp in the column's format"),
        ("IBM,0001-01-01 00:00:00+01:00,1,1", "time lies outside the years 1 to 9999"),
        ("IBM,9999-12-31 23:59:59-01:00,1,1", "time lies outside the years 1 to 9999"),
        ("IBM,1970-01-01 24:00:00,1,1", "time is not a timestamp in the column's format"),
        ("\"IBM\"x,1970-01-01,1,1", "text follows a closing quote"),
        ("\"IBM,1970-01-01,1,1", "a quote is not closed"),
        ("I\u{0}M,1970-01-01,1,1", "symbol contains a NUL byte"),
    ])
    func rejects(line: String, reason: String) throws {
        let content = try rows("A,1970-01-01,1,1\n\(line)\nB,1970-01-01,2,2\n")
        #expect(content.rows.map { $0[0] } == [.string("A"), .string("B")])
        let reject = try #require(content.malformed.first)
        #expect(content.malformed.count == 1)
        #expect(reject.reason == reason)
        #expect(reject.byteOffset == Int64(Self.header.utf8.count + 17))
        #expect(reject.line == 3)
        #expect(reject.text == line.replacing("\u{0}", with: "\\x00"))
    }

    @Test func badUTF8IsRejected() throws {
        for bytes: [UInt8] in [
            [0xff], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80],
        ] {
            let text = Array(Self.header.utf8) + bytes + Array(",1970-01-01,1,1\n".utf8)
            let content = try readCSV(text)
            #expect(content.rows.isEmpty)
            #expect(content.malformed.map(\.reason) == ["symbol is not valid UTF-8"])
        }
    }

    @Test func nullsAreUnquotedTextOnly() throws {
        let content = try rows("NA,1970-01-01,NA,NA\n\"NA\",1970-01-01,1,2\n") {
            $0.nullText = "NA"
        }
        #expect(
            content.rows == [
                [.null, .timestamp(0), .null, .null],
                [.string("NA"), .timestamp(0), .double(1), .long(2)],
            ])
    }

    @Test func aLongLineIsOneRejectAndNoMemory() throws {
        let long = [UInt8](repeating: UInt8(ascii: "x"), count: 100_000)
        for ending in ["", "\n", "\nB,1970-01-01,1,1\n"] {
            let text = Array(Self.header.utf8) + long + Array(ending.utf8)
            for readBytes in [512, 4_096, 1 << 20] {
                let content = try readCSV(text, readBytes: readBytes) {
                    $0.input.maxRecordBytes = 1_000
                }
                #expect(
                    content.malformed.map(\.reason) == ["the record is longer than 1000 bytes"])
                #expect(content.malformed.first?.text == String(repeating: "x", count: 200))
                #expect(content.rows.count == (ending.count > 1 ? 1 : 0))
            }
        }
    }

    @Test func blankLinesAndAByteOrderMarkAreNoRows() throws {
        let content = try readCSV(
            [0xef, 0xbb, 0xbf] + Array((Self.header + "\n\r\nA,1970-01-01,1,1\n\n").utf8))
        #expect(content.rows.count == 1 && content.malformed.isEmpty)
    }

    @Test func headerFaultsNameTheField() throws {
        let content = try readCSV(Array("symbol,time,pirce,volume\n1,2,3,4\n".utf8))
        #expect(
            content.error?.contains(
                "has no field 'price' (did you mean 'pirce'?); it has symbol, time, pirce") == true)
    }

    @Test func tooManyRejectsStopTheFeed() throws {
        var text = Self.header
        for row in 0..<3_000 { text += row % 5 == 0 ? "bad\n" : "A,1970-01-01,1,1\n" }
        let content = try readCSV(Array(text.utf8), maxRows: 64) { $0.input.rejectsMaxShare = 0.1 }
        #expect(content.rows.count + content.malformed.count == 1_001)
        let error = try #require(content.error)
        #expect(error.contains("201 of 1001 rows do not parse"))
        #expect(error.contains("line 2: the record has 1 fields instead of 4"))
    }

    @Test func typesOtherThanTheUsual() throws {
        let text = "t|d|b|i|w|n\n1.5|2013-10-07|Yes|7|12345678901234567890.5|139400\n"
        let content = try readCSV(Array(text.utf8)) { spec in
            spec.delimiter = "|"
            spec.eventTime = "t"
            var time = FeedColumn("t", .timestamp)
            time.timestampFormat = .epochSeconds
            var price = FeedColumn("n", .decimal(precision: 18, scale: 4))
            price.scale = 10_000
            spec.columns = [
                time, FeedColumn("d", .date), FeedColumn("b", .boolean), FeedColumn("i", .int),
                FeedColumn("w", .decimal(precision: 38, scale: 2)), price,
                FeedColumn("venue", .string, from: .constant("XNYS")),
            ]
        }
        #expect(content.malformed.isEmpty)
        let expected: [Value] = [
            .timestamp(1_500_000), .date(15_985), .boolean(true), .int(7),
            .decimal(unscaled: 1_234_567_890_123_456_789_050, scale: 2),
            .decimal(unscaled: 139_400, scale: 4), .string("XNYS"),
        ]
        #expect(content.rows == [expected])
    }
}
