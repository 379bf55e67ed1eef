import Columnar
import ConnectorAPI
import JSON
import Storage
import TestSupport
import Testing

@testable import Engine

/// How a limit is shared out over splits: Spark's `KafkaMicroBatchStream.rateLimit`.
@Suite struct RateLimitTests {
    private func taken(_ backlogs: [Int64], limit: Int64?) -> [Int64] {
        let splits = backlogs.indices.map { SplitID("t", $0) }
        let facts = SourceFacts(
            next: SourceOffsets(Dictionary(uniqueKeysWithValues: splits.map { ($0, 5) })),
            availableEnd: SourceOffsets(
                Dictionary(uniqueKeysWithValues: zip(splits, backlogs.map { $0 + 5 }))),
            maxOffsets: limit)
        return splits.map { Int64(facts.range[$0]?.count ?? -1) }
    }

    @Test func splitsGetTheShareOfTheirBacklog() {
        #expect(taken([900, 90, 10], limit: 100) == [90, 9, 1])
        #expect(taken([1_000, 1, 2], limit: 10) == [9, 1, 1])
        #expect(taken([3, 0, 3], limit: 2) == [1, 0, 1])
        #expect(taken([7, 7], limit: nil) == [7, 7])
        #expect(taken([7, 7], limit: 1_000) == [7, 7])
        #expect(taken([0, 0], limit: 5) == [0, 0])
    }

    @Test func oneSplitHasTheLimitToTheOffset() {
        #expect(taken([.max - 5], limit: (1 << 53) + 1) == [(1 << 53) + 1])
        #expect(taken([10, 0], limit: 4) == [4, 0])
    }

    @Test func hugeBacklogsAndLimitsDoNotOverflow() {
        #expect(taken([.max - 5, .max - 5], limit: .max).allSatisfy { $0 > 1 << 61 })
        #expect(taken([.max - 5, 1], limit: 1) == [1, 1])
    }

    @Test func aSplitThatIsGoneStaysWhereItIs() {
        let (a, b) = (SplitID("t", 0), SplitID("t", 1))
        let facts = SourceFacts(
            next: SourceOffsets([a: 3, b: 4]), availableEnd: SourceOffsets([a: 9]), maxOffsets: nil)
        #expect(
            facts.range
                == OffsetRange(
                    from: SourceOffsets([a: 3, b: 4]), to: SourceOffsets([a: 9, b: 4])))
    }
}

/// Sources of several splits.
@Suite struct SplitTests {
    private static let splits = [SplitID("t", 0), SplitID("t", 2), SplitID("t", 10)]
    private let a = splits[0]
    private let b = splits[1]
    private let c = splits[2]

    private func rows(_ seconds: Int64...) -> [[Value]] {
        seconds.map { [.timestamp($0 * 1_000_000), .string("k\($0 % 3)"), .long($0)] }
    }

    private func script(
        _ text: String = StreamScript.counting(mode: "update"), splits: [SplitID] = splits
    ) -> StreamScript {
        StreamScript(text, splits: splits)
    }

    private func logged(_ batch: Int64, _ script: StreamScript) throws -> [String] {
        let bytes = try script.files.read(script.offsets(batch), maxBytes: 1 << 20)
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(String.init)
    }

    @Test func aBatchReadsEverySplit() throws {
        let script = script()
        script.source.append(rows(1, 2), to: c)
        script.source.append(rows(3), to: a)
        try script.run()
        let batch = try #require(script.events.first)
        #expect(batch.numInputRows == 3)
        #expect(batch.sources[0].offsets.splits.map(\.split) == [a, c])
        #expect(try logged(0, script)[2] == #"{"t":{"0":1,"2":0,"10":2}}"#)
        #expect(script.source.released.map(\.text) == [#"{"t":{"0":1,"2":0,"10":2}}"#])
    }

    /// It stands in the batch's start with its earliest offset, and is gone on with from then on.
    @Test func aNewSplitBeginsAtItsEarliest() throws {
        let script = script(splits: [a])
        script.source.append(rows(1, 2), to: a)
        try script.run()
        script.source.append(rows(3, 4, 5), to: b)
        script.source.trim(b, before: 1)
        try script.run()
        #expect(script.events.map(\.numInputRows) == [2, 2])
        #expect(try logged(1, script)[1].contains(#""startOffset":"{\"t\":{\"0\":2,\"2\":1}}""#))
        #expect(try logged(1, script)[2] == #"{"t":{"0":2,"2":3}}"#)
        script.source.append(rows(6), to: b)
        script.source.append([], to: c)
        try script.restart()
        try script.run()
        #expect(script.events.map(\.numInputRows) == [2, 2, 1])
        #expect(script.starts.last?.nextOffsets.map(\.text) == [#"{"t":{"0":2,"2":3}}"#])
    }

    @Test func anUncommittedBatchReadsTheSameOfEverySplit() throws {
        let script = script()
        script.source.append(rows(1, 2), to: c)
        try script.run()
        script.stop()
        try script.files.remove(script.commit(0))
        let first = script.sink.all
        script.source.append(rows(7, 8, 9), to: a)
        var limits = RunLimits()
        limits.maxBatches = 1
        try script.run(limits)
        #expect(script.events.map(\.numInputRows) == [2, 2])
        #expect(script.sink.all == first)
        try script.run()
        #expect(script.events.map(\.numInputRows) == [2, 2, 3])
    }

    @Test func progressIsSparks() throws {
        let script = script(
            StreamScript.counting(mode: "update", more: ", \"maxOffsetsPerTrigger\": 10"))
        script.source.append((0..<100).flatMap { rows($0) }, to: a)
        script.source.append(rows(1, 2), to: b)
        var limits = RunLimits()
        limits.maxBatches = 1
        try script.run(limits)
        let source = try #require(script.events.first?.json["sources"]?.elements?.first)
        #expect(source["startOffset"]?.text() == #"{"t":{"0":0,"2":0,"10":0}}"#)
        #expect(source["endOffset"]?.text() == #"{"t":{"0":9,"2":1,"10":0}}"#)
        #expect(source["latestOffset"]?.text() == #"{"t":{"0":100,"2":2,"10":0}}"#)
        #expect(source["metrics"]?["offsetsBehindLatest"]?.stringValue == "92")
        #expect(source["metrics"]?["minOffsetsBehindLatest"]?.stringValue == "0")
        #expect(source["metrics"]?["maxOffsetsBehindLatest"]?.stringValue == "91")
    }

    @Test func aFaultNamesTheSplitAndTheRow() throws {
        let script = script(
            StreamScript.counting().replacing(
                "\"groupBy\"", with: "\"where\": \"10 / (value - 4) < 99\", \"groupBy\""))
        script.source.append(rows(1), to: a)
        script.source.append(rows(2, 4), to: c)
        let text = "\(#expect(throws: BatchError.self) { try script.run() }.map { "\($0)" } ?? "")"
        #expect(text.hasPrefix("batch 0, query 'q', row at offset 1 of t[10]: "), "\(text)")
        #expect(text.contains("(offsets t[0] 0 to 1, t[10] 0 to 2)"), "\(text)")
    }

    @Test func lostRowsOfASplitAreNamed() throws {
        let script = script()
        script.source.append(rows(1, 2), to: b)
        try script.run()
        script.stop()
        script.source.append(rows(3, 4, 5), to: b)
        script.source.trim(b, before: 4)
        let error = #expect(throws: ConnectorError.self) { try script.start() }
        #expect(error?.code == MemorySource.offsetsLost)
        #expect(
            error?.message.contains(
                "needs offset 2 of t[2], but the source starts at 4: 2 rows are lost") == true)
    }

    @Test func limitsEndEverySplit() throws {
        let script = script()
        for split in Self.splits { script.source.append(rows(1, 2, 3, 4), to: split) }
        var limits = RunLimits()
        limits.untilOffsets = [SourceOffsets([a: 1, c: 3])]
        try script.run(limits)
        #expect(script.events.last?.sources[0].offsets.end.text == #"{"t":{"0":1,"2":0,"10":3}}"#)
        limits = RunLimits()
        limits.untilTime = EventTime(micros: 4_000_000)
        try script.run(limits)
        #expect(script.events.last?.sources[0].offsets.end.text == #"{"t":{"0":3,"2":3,"10":3}}"#)
    }

    @Test func realTimeNeedsOneOrder() throws {
        let script = script(RealTimeTests.counting())
        let error = #expect(throws: EngineError.self) { try script.start() }
        #expect(error?.code == .severalSplits && error?.isMistakeOfTheCaller == true)
        #expect(error?.message.contains("\"feed\"") == true)
        #expect(try !script.files.exists(Path("ckpt/metadata")), "nothing is left behind")
    }

    @Test func oneOffsetIsNoPlaceInSeveralSplits() throws {
        let script = script(StreamScript.counting(more: ", \"startingOffsets\": 5"))
        let error = #expect(throws: EngineError.self) { try script.start() }
        #expect(error?.code == .noSuchOffset)
        #expect(error?.message.contains("begin at a time") == true)
        #expect(try !script.files.exists(Path("ckpt/metadata")), "nothing is left behind")
    }

    /// Rows that do not follow one another are told apart by their own offsets.
    @Test func offsetsMayHaveGaps() throws {
        let script = StreamScript(
            StreamScript.counting().replacing(
                "\"groupBy\"", with: "\"where\": \"10 / (value - 4) < 99\", \"groupBy\""),
            offsetStep: 3)
        script.add(1, 2, 4)
        let text = "\(#expect(throws: BatchError.self) { try script.run() }.map { "\($0)" } ?? "")"
        #expect(text.hasPrefix("batch 0, query 'q', row at offset 6: "), "\(text)")
    }
}
