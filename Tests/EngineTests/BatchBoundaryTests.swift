import ConnectorAPI
import Engine
import Storage
import TestSupport
import Testing

/// Which batches run, and with what, after a restart and under each trigger (semantics, sections
/// 5, 7, 8 and 13).
@Suite struct BatchBoundaryTests {
    private static func counting(options: String = "", trigger: String = "\"availableNow\": true")
        -> String
    {
        StreamScript.counting(more: ", \"maxOffsetsPerTrigger\": 3", trigger: trigger)
            .replacing("\"queries\"", with: "\"options\": {\(options)}, \"queries\"")
    }

    /// Two batches of rows, stopped before the batch without rows that would close a window.
    private func stopped(_ text: String) throws -> StreamScript {
        let script = StreamScript(text)
        script.add(10, 11, 12, 13, 14, 25)
        var limits = RunLimits()
        limits.maxBatches = 2
        #expect(try script.runPairs(limits) == [])
        script.stop()
        return script
    }

    @Test func windowsThatCouldCloseDoAfterARestart() throws {
        let script = try stopped(Self.counting())
        #expect(try script.runPairs() == [[10, 5]])
        #expect(script.events.last?.numInputRows == 0)
    }

    @Test func sparksWayTheyWaitForARow() throws {
        let script = try stopped(Self.counting(options: "\"noDataBatchAfterRestart\": false"))
        #expect(try script.runPairs() == [])
        #expect(script.events.count == 2)
        script.add(26)
        #expect(try script.runPairs() == [[10, 5]])
        #expect(script.events[2].numInputRows == 1)
        #expect(script.events[2].watermarkMs == 15_000)
    }

    @Test func onceTakesEverythingInOneBatch() throws {
        let script = StreamScript(Self.counting(trigger: "\"once\": true"))
        script.add(1, 2, 3, 4, 5, 6, 7, 40)
        try script.run()
        #expect(script.events.map(\.sources[0].offsets.only) == [0..<8])
    }

    @Test func onceOnlyRepeatsAnUncommittedBatch() throws {
        let script = StreamScript(Self.counting(trigger: "\"once\": true"))
        script.add(1, 2)
        try script.run()
        script.stop()
        try script.files.remove(script.commit(0))
        script.add(3)
        try script.run()
        #expect(script.events.map(\.sources[0].offsets.only) == [0..<2, 0..<2])
        try script.restart()
        try script.run()
        #expect(script.events.last?.sources[0].offsets.only == 2..<3)
    }

    @Test func aRepeatedBatchHasItsOwnWatermarksAndClock() throws {
        let script = StreamScript(Self.counting())
        script.add(10, 25, 26, 40, 41, 42)
        try script.run()
        script.stop()
        let last = try #require(script.events.last)
        let rows = script.sink.all
        try script.files.remove(script.commit(last.batchId))
        script.time.sleep(nanos: 5_000_000_000)
        script.add(90)
        var limits = RunLimits()
        limits.maxBatches = 1
        try script.run(limits)
        let again = try #require(script.events.last)
        #expect(again.batchId == last.batchId && again.timestampMs == last.timestampMs)
        #expect(again.watermarkMs == last.watermarkMs)
        #expect(again.nextWatermarkMs == last.nextWatermarkMs)
        #expect(script.sink.all == rows)
    }

    @Test func theWatermarkStaysOverARestart() throws {
        let script = StreamScript(Self.counting())
        script.add(100)
        try script.run()
        try script.restart()
        script.add(95)
        try script.run()
        #expect(script.watermarkSeconds == 90)
        try script.restart()
        script.add(101)
        try script.run()
        #expect(script.watermarkSeconds == 91)
    }
}
