import Columnar
import ConnectorAPI
import Decoding
import Storage
import TestSupport
import Testing
import TextConnector

@Suite struct JSONLinesTests {
    private func read(
        _ text: [UInt8], maxRows: Int = 1_000, readBytes: Int = FileFeed.readBytesDefault,
        _ configure: (inout JSONLinesSpec) -> Void = { _ in }
    ) throws -> FeedContent {
        try withTemporaryDirectory { files, directory in
            let path = try directory.appending("input.jsonl")
            try write(text, path, files)
            var time = FeedColumn("time", .timestamp, from: .field("T"))
            time.timestampFormat = .epochMillis
            var spec = JSONLinesSpec(
                FeedInput([path.string]),
                columns: [
                    FeedColumn("symbol", .string, from: .field("data.s")), time,
                    FeedColumn(
                        "price", .decimal(precision: 18, scale: 2), from: .field("data.p")),
                    FeedColumn("quantity", .double, from: .field("data.q")),
                    FeedColumn("maker", .boolean, from: .field("data.m")),
                ], eventTime: "time")
            spec.input.rejectsMaxShare = 1
            configure(&spec)
            var content = drain(
                try JSONLinesFeed(spec, files: files, readBytes: readBytes), maxRows: maxRows)
            content.malformed = content.malformed.map(\.withoutSource)
            content.positions = []
            return content
        }
    }

    @Test func fieldsByPathWithNumbersInQuotes() throws {
        let content = try read(
            Array(
                """
                {"e":"trade","T":1723161601437,"data":{"s":"BTC\\u00dc\\n","p":"61685.99000000","q":1.7e-4,"m":true,"x":[1,{"s":2}]}}

                  {"T":"0","data":{"s":null,"q":"0.5","p":7}}\r
                {"data":{"s":"last","s":"wins"},"T":1,"T":2}
                {"data":5,"T":3}
                """.utf8))
        #expect(content.malformed.isEmpty)
        #expect(
            content.rows == [
                [
                    .string("BTCÜ\n"), .timestamp(1_723_161_601_437_000),
                    .decimal(unscaled: 6_168_599, scale: 2), .double(0.00017), .boolean(true),
                ],
                [
                    .null, .timestamp(0), .decimal(unscaled: 700, scale: 2), .double(0.5), .null,
                ],
                [.string("wins"), .timestamp(2_000), .null, .null, .null],
                [.null, .timestamp(3_000), .null, .null, .null],
            ])
    }

    @Test(arguments: [
        (#"{"T":NaN}"#, "not valid JSON"), (#"{"T":1,"z":NaN}"#, "not valid JSON"),
        (#"{"T":1,"z":-Infinity}"#, "not valid JSON"), (#"{"T":01}"#, "not valid JSON"),
        (#"{"T":1,"z":.5}"#, "not valid JSON"), (#"{"T":1,"z":tru}"#, "not valid JSON"),
        (#"{"T":1,"z":nul}"#, "not valid JSON"), (#"{"T":1,}"#, "not valid JSON"),
        (#"{"T":1"#, "not valid JSON"), (#"{"T":1}}"#, "not valid JSON"),
        (#"{"T":1} {"T":2}"#, "not valid JSON"), (#"{"T":1,"z":"\q"}"#, "not valid JSON"),
        (#"{"T":1,"z":[1,2}"#, "not valid JSON"), (#"{"T" 1}"#, "not valid JSON"),
        (#"{T:1}"#, "not valid JSON"), ("{\"T\":1,\"z\":\"\t\"}", "not valid JSON"),
        (#"[1,2]"#, "the line is no JSON object"), ("7", "the line is no JSON object"),
        (#"{"T":[1]}"#, "time is an object or an array"),
        (#"{"T":null}"#, "time is null but must have a value"),
        (#"{}"#, "time is null but must have a value"),
        (#"{"T":true}"#, "time is not a number"),
        (#"{"T":1,"data":{"p":1.005}}"#, "price has more decimals than its type holds"),
        (#"{"T":1,"data":{"q":"NaN"}}"#, "quantity is not a finite number"),
        (#"{"T":1,"data":{"q":1e999}}"#, "quantity is out of range for its type"),
        (#"{"T":1,"data":{"s":"\u0000"}}"#, "symbol contains a NUL byte"),
        (#"{"T":99999999999999999}"#, "time lies outside the years 1 to 9999"),
    ])
    func rejects(line: String, reason: String) throws {
        let content = try read(Array("{\"T\":1}\n\(line)\n{\"T\":2}\n".utf8))
        #expect(content.rows.map { $0[1] } == [.timestamp(1_000), .timestamp(2_000)])
        let reject = try #require(content.malformed.first)
        #expect(content.malformed.count == 1 && reject.byteOffset == 8 && reject.line == 2)
        #expect(reject.reason.contains(reason), "\(reject.reason)")
    }

    @Test func deepNestingIsRejected() throws {
        let deep = String(repeating: "[", count: 5_000)
        let content = try read(Array("{\"T\":1,\"z\":\(deep)\n{\"T\":2}\n".utf8))
        #expect(content.rows.count == 1 && content.malformed.count == 1)
        let closed = String(repeating: "[", count: 100) + String(repeating: "]", count: 100)
        let other = try read(Array("{\"T\":1,\"z\":\(closed)}\n".utf8))
        #expect(other.malformed.map(\.reason) == ["the line is nested deeper than 64 levels"])
    }

    /// Neither the bytes read at a time nor the batch's size change rows or rejects.
    @Test func chunksDoNotMatter() throws {
        var random = TestRandom(state: 5)
        var text: [UInt8] = []
        for row in 0..<500 {
            switch random.next(below: 8) {
            case 0: text += Array("not json\n".utf8)
            case 1: text += [0xff, 0x0a]
            case 2: text += Array("\n".utf8)
            case 3: text += Array((String(repeating: "y", count: 150) + "\n").utf8)
            default:
                text += Array("{\"T\":\(row),\"data\":{\"s\":\"a\\n\(row)\",\"p\":\"1.5\"}}\n".utf8)
            }
        }
        func content(_ bytes: Int, _ maxRows: Int) throws -> FeedContent {
            try read(text, maxRows: maxRows, readBytes: bytes) {
                $0.input.maxRecordBytes = 120
            }
        }
        let whole = try content(1 << 20, 10_000)
        #expect(whole.rows.count > 100 && whole.malformed.count > 100)
        for bytes in [1, 2, 7, 64, 1_000, 65_536] {
            for maxRows in [1, 13, 10_000] {
                #expect(try content(bytes, maxRows) == whole)
            }
        }
    }

    @Test func randomBytesAreHarmless() throws {
        var random = TestRandom(state: 3)
        let alphabet = Array("{}[]\",:\\ntfu0129eE+-. \"T\"data\"\n".utf8) + [0xff, 0xc3, 0]
        for round in 0..<400 {
            var bytes: [UInt8] = []
            for _ in 0..<random.next(below: 300) {
                bytes.append(alphabet[random.next(below: alphabet.count)])
            }
            let content = try read(bytes, readBytes: 1 + round % 50) {
                $0.input.maxRecordBytes = 100
            }
            // That no record is a row is said; nothing else is a fault.
            #expect(
                content.error.map { content.rows.isEmpty && $0.hasPrefix("none of ") } != false)
        }
    }

    /// Lines that look like those before are parsed by comparing them; that must not show.
    @Test func aLineMeansTheSameBehindOthersAsAlone() throws {
        let examples = [
            #"{"e":"trade","T":1723161601437,"data":{"s":"BTC","p":"61685.99","q":1.7e-4,"m":true}}"#,
            #"{"T": 1723161601438 , "data": {"m":false,"q":null,"p":12.5,"s":"ETH","x":[1,"a"]}}"#,
            #"{"T":3,"data":{"s":"a","s":"b","q":-0.5E+3,"p":1}}"#,
            #"{"T":4,"data":{"p":2}}"#,
        ].map { Array($0.utf8) }
        let spice = Array("\"\\{}[],:0189.eE+-tfn \t\r\u{1}é".utf8)
        var random = TestRandom(state: 99)
        func below(_ count: Int) -> Int { random.next(below: count) }
        let lines = (0..<800).map { index -> [UInt8] in
            var line = examples[below(index % 3 == 0 ? examples.count : 2)]
            for _ in 0..<below(3) {
                let place = below(line.count)
                switch below(3) {
                case 0: line[place] = spice[below(spice.count)]
                case 1: line.remove(at: place)
                default: line.insert(spice[below(spice.count)], at: place)
                }
            }
            return line
        }
        var alone = FeedContent()
        for line in lines {
            let content = try read(line)
            alone.rows += content.rows
            alone.malformed += content.malformed
        }
        let together = try read(Array(lines.joined(separator: [UInt8(ascii: "\n")])))
        #expect(alone.rows.count > 100 && alone.malformed.count > 100)
        #expect(together.rows == alone.rows)
        #expect(together.malformed.map(\.reason) == alone.malformed.map(\.reason))
    }
}
