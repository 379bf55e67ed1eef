import ConnectorAPI
import Storage
import Synchronization
import TestSupport
import Testing

@testable import Engine

/// A sink is asked again after faults that may pass.
@Suite struct SinkRetryTests {
    /// A sink that is never called: the work is the tests' own.
    private final class QuietSink: Sink {
        var id: SinkID { SinkID(query: "q", place: "p") }
        var description: String { "quiet" }
        var history: SinkHistory { .everyBatch }
        var retryMsMax: Int64 { 60_000 }
        func recover(_ last: SinkRecovery) {}
        func prepare(_ batch: SinkBatch) -> any PreparedBatch { Nothing() }
        func verify(_ batch: SinkBatch, _ receipts: [SinkReceipt]) -> [String] { [] }
    }

    private struct Nothing: PreparedBatch {
        func commit() -> [SinkReceipt] { [] }
        func abort() {}
    }

    private func fault(_ retry: ConnectorError.Retry) -> ConnectorError {
        ConnectorError("x", "x", retry: retry)
    }

    @Test func whatMayPassIsTriedAgainAfterLongerAndLongerWaits() throws {
        let time = ManualTime()
        let retry = SinkRetry(time) { 0 }
        var moments: [UInt64] = []
        let tries = try retry(QuietSink()) { tries in
            moments.append(time.monotonicNanos() / 1_000_000)
            if tries < 9 { throw fault(.now) }
            return tries
        }
        let waits = zip(moments, moments.dropFirst()).map { $1 - $0 }
        #expect(tries == 9)
        #expect(waits == [0, 50, 100, 200, 400, 800, 1_600, 3_200, 5_000])
    }

    @Test func whatDoesNotPassEndsAfterTheSinksTime() {
        let time = ManualTime()
        let begun = time.monotonicNanos()
        let error = #expect(throws: ConnectorError.self) {
            try SinkRetry(time)(QuietSink()) { _ in throw fault(.after(milliseconds: 10)) }
        }
        let passed = (time.monotonicNanos() - begun) / 1_000_000
        #expect(error?.code == "x" && passed <= 60_000 && passed > 50_000)
    }

    @Test func whatIsTriedAgainIsNoted() throws {
        let noted = Mutex<[String]>([])
        let retry = SinkRetry(ManualTime(), random: { 0 }) { fault in
            noted.withLock { $0.append(fault) }
        }
        try retry(QuietSink()) { tries in
            if tries < 2 { throw fault(.now) }
        }
        #expect(noted.withLock(\.self).count == 2)
        #expect(noted.withLock(\.self).allSatisfy { $0.hasPrefix("quiet: ") })
    }

    @Test func otherFaultsAreNotTriedAgain() {
        var tries = 0
        #expect(throws: ConnectorError.self) {
            try SinkRetry(ManualTime())(QuietSink()) { _ in
                tries += 1
                throw fault(.never)
            }
        }
        #expect(tries == 1)
    }
}
