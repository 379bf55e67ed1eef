import CServing
public import Columnar
public import ConnectorAPI
public import Engine
import Expressions
import Glibc
import Storage
import Synchronization

/// Where the engine leaves what a page shows, and the serving thread takes it from.
///
/// It costs the engine next to nothing: rows that may yet change are computed only while somebody
/// looks and the rows before were taken; nothing here waits for a client. What does not fit is let
/// go of, and whoever looks is told to load the history again.
public final class LiveHub: Sendable {
    /// Something that happened, in the order in which it did.
    enum Event: Sendable {
        /// Rows that may yet change, of a batch that is not committed.
        case shown(query: Int, batch: Int64, rows: RecordBatch, atNanos: UInt64)
        /// Rows of a committed batch.
        case committed(query: Int, batch: Int64, rows: RecordBatch, atNanos: UInt64)
        /// Rows of a query were let go of.
        case lost(query: Int)
        /// What the engine told.
        case engine(EngineEvent)
        /// A sink has failed in a way that may pass, with these words, and is asked again.
        case fault(String)
        /// Where a checkpoint stands that another process goes on with.
        case stands(batch: Int64, watermarkMs: Int64)
        /// The run is over, in words.
        case ended(reason: String, failed: Bool)
    }

    private struct State {
        var events: [Event] = []
        var rows = 0
        var isClosed = false
    }

    /// The most rows that wait for the serving thread; what a batch has more than that is let go of.
    static let waitingRowsMax = 1 << 17

    /// The job's queries, in its order.
    public let queries: [ServedQuery]
    /// Readable when something has happened.
    let descriptor: Int32
    private let watchers: [WatcherCount]
    private let isBusy = Atomic<Bool>(false)
    private let turnedAtNanos = Atomic<UInt64>(0)
    private let state = Mutex(State())

    /// A hub for the queries of a job.
    ///
    /// - Throws: ``ServingError`` when the process has no descriptor left.
    public init(_ queries: [ServedQuery]) throws(ServingError) {
        self.queries = queries
        watchers = queries.map { _ in WatcherCount() }
        descriptor = cserving_signal_open()
        guard descriptor >= 0 else { throw .noDescriptor }
    }

    deinit { close(descriptor) }

    /// What gives a query's rows to the hub; nil for a query that it does not know.
    public func sink(of query: String) -> (any LiveSink)? {
        queries.firstIndex { $0.name == query }.map { HubSink(self, $0) }
    }

    /// Takes what the engine tells.
    public func observe(_ event: EngineEvent) { add(.engine(event)) }

    /// Notes what a sink has failed with, which is asked again.
    public func note(fault text: String) { add(.fault(text)) }

    /// Notes that the engine's loop turns; cheap enough for each turn.
    public func beat() {
        turnedAtNanos.store(SystemTime().monotonicNanos(), ordering: .relaxed)
    }

    /// When the engine's loop last turned; nil before it did.
    var engineTurnedAtNanos: UInt64? {
        let nanos = turnedAtNanos.load(ordering: .relaxed)
        return nanos > 0 ? nanos : nil
    }

    /// Takes rows of a batch that another process has committed.
    public func publish(_ query: String, batch: Int64, _ rows: RecordBatch) {
        guard let index = queries.firstIndex(where: { $0.name == query }) else { return }
        commit(index, batch, rows)
    }

    /// Notes where a checkpoint stands that another process goes on with.
    public func note(lastBatch: Int64, watermarkMs: Int64) {
        add(.stands(batch: lastBatch, watermarkMs: watermarkMs))
    }

    /// Says that nothing more comes, and why.
    func end(_ reason: String, failed: Bool) { add(.ended(reason: reason, failed: failed)) }

    // MARK: The engine's side

    func isWatched(_ query: Int) -> Bool { watchers[query].count.load(ordering: .relaxed) > 0 }

    func wantsRows(_ query: Int) -> Bool {
        isWatched(query) && !isBusy.load(ordering: .relaxed)
    }

    func show(_ query: Int, _ update: LiveUpdate) {
        isBusy.store(true, ordering: .relaxed)
        add(
            .shown(
                query: query, batch: update.number.number, rows: update.rows,
                atNanos: SystemTime().monotonicNanos()), rows: update.rows.count)
    }

    func commit(_ query: Int, _ batch: Int64, _ rows: RecordBatch) {
        guard rows.count > 0 || queries[query].mode == .complete else { return }
        add(
            .committed(
                query: query, batch: batch, rows: rows, atNanos: SystemTime().monotonicNanos()),
            rows: rows.count, of: query)
    }

    private func add(_ event: Event, rows: Int = 0, of query: Int? = nil) {
        let isNew = state.withLock { state in
            guard !state.isClosed else { return false }
            if state.rows + rows > Self.waitingRowsMax, rows > 0 {
                // Rows that may change come again; of finals those before the newest go.
                state.events.removeAll { if case .shown = $0 { true } else { false } }
                if let query {
                    state.events.removeAll {
                        if case .committed(query, _, _, _) = $0 { true } else { false }
                    }
                    state.events.append(.lost(query: query))
                }
                state.rows = state.events.reduce(0) { $0 + $1.rowCount }
            }
            state.rows += rows
            state.events.append(event)
            return state.events.count == 1
        }
        if isNew { cserving_signal(descriptor) }
    }

    // MARK: The serving thread's side

    /// Everything that has happened since the last call.
    func take() -> [Event] {
        cserving_signal_clear(descriptor)
        let events = state.withLock { state in
            state.rows = 0
            defer { state.events = [] }
            return state.events
        }
        isBusy.store(false, ordering: .relaxed)
        return events
    }

    /// Takes nothing from now on.
    func closeForGood() {
        state.withLock { state in
            state.isClosed = true
            state.events = []
        }
    }

    /// Notes that somebody looks at a query, or looks no more.
    func watch(_ query: Int, _ change: Int) {
        watchers[query].count.wrappingAdd(change, ordering: .relaxed)
    }
}

/// How many look at a query.
private final class WatcherCount: Sendable {
    let count = Atomic<Int>(0)
}

extension LiveHub.Event {
    fileprivate var rowCount: Int {
        switch self {
        case .shown(_, _, let rows, _), .committed(_, _, let rows, _): rows.count
        case .lost, .engine, .fault, .stands, .ended: 0
        }
    }
}

/// Gives the rows of one query to a hub; leaves nothing behind.
private final class HubSink: LiveSink {
    private let hub: LiveHub
    private let query: Int

    init(_ hub: LiveHub, _ query: Int) {
        self.hub = hub
        self.query = query
    }

    var id: SinkID { SinkID(query: hub.queries[query].name, place: description) }
    var description: String { "page" }
    var history: SinkHistory { .newestBatch }
    var isWatched: Bool { hub.isWatched(query) }
    var wantsRows: Bool { hub.wantsRows(query) }
    var takesProvisional: Bool { true }

    func recover(_ last: SinkRecovery) {}

    func show(_ update: LiveUpdate) { hub.show(query, update) }

    func prepare(_ batch: SinkBatch) -> any PreparedBatch { Handed(batch, self) }

    /// Nothing: a page keeps nothing.
    func verify(_ batch: SinkBatch, _ receipts: [SinkReceipt]) -> [String] { [] }

    /// A batch that is handed to the hub when it is committed; a second time changes nothing there.
    private struct Handed: PreparedBatch {
        let batch: SinkBatch
        let sink: HubSink

        init(_ batch: SinkBatch, _ sink: HubSink) {
            self.batch = batch
            self.sink = sink
        }

        func commit() -> [SinkReceipt] {
            sink.hub.commit(sink.query, batch.number.number, batch.rows)
            return []
        }

        func abort() {}
    }
}
