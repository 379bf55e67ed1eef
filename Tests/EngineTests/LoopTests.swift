import Columnar
import ConnectorAPI
import Storage
import TestSupport
import Testing

@testable import Engine

@Suite struct LoopTests {
    @Test func rateLimitCutsBatches() throws {
        let script = StreamScript(
            StreamScript.counting(more: ", \"maxOffsetsPerTrigger\": 4"))
        script.add(1, 2, 3, 4, 5, 6, 7, 8, 9, 10)
        try script.run()
        #expect(
            script.events.filter { $0.numInputRows > 0 }.map(\.sources[0].offsets.only)
                == [0..<4, 4..<8, 8..<10])
    }

    @Test func restartGoesOnWithoutLossOrRepeat() throws {
        let undisturbed = StreamScript(
            StreamScript.counting(more: ", \"maxOffsetsPerTrigger\": 3"))
        let stopped = StreamScript(
            StreamScript.counting(more: ", \"maxOffsetsPerTrigger\": 3"))
        for second in Int64(0)..<60 {
            undisturbed.add(second * 7 % 41 + second)
            stopped.add(second * 7 % 41 + second)
        }
        try undisturbed.run()
        var limits = RunLimits()
        limits.maxBatches = 1
        while true {
            try stopped.restart()
            let before = stopped.events.count
            try stopped.run(limits)
            if stopped.events.count == before { break }
        }
        #expect(stopped.sink.all == undisturbed.sink.all)
        #expect(stopped.events.count == undisturbed.events.count)
    }

    @Test func idleTimeoutClosesTheLastWindows() throws {
        let text = StreamScript.counting().replacing(
            "\"delayThreshold\"", with: "\"idleTimeout\": \"10 seconds\", \"delayThreshold\"")
        let script = StreamScript(text)
        script.add(10, 11, 21)
        var limits = RunLimits()
        limits.sourceIsComplete = true
        #expect(try script.runPairs(limits) == [[10, 2], [20, 1]])
        #expect(script.watermarkSeconds == 25)
        script.add(22, 26)
        #expect(try script.runPairs(limits) == [[25, 1]])
        #expect(script.events.map(\.queries[0].rowsLate).reduce(0, +) == 1)
    }

    @Test func idleSourceIsWaitedFor() throws {
        let text = StreamScript.counting().replacing(
            "\"delayThreshold\"", with: "\"idleTimeout\": \"10 seconds\", \"delayThreshold\"")
        let script = StreamScript(text)
        script.add(10, 11)
        let before = script.time.monotonicNanos()
        #expect(try script.runPairs() == [[10, 2]])
        #expect(script.time.monotonicNanos() - before >= 10_000_000_000)
    }

    @Test func withoutIdleTimeoutTheLastWindowStaysOpen() throws {
        let script = StreamScript(StreamScript.counting())
        script.add(10, 11)
        var limits = RunLimits()
        limits.sourceIsComplete = true
        #expect(try script.runPairs(limits) == [])
        #expect(script.stateRows == 1)
    }

    @Test func windowsCloseAtTheEndWhereTheJobSaysSo() throws {
        let text = StreamScript.counting().replacing(
            "\"delayThreshold\"", with: "\"closeAtEnd\": true, \"delayThreshold\"")
        let script = StreamScript(text)
        script.add(10, 11, 21)
        // A feed that has not ended may yet have rows for them.
        #expect(try script.runPairs() == [])
        var limits = RunLimits()
        limits.feedsHaveEnded = true
        #expect(try script.runPairs(limits) == [[10, 2], [20, 1]])
    }

    @Test func windowsCloseWhereTheRunIsToldSo() throws {
        let script = StreamScript(StreamScript.counting())
        script.add(10, 11)
        #expect(try script.runPairs() == [])
        var limits = RunLimits()
        limits.closesWindows = true
        #expect(try script.runPairs(limits) == [[10, 2]])
        #expect(script.stateRows == 0)
    }

    @Test func whatStaysOpenIsSaid() throws {
        let script = StreamScript(StreamScript.counting())
        script.add(10, 11, 41)
        try script.run()
        let open = try #require(script.summary?.openWindows.first)
        #expect(open.query == "q")
        #expect(open.count == 1)
        #expect(open.lastEnd == EventTime(micros: 45_000_000))
    }

    @Test func stopBeforeTheRunRunsNothing() throws {
        let script = StreamScript(StreamScript.counting())
        script.add(1, 2)
        var limits = RunLimits()
        limits.maxBatches = 0
        try script.run(limits)
        #expect(script.events.isEmpty)
    }

    @Test func untilReadsNoRowBeyond() throws {
        let script = StreamScript(StreamScript.counting())
        script.add(1, 2, 3, 4)
        var limits = RunLimits()
        limits.untilTime = EventTime(micros: 3_000_000)
        try script.run(limits)
        #expect(script.events.last?.sources[0].offsets.only?.upperBound == 2)
        #expect(script.starts.map(\.unread.rows) == [2], "rows beyond are none to read")
        limits.untilTime = EventTime(micros: 2_000_000)
        try script.run(limits)
        #expect(script.starts.map(\.unread.rows) == [2, 0], "what was read stays read")
    }

    @Test func secondEngineIsRefused() throws {
        let script = StreamScript(StreamScript.counting())
        try script.start()
        let other = StreamScript(StreamScript.counting(), files: script.files)
        #expect(throws: StorageError.self) { try other.start() }
        script.stop()
        #expect(throws: Never.self) { try other.start() }
    }

    @Test func changedGroupingIsRefusedByName() throws {
        let script = StreamScript(StreamScript.counting())
        script.add(1)
        try script.run()
        script.stop()
        script.change(to: StreamScript.counting(groupBy: "window(ts, '7 seconds')"))
        let error = #expect(throws: EngineError.self) { try script.start() }
        #expect(error?.code == .jobChanged)
        #expect(error?.message.contains("queries[q].groupBy") == true)
        // Nothing was touched: the old job goes on.
        script.change(to: StreamScript.counting())
        #expect(throws: Never.self) { try script.start() }
    }

    @Test func aFailedBatchTellsWhereAndWhatIsNext() throws {
        let script = StreamScript(
            StreamScript.counting(more: ", \"maxOffsetsPerTrigger\": 2").replacing(
                "\"groupBy\"", with: "\"where\": \"10 / (value - 4) < 99\", \"groupBy\""))
        script.add(1, 2, 3, 4)
        let error = #expect(throws: BatchError.self) { try script.run() }
        #expect(error?.batch == 1 && error?.offsets.map(\.only) == [2..<4] && error?.query == "q")
        let text = error?.description ?? ""
        #expect(text.hasPrefix("batch 1, query 'q', row at offset 3: [DIVIDE_BY_ZERO] "), "\(text)")
        #expect(text.hasSuffix("is not committed; the next run runs it again."), "\(text)")
        script.change(to: StreamScript.counting())
        try script.restart()
        try script.run()
        #expect(script.events.map(\.batchId).starts(with: [0, 1]))
    }

    @Test func changedRateLimitIsAccepted() throws {
        let script = StreamScript(StreamScript.counting())
        script.add(1)
        try script.run()
        script.stop()
        script.change(to: StreamScript.counting(more: ", \"maxOffsetsPerTrigger\": 4"))
        #expect(throws: Never.self) { try script.start() }
    }

    @Test func shorterSourceIsRefused() throws {
        let script = StreamScript(StreamScript.counting())
        script.add(1, 2, 3)
        try script.run()
        script.stop()
        let other = StreamScript(StreamScript.counting(), files: script.files)
        let error = #expect(throws: ConnectorError.self) { try other.start() }
        #expect(error?.code == MemorySource.sourceTooShort)
    }
}

@Suite struct TriggerTests {
    private static let multiples: [(Int64, Int64, Int64)] = [
        (0, 0, 0), (1_000, 1_000, 2_000), (1_234, 1_000, 2_000), (7, 3, 9),
        // As long as time itself.
        (7, .max, .max), (.max - 3, .max - 7, .max), (1 << 62, 1 << 62, .max),
    ]

    @Test(arguments: multiples)
    func nextTriggerIsTheNextMultiple(nowMs: Int64, intervalMs: Int64, expected: Int64) {
        #expect(nextTriggerMs(after: nowMs, intervalMs: intervalMs) == expected)
    }
}
