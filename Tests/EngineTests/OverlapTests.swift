import ConnectorAPI
import Dispatch
import Storage
import Synchronization
import TestSupport
import Testing

@testable import Engine

/// Batches of a backlog: each is stored while the next one is computed, and nothing else is
/// different.
@Suite struct OverlapTests {
    private static let job = StreamScript.counting(
        mode: "update", more: ", \"maxOffsetsPerTrigger\": 2")
    private static let seconds: [Int64] = [1, 2, 3, 7, 12, 13, 31]

    private struct DiskTrouble: Error {}

    private func script(_ job: String = job, threads: Int = 2) -> StreamScript {
        let script = StreamScript(job, threads: threads)
        for second in Self.seconds { script.add(second) }
        return script
    }

    /// Holds a batch's results back until rows from an offset on were read.
    private func holdBack(
        _ batch: Int64, untilRead offset: Int64, _ script: StreamScript,
        then: @escaping @Sendable () throws -> Void = {}
    ) {
        let isRead = DispatchSemaphore(value: 0)
        script.source.onRead { if $0 == offset { isRead.signal() } }
        script.sink.onWrite { written in
            guard written == batch else { return }
            #expect(isRead.wait(timeout: .now() + 60) == .success, "batches do not overlap")
            try then()
        }
    }

    @Test func oneBatchIsStoredWhileTheNextIsComputed() throws {
        let alone = script(threads: 1)
        try alone.run()
        let script = script()
        let (files, plan, commit) = (script.files, try script.offsets(1), try script.commit(0))
        holdBack(0, untilRead: 2, script) {
            try #expect(!files.exists(plan), "no plan before the commit of the batch before")
            try #expect(!files.exists(commit))
        }
        try script.run()
        #expect(script.sink.all == alone.sink.all)
        #expect(script.events.map(\.batchId) == alone.events.map(\.batchId))
        #expect(script.events.map(\.nextWatermarkMs) == alone.events.map(\.nextWatermarkMs))
        let watermarks = script.events.map(\.sources[0].watermarkMs)
        #expect(watermarks == alone.events.map(\.sources[0].watermarkMs))
    }

    @Test func aBatchThatCannotBeComputedLeavesTheOneBeforeCommitted() throws {
        let script = script(
            Self.job.replacing(
                "\"groupBy\"", with: "\"where\": \"1 / (value - 3) < 9\", \"groupBy\""))
        holdBack(0, untilRead: 2, script)
        let error = #expect(throws: BatchError.self) { try script.run() }
        #expect(error?.batch == 1)
        #expect(script.events.map(\.batchId) == [0])
        try #expect(script.files.exists(script.commit(0)))
        try #expect(!script.files.exists(script.offsets(1)))
    }

    @Test func aBatchThatCannotBeStoredTakesTheNextOneWithIt() throws {
        let script = script()
        holdBack(1, untilRead: 4, script) { throw DiskTrouble() }
        let error = #expect(throws: BatchError.self) { try script.run() }
        #expect(error?.batch == 1 && (error?.cause as? ConnectorError)?.cause is DiskTrouble)
        #expect(script.events.map(\.batchId) == [0])
        try #expect(script.files.exists(script.offsets(1)))
        try #expect(!script.files.exists(script.commit(1)))
        try #expect(!script.files.exists(script.offsets(2)))
        script.sink.onWrite { _ in }
        try script.restart()
        try script.run()
        let alone = self.script(threads: 1)
        try alone.run()
        #expect(script.sink.all == alone.sink.all)
    }

    @Test func whatIsWrittenWhenARunStopsIsCommitted() throws {
        let stopped = script()
        let isWriting = Mutex(false)
        stopped.sink.onWrite { _ in isWriting.withLock { $0 = true } }
        // Seen before the next batch is planned or after it: one batch or two.
        try stopped.run(until: { isWriting.withLock { $0 } })
        #expect((1...2).contains(stopped.events.count))
        #expect(stopped.sink.all.keys.sorted() == stopped.events.map(\.batchId))

        let limited = script()
        var limits = RunLimits()
        limits.maxBatches = 2
        try limited.run(limits)
        #expect(limited.events.map(\.batchId) == [0, 1])
        #expect(limited.sink.all.keys.sorted() == [0, 1])
    }

    /// The time of a batch begins where the one before it ended: batches add up to the run.
    @Test func batchesAddUpToTheRun() throws {
        let script = script()
        let time = script.time
        holdBack(0, untilRead: 2, script) { time.sleep(nanos: 5_000_000_000) }
        let begun = time.monotonicNanos()
        try script.run()
        let times = script.events.map(\.durations.triggerExecution)
        #expect(times[0] == 5_000_000_000)
        #expect(times.reduce(0, +) == time.monotonicNanos() - begun)
        #expect(script.events.allSatisfy { $0.profile.wallTotal == $0.durations.triggerExecution })
    }
}
