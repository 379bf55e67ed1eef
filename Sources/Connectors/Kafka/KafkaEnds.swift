import Columnar
import ConnectorAPI
import Storage
import Synchronization

/// What is known of the partitions of a subscription, kept up to date by a thread: which there are,
/// where each began when it was found, and where each ends.
final class KafkaEnds: Sendable {
    private struct State {
        var earliest: [SplitID: Int64] = [:]
        var ends: [SplitID: Int64] = [:]
        var fault: ConnectorError?
        /// Looks at which a partition ended before what a batch has read of it, one after the other.
        var shortLooks: [SplitID: Int] = [:]
        /// What batches have read.
        var read: [SplitID: Int64] = [:]
        var isClosed = false
        var hasEnded = false
    }

    /// How often ends are asked for.
    private static let intervalMs: UInt64 = 100
    /// A new leader may be behind for a moment; a topic that was made anew stays so.
    private static let shortLooksMax = 10
    /// How long the thread waits for an answer.
    private static let patienceMs: Int64 = 1_000

    let client: KafkaClient
    private let subscription: KafkaSubscription
    private let refreshMs: UInt64
    private let state: Mutex<State>

    /// Asks once, and then again and again until it is closed.
    ///
    /// - Parameters:
    ///   - subscription: which topics.
    ///   - client: the connection to ask by.
    ///   - refreshMs: how often new partitions are looked for.
    /// - Throws: what keeps the cluster from being asked, or that a topic is not there.
    init(
        _ subscription: KafkaSubscription, _ client: KafkaClient, refreshMs: UInt64
    ) throws(ConnectorError) {
        self.client = client
        self.subscription = subscription
        self.refreshMs = refreshMs
        state = Mutex(State())
        try find(patienceMs: KafkaClient.patienceMs)
        // Without a thread, ends are known from what is fetched and from `refresh` alone.
        if startThread({ [self] in watch() }) != 0 { state.withLock { $0.hasEnded = true } }
    }

    /// The partitions, in their order.
    var splits: [SplitID] { state.withLock { $0.ends.keys.sorted() } }

    /// Where each partition ended last.
    ///
    /// - Throws: that one is shorter than what was read of it.
    func ends() throws(ConnectorError) -> [SplitID: Int64] {
        let (ends, fault) = state.withLock { ($0.ends, $0.fault) }
        if let fault { throw fault }
        return ends
    }

    /// Takes in that a partition is known to go on to an offset.
    func raise(_ split: SplitID, to end: Int64) {
        state.withLock { state in
            if let known = state.ends[split], known < end { state.ends[split] = end }
        }
    }

    /// Takes in how far batches have read.
    func note(read: SourceOffsets) { state.withLock { $0.read = read.bySplit } }

    /// The oldest message of each partition as it is now.
    func earliest() throws(ConnectorError) -> [SplitID: Int64] {
        let splits = splits
        let found = try client.offsets(
            at: Dictionary(uniqueKeysWithValues: splits.map { ($0, .earliest) }))
        return Dictionary(uniqueKeysWithValues: splits.map { ($0, found[$0] ?? 0) })
    }

    /// Asks for the ends now.
    func refresh() throws(ConnectorError) { try look(patienceMs: KafkaClient.patienceMs) }

    /// Ends the thread, and waits for that.
    func close() {
        state.withLock { $0.isClosed = true }
        let time = SystemTime()
        while !state.withLock({ $0.hasEnded }) { time.sleep(nanos: 1_000_000) }
    }

    // MARK: Asking

    /// Looks which partitions there are, and where each ends.
    private func find(patienceMs: Int64) throws(ConnectorError) {
        let splits = try subscription.splits(client, patienceMs: patienceMs)
        let isNew = state.withLock { state in splits.filter { state.ends[$0] == nil } }
        if !isNew.isEmpty {
            let earliest = try client.offsets(
                at: Dictionary(uniqueKeysWithValues: isNew.map { ($0, .earliest) }),
                patienceMs: patienceMs)
            state.withLock { state in
                for split in isNew {
                    state.earliest[split] = earliest[split] ?? 0
                    state.ends[split] = earliest[split] ?? 0
                }
            }
        }
        try look(patienceMs: patienceMs)
    }

    private func look(patienceMs: Int64) throws(ConnectorError) {
        let found = try client.offsets(
            at: Dictionary(uniqueKeysWithValues: splits.map { ($0, .latest) }),
            patienceMs: patienceMs)
        state.withLock { state in
            for (split, end) in found {
                let isShort = end < state.read[split] ?? 0
                let looks = isShort ? (state.shortLooks[split] ?? 0) + 1 : 0
                state.shortLooks[split] = looks
                if looks == Self.shortLooksMax {
                    state.fault = KafkaLoss.tooShort(split, read: state.read[split] ?? 0, end: end)
                }
                state.ends[split] = max(end, state.ends[split] ?? 0)
            }
        }
    }

    private func watch() {
        let time = SystemTime()
        var found = time.now
        while !state.withLock({ $0.isClosed }) {
            time.sleep(nanos: Self.intervalMs * 1_000_000)
            _ = unsafe client.library.poll(client.handle, 0)
            // What fails here fails again where somebody waits for it, and is said there.
            if time.now.nanos(since: found) >= refreshMs * 1_000_000 {
                found = time.now
                try? find(patienceMs: Self.patienceMs)
            } else {
                try? look(patienceMs: Self.patienceMs)
            }
        }
        state.withLock { $0.hasEnded = true }
    }
}
