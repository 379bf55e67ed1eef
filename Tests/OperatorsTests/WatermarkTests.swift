import Columnar
import Operators
import Testing

@Suite struct WatermarkTests {
    private func statistics(_ times: [Int64]) -> EventTimeStatistics {
        var statistics = EventTimeStatistics()
        statistics.add(Column(.timestamp, times.map { seconds($0) }))
        return statistics
    }

    private func seen(_ tracker: inout WatermarkTracker, _ inputs: [[Int64]]) -> Int64 {
        tracker.endBatch(inputs.map(statistics)) / 1_000
    }

    @Test func g9TwoInputs() {
        var tracker = WatermarkTracker(
            inputs: [.init(delayMs: 10_000), .init(delayMs: 5_000)], policy: .min)
        #expect(seen(&tracker, [[11], []]) == 0)
        #expect(seen(&tracker, [[], [6]]) == 1)
        #expect(seen(&tracker, [[], [8]]) == 1)
        #expect(seen(&tracker, [[21], []]) == 3)
        #expect(seen(&tracker, [[], [17, 28, 39]]) == 11)
        #expect(seen(&tracker, [[31], []]) == 21)
        #expect(seen(&tracker, [[41], []]) == 31)
        #expect(seen(&tracker, [[51], []]) == 34)
        #expect(seen(&tracker, [[200], [190]]) == 185)
        // Spark's way: what the inputs saw is forgotten, the job's watermark is not.
        var restarted = WatermarkTracker(
            inputs: [.init(delayMs: 10_000), .init(delayMs: 5_000)], policy: .min,
            watermarkMs: tracker.watermarkMs)
        #expect(seen(&restarted, [[], [200]]) == 185)
        #expect(seen(&restarted, [[200], []]) == 190)
        // Ours: the maxima persist.
        var persisted = WatermarkTracker(
            inputs: tracker.inputs.map {
                .init(delayMs: $0.delayMs, maxEventTimeMs: $0.maxEventTimeMs)
            },
            policy: .min, watermarkMs: tracker.watermarkMs)
        #expect(seen(&persisted, [[], [200]]) == 190)
    }

    @Test func g10PolicyMax() {
        let inputs: [WatermarkTracker.Input] = [.init(delayMs: 10_000), .init(delayMs: 15_000)]
        var tracker = WatermarkTracker(inputs: inputs, policy: .max)
        #expect(seen(&tracker, [[20], [30]]) == 15)
        #expect(seen(&tracker, [[120], [130]]) == 115)
        #expect(seen(&tracker, [[150], []]) == 140)
        var smallest = WatermarkTracker(inputs: inputs, policy: .min)
        #expect(seen(&smallest, [[20], [30]]) == 10)
        #expect(seen(&smallest, [[120], [130]]) == 110)
        #expect(seen(&smallest, [[], [150]]) == 110)
    }

    @Test func neverMovesBackAndStartsAtZero() {
        var tracker = WatermarkTracker(inputs: [.init(delayMs: 10_000)])
        #expect(seen(&tracker, [[5]]) == 0)
        #expect(seen(&tracker, [[30]]) == 20)
        #expect(seen(&tracker, [[12]]) == 20)
        #expect(seen(&tracker, [[]]) == 20)
    }

    @Test func timesAreCutToMillisecondsTowardThePast() {
        var statistics = EventTimeStatistics()
        statistics.add(Column(.timestamp, [.timestamp(1_999), .timestamp(-1), .null]))
        #expect(statistics.count == 2)
        #expect(statistics.minMs == -1)
        #expect(statistics.maxMs == 1)
        var limited = EventTimeStatistics()
        let beyond = limited.add(
            Column(.timestamp, [.timestamp(5_999), .timestamp(6_000), .timestamp(.max)]),
            limitMs: 5)
        #expect(beyond == 2)
        #expect(limited.maxMs == 5)
    }

    @Test func idleInputsDoNotHoldBack() {
        var tracker = WatermarkTracker(inputs: [.init(delayMs: 0), .init(delayMs: 0)])
        #expect(seen(&tracker, [[10], []]) == 0)
        tracker.setIdle(1, true)
        #expect(tracker.move() == 10_000)
        #expect(seen(&tracker, [[20], []]) == 20)
        // A row wakes it: it holds back again, but nothing moves back.
        #expect(seen(&tracker, [[30], [25]]) == 25)
        tracker.raise(toMs: 29_000)
        #expect(tracker.watermarkMs == 29_000)
        tracker.raise(toMs: 1)
        #expect(tracker.watermarkMs == 29_000)
    }
}
