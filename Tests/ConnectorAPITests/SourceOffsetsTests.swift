import ConnectorAPI
import TestSupport
import Testing

@Suite struct SourceOffsetsTests {
    private static let ticks = SourceOffsets([
        SplitID("ticks", 10): 3, SplitID("ticks", 2): .max, SplitID("quotes", 0): 17,
    ])

    @Test func aSingleSplitIsANumber() throws {
        for offset: Int64 in [0, 17, .max] {
            let offsets = SourceOffsets(only: offset)
            #expect(offsets.text == String(offset))
            #expect(try SourceOffsets(parsing: offsets.text) == offsets)
            #expect(offsets.only == offset)
        }
    }

    @Test func splitsAreSparksJSONInTheOrderOfSplits() throws {
        let text = #"{"quotes":{"0":17},"ticks":{"2":9223372036854775807,"10":3}}"#
        #expect(Self.ticks.text == text)
        #expect(try SourceOffsets(parsing: text) == Self.ticks)
        #expect(Self.ticks.only == nil)
        #expect(SourceOffsets.none.text == "{}")
        #expect(try SourceOffsets(parsing: "{}") == .none)
    }

    /// The only split beside others is one more group, and then no number.
    @Test func namesOfAnyBytesComeBack() throws {
        for group in ["a\"b\\", "a\n\u{7f}", "é", "e\u{301}", "", "{}", "\u{1F4C8}"] {
            let offsets = SourceOffsets([SplitID(group, 1): 5, SplitID("x", 0): 6])
            let back = try SourceOffsets(parsing: offsets.text)
            #expect(back == offsets && back.text == offsets.text)
            #expect(!offsets.text.utf8.contains(UInt8(ascii: "\n")), "an offset is one line")
        }
        let spellings = SourceOffsets([SplitID("é", 0): 1, SplitID("e\u{301}", 0): 2])
        #expect(spellings.bySplit.count == 2, "spellings of one text are groups of their own")
        #expect(try SourceOffsets(parsing: spellings.text) == spellings)
    }

    @Test func randomPositionsComeBack() throws {
        var random = SeededGenerator(seed: 7)
        for _ in 0..<500 {
            var bySplit: [SplitID: Int64] = [:]
            for _ in 0..<Int.random(in: 0...6, using: &random) {
                let group = ["a", "b", "\u{1}", "z\""].randomElement(using: &random) ?? ""
                let number = Int.random(in: 0...Int.max >> Int.random(in: 0...62), using: &random)
                bySplit[SplitID(group, number)] = Int64.random(in: 0...Int64.max, using: &random)
            }
            let offsets = SourceOffsets(bySplit)
            #expect(try SourceOffsets(parsing: offsets.text) == offsets)
        }
    }

    @Test(arguments: [
        "", " ", "-1", "+1", "01", " 1", "1 ", "1.0", "1e3", "9223372036854775808", "null", "[]",
        "\"1\"", "{", "{}x", "{\"a\":1}", "{\"a\":{}}", "{\"a\":[]}", "{\"a\":{\"0\":-1}}",
        "{\"a\":{\"-1\":0}}", "{\"a\":{\"+1\":0}}", "{\"a\":{\"00\":0}}", "{\"a\":{\"x\":0}}",
        "{\"a\":{\"0\":\"1\"}}", "{\"a\":{\"0\":1.5}}", "{\"a\":{\"0\":9223372036854775808}}",
        "{\"a\":{\"9223372036854775808\":0}}", "{\"a\":{\"0\":null}}", "{\"a\":{\"0\":1,\"0\":1}}",
        "{\"a\":{\"0\":1},\"a\":{\"1\":1}}", "{\"b\":{\"0\":1},\"a\":{\"0\":1}}",
        "{\"a\":{\"1\":1,\"0\":1}}", "{\"a\":{\"10\":1,\"2\":1}}", "{ \"a\":{\"0\":1}}",
        "{\"\":{\"0\":17}}", "{\"\\u0061\":{\"0\":1}}", "{\"a\":{\"0\":{\"0\":1}}}", "١",
    ])
    func anythingElseIsRefused(_ text: String) {
        let error = #expect(throws: ConnectorError.self) { try SourceOffsets(parsing: text) }
        #expect(error?.code == "badOffsets")
    }

    @Test func aLongTextIsRefusedInFewWords() {
        let error = #expect(throws: ConnectorError.self) {
            try SourceOffsets(parsing: String(repeating: "[", count: 1_000_000))
        }
        #expect((error?.message.utf8.count ?? 1_000) < 400)
    }

    @Test func positionsAreComparedSplitBySplit() {
        let (a, b) = (SplitID("t", 0), SplitID("t", 1))
        let early = SourceOffsets([a: 1, b: 5])
        let late = SourceOffsets([a: 4, b: 5])
        #expect(late.hasReached(early) && !early.hasReached(late))
        #expect(early.hasReached(SourceOffsets([a: 1])))
        #expect(SourceOffsets([a: 9]).hasReached(early) == false)
        #expect(early.distance(to: late) == 3 && late.distance(to: early) == 0)
        #expect(SourceOffsets.none.distance(to: SourceOffsets([a: .max, b: .max])) == .max)
        #expect(late.limited(to: SourceOffsets([a: 2])) == SourceOffsets([a: 2]))
        #expect(SourceOffsets([a: 9]).filled(from: early) == SourceOffsets([a: 9, b: 5]))
    }

    @Test func splitsHaveTheOrderOfBytesThenOfNumbers() {
        let ordered = [
            SplitID.only, SplitID("A", 3), SplitID("a", 2), SplitID("a", 10), SplitID("aa", 0),
            SplitID("é", 0),
        ]
        #expect(ordered.reversed().sorted() == ordered)
        #expect(ordered.map(\.description) == ["", "A[3]", "a[2]", "a[10]", "aa[0]", "é[0]"])
    }
}

@Suite struct OffsetRangeTests {
    private let a = SplitID("t", 0)
    private let b = SplitID("t", 1)

    @Test func aNewSplitStandsInTheStart() {
        let range = OffsetRange(
            from: SourceOffsets([a: 7, b: 40]), to: SourceOffsets([a: 7, b: 42]))
        #expect(range.splits.map(\.split) == [b] && range.splits.map(\.offsets) == [40..<42])
        #expect(range.count == 2 && !range.isEmpty && range.only == nil)
        #expect(range[a] == 7..<7 && range[SplitID("t", 2)] == nil)
    }

    @Test func aSingleSplitIsARange() throws {
        let range = OffsetRange(only: 3..<9)
        #expect(range.only == 3..<9 && range.count == 6)
        #expect(range.splits.map(\.offsets) == [3..<9])
        #expect(OffsetRange(only: 3..<3).splits.isEmpty && OffsetRange(only: 3..<3).isEmpty)
        #expect(try OffsetRange(parsing: "3", to: "9") == range)
    }

    @Test(arguments: [
        ("9", "3"), ("x", "3"), ("3", "x"), ("3", "{\"t\":{\"0\":4}}"), ("{}", "3"),
        ("{\"t\":{\"0\":4}}", "{\"t\":{\"0\":4,\"1\":4}}"),
        ("{\"t\":{\"0\":4,\"1\":4}}", "{\"t\":{\"0\":4}}"),
        ("{\"t\":{\"0\":4,\"1\":5}}", "{\"t\":{\"0\":9,\"1\":4}}"),
    ])
    func whatIsNoRangeIsRefused(_ start: String, _ end: String) {
        #expect(throws: ConnectorError.self) { try OffsetRange(parsing: start, to: end) }
    }

    @Test func hugeRangesAreCountedAsFarAsItGoes() {
        let range = OffsetRange(
            from: SourceOffsets([a: 0, b: 0]), to: SourceOffsets([a: .max, b: .max]))
        #expect(range.count == .max)
    }
}
