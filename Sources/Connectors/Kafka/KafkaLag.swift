import CRdKafka
import ConnectorAPI
import Storage
import Synchronization

/// Tells a group how far batches are committed, so that tools see the lag: at most once a second,
/// without waiting, and never read back.
final class KafkaLag: Sendable {
    private struct State {
        var offsets: SourceOffsets?
        var sentAt: MonotonicTime?
        var isWaiting = false
        /// Commits whose answer has not come.
        var open = 0
    }

    private static let intervalNanos: UInt64 = 1_000_000_000
    /// How long the last commit of a run is waited for.
    private static let lastNanos: UInt64 = 2_000_000_000
    private let state = Mutex(State())
    private static let inFlight = Mutex([UInt: KafkaLag]())

    /// Has answers come here.
    func configure(_ library: KafkaLibrary, _ conf: OpaquePointer) {
        // The callback knows its client by its handle alone, and the answers are counted there.
        unsafe library.confSetOffsetCommit(conf) { handle, _, _, _ in
            let key = UInt(bitPattern: handle)
            KafkaLag.inFlight.withLock { $0[key] }?.answered()
        }
    }

    private func answered() { state.withLock { $0.open -= 1 } }

    /// Commits positions, now or with the next ones.
    func commit(_ offsets: SourceOffsets, _ client: KafkaClient) {
        let now = SystemTime().now
        let isDue = state.withLock { state in
            state.offsets = offsets
            state.isWaiting =
                state.sentAt.map { now.nanos(since: $0) < Self.intervalNanos } ?? false
            return !state.isWaiting
        }
        if isDue { send(offsets, client, now) }
    }

    private func send(_ offsets: SourceOffsets, _ client: KafkaClient, _ now: MonotonicTime) {
        guard !offsets.bySplit.isEmpty else { return }
        let key = unsafe UInt(bitPattern: client.handle)
        Self.inFlight.withLock { $0[key] = self }
        state.withLock { state in
            state.sentAt = now
            state.open += 1
        }
        if !client.commitSoon(offsets) { answered() }
    }

    /// Commits what is left, and waits a little for the answers.
    func finish(_ client: KafkaClient) {
        let time = SystemTime()
        let rest = state.withLock { $0.isWaiting ? $0.offsets : nil }
        if let rest { send(rest, client, time.now) }
        let end = time.now.advanced(byNanos: Self.lastNanos)
        while state.withLock({ $0.open > 0 }), time.now < end {
            _ = unsafe client.library.poll(client.handle, 10)
        }
        let key = unsafe UInt(bitPattern: client.handle)
        Self.inFlight.withLock { $0[key] = nil }
    }
}
