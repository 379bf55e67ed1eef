import Columnar
import Engine
import Operators
import Storage
import Testing

/// The golden vectors of Spark's own test suites (EventTimeWatermarkSuite), with the same numbers.
@Suite struct GoldenVectorTests {
    @Test func g1Append() throws {
        let script = StreamScript(StreamScript.counting())
        script.add(10, 11, 12, 13, 14, 15)
        #expect(try script.runPairs() == [])
        script.add(25)
        #expect(try script.runPairs() == [[10, 5]])
        #expect(script.watermarkSeconds == 15)
        #expect(script.stateRows == 2)
        script.add(10)
        #expect(try script.runPairs() == [])
        #expect(script.stateRows == 2)
        #expect(script.events.last?.queries[0].rowsLate == 1)
    }

    @Test func g2Update() throws {
        let script = StreamScript(StreamScript.counting(mode: "update"))
        script.add(10, 11, 12, 13, 14, 15)
        #expect(try script.runPairs() == [[10, 5], [15, 1]])
        script.add(25)
        #expect(try script.runPairs() == [[25, 1]])
        #expect(script.stateRows == 2)
        script.add(10, 25)
        #expect(try script.runPairs() == [[25, 2]])
        script.add(10)
        #expect(try script.runPairs() == [])
    }

    @Test func g3Complete() throws {
        let script = StreamScript(StreamScript.counting(mode: "complete"))
        script.add(10, 11, 12)
        #expect(try script.runPairs() == [[10, 3]])
        script.add(25)
        #expect(try script.runPairs() == [[10, 3], [25, 1]])
        script.add(25)
        #expect(try script.runPairs() == [[10, 3], [25, 2]])
        script.add(10)
        #expect(try script.runPairs() == [[10, 4], [25, 2]])
    }

    @Test func g4NoDataBatchesOff() throws {
        let text = StreamScript.counting().replacing(
            "\"queries\"", with: "\"options\": { \"noDataBatches\": false }, \"queries\"")
        let script = StreamScript(text)
        script.add(10, 11, 12, 13, 14, 15)
        #expect(try script.runPairs() == [])
        script.add(25)
        #expect(try script.runPairs() == [])
        #expect(script.watermarkSeconds == 15)
    }

    @Test func g5Once() throws {
        let script = StreamScript(StreamScript.counting(trigger: "\"once\": true"))
        func step(_ seconds: Int64...) throws -> [[Int64]] {
            for second in seconds { script.add(second) }
            try script.restart()
            return try script.runPairs()
        }
        #expect(try step(15) == [])
        #expect(script.events.last?.watermarkMs == 0)
        #expect(try step(10, 12, 14) == [])
        #expect(script.events.last?.watermarkMs == 5_000)
        #expect(try step(25) == [])
        #expect(script.events.last?.watermarkMs == 5_000)
        #expect(try step(50) == [[10, 3]])
        #expect(script.events.last?.watermarkMs == 15_000)
        #expect(try step(50) == [[15, 1], [25, 1]])
        #expect(script.events.last?.watermarkMs == 40_000)
    }

    @Test func g6EventTimeStatistics() throws {
        let script = StreamScript(StreamScript.counting())
        script.add(15)
        try script.run()
        #expect(script.events[0].watermarkMs == 0)
        script.add(10, 12, 14)
        try script.run()
        let progress = try #require(script.events.last { $0.numInputRows == 3 })
        #expect(progress.watermarkMs == 5_000)
        let times = try #require(progress.eventTime)
        #expect([times.minMs, times.maxMs, times.avgMs] == [10_000, 14_000, 12_000])
        script.add(25)
        #expect(try script.runPairs() == [[10, 3]])
    }

    @Test func g7RecoveryAfterALostCommit() throws {
        let script = StreamScript(StreamScript.counting())
        script.add(10, 11, 12, 13, 14, 15)
        try script.run()
        script.add(25)
        #expect(try script.runPairs() == [[10, 5]])
        script.stop()
        let last = try #require(script.events.last).batchId
        try script.files.remove(Path("ckpt/commits/\(last)"))
        script.add(10, 27, 30)
        // The uncommitted batch comes first; then 10 is late and the watermark goes to 20.
        #expect(try script.runPairs() == [[15, 1]])
        #expect(script.watermarkSeconds == 20)
        try script.restart()
        script.add(17)
        #expect(try script.runPairs() == [])
        script.add(40)
        #expect(try script.runPairs() == [[25, 2]])
    }

    @Test func g8GroupedByRawEventTime() throws {
        let script = StreamScript(
            StreamScript.counting(groupBy: "ts", select: "unix_seconds(ts) AS t"))
        script.add(10)
        #expect(try script.runPairs() == [])
        script.add(25)
        #expect(try script.runPairs() == [[10, 1]])
    }
}

/// Vectors that tell the two watermarks of a batch apart.
@Suite struct TwoWatermarkTests {
    /// One batch a row, back to back: no batch without rows in between.
    @Test func d1BackToBackRowIsAccepted() throws {
        let script = StreamScript(
            StreamScript.counting(more: ", \"maxOffsetsPerTrigger\": 1"))
        script.add(15, 25, 10)
        let rows = try script.runPairs()
        #expect(rows.contains([10, 1]), "late is judged by the watermark of the batch before")
    }

    @Test func d1WithAnIdleStepRowIsDropped() throws {
        let script = StreamScript(StreamScript.counting())
        script.add(15)
        try script.run()
        script.add(25)
        try script.run()
        script.add(10)
        #expect(try script.runPairs() == [])
        #expect(script.events.last?.queries[0].rowsLate == 1)
    }

    @Test func d2ZeroDelayDropsEqualTimes() throws {
        let script = StreamScript(
            StreamScript.counting(
                delay: "0 seconds", groupBy: "ts", select: "unix_seconds(ts) AS t"))
        script.add(100)
        #expect(try script.runPairs() == [[100, 1]])
        script.add(100)
        #expect(try script.runPairs() == [])
        #expect(script.events.last { $0.numInputRows == 1 }?.queries[0].rowsLate == 1)
    }

    @Test func d3EpochRowsAreLateInBatchZero() throws {
        let script = StreamScript(
            StreamScript.counting(groupBy: "ts", select: "unix_seconds(ts) AS t"))
        script.add(0, -5, 20)
        try script.run()
        #expect(script.events[0].queries[0].rowsLate == 2)
    }

    @Test func d4AFutureRowMakesEverythingLate() throws {
        let script = StreamScript(StreamScript.counting())
        script.add(1_000)
        try script.run()
        script.add(1_000 + 86_400)
        try script.run()
        script.add(1_001, 1_002)
        try script.run()
        #expect(script.events.last { $0.numInputRows == 2 }?.queries[0].rowsLate == 2)
    }
}
