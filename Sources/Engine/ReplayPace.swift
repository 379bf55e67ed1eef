public import Columnar
public import Storage
import Synchronization

/// How fast event time passes in a replay, which may be changed while it runs, from any thread.
///
/// Event time goes forward only: what was read has changed the state, so what was before can be seen
/// again only by a replay that begins anew.
public final class ReplayPace: Sendable {
    /// How a replay stands.
    public struct State: Sendable {
        /// The event time of the first row of what is replayed.
        public let first: EventTime
        /// The event time of the last one.
        public let last: EventTime
        /// How many times as fast as it was event time passes; nil for as fast as possible.
        public internal(set) var speed: Double?
        /// Whether no further row is read.
        public internal(set) var isPaused: Bool
        /// Whether no batch is to begin: a pause, until a jump asks for rows beyond it.
        public internal(set) var isHeld = false
        /// The event time up to which rows have come; nil when all have.
        public internal(set) var moment: EventTime?
        /// Whether everything was read.
        public internal(set) var hasEnded = false
        /// Whether the replay is to begin anew.
        public internal(set) var isToRestart = false
    }

    private struct Memory {
        var state: State
        /// The moment that stood when the clock showed `sinceNanos`.
        var anchor: EventTime
        var sinceNanos: UInt64
    }

    private let time: any TimeSource
    private let memory: Mutex<Memory>

    /// A pace for rows from the first to the last event time, which stands at `moment` now.
    ///
    /// - Parameters:
    ///   - first: the event time of the first row.
    ///   - last: the event time of the last row.
    ///   - moment: where event time begins to pass: behind `first` for a replay that goes on.
    ///   - speed: how many times as fast as it was; nil for as fast as possible.
    ///   - time: the clock.
    public init(
        from first: EventTime, through last: EventTime, at moment: EventTime, speed: Double?,
        time: any TimeSource
    ) {
        precondition(speed.map { $0 > 0 && $0.isFinite } ?? true, "a pace is a positive number")
        self.time = time
        memory = Mutex(
            Memory(
                state: State(first: first, last: last, speed: speed, isPaused: false, moment: nil),
                anchor: moment, sinceNanos: time.monotonicNanos()))
    }

    /// How it stands now.
    public var state: State {
        let now = time.monotonicNanos()
        return memory.withLock { memory in
            var state = memory.state
            state.moment = Self.moment(memory, now)
            return state
        }
    }

    /// Holds event time, or lets it pass on from where it was held.
    public func setPaused(_ isPaused: Bool) {
        change { memory in
            memory.state.isHeld = isPaused
            memory.state.isPaused = isPaused
            return true
        }
    }

    /// Lets event time pass at a multiple of wall time from now on; nil is as fast as possible.
    public func setSpeed(_ speed: Double?) {
        precondition(speed.map { $0 > 0 && $0.isFinite } ?? true, "a pace is a positive number")
        change { memory in
            memory.state.speed = speed
            return true
        }
    }

    /// Lets everything up to an event time come at once.
    ///
    /// - Returns: false when that time has passed, and nothing is done.
    public func jump(to target: EventTime) -> Bool {
        change { memory in
            guard target >= memory.anchor else { return false }
            memory.anchor = target
            memory.state.isHeld = false
            return true
        }
    }

    /// Asks for a replay that begins anew.
    public func restart() {
        change { memory in
            memory.state.isToRestart = true
            return true
        }
    }

    /// Notes that everything was read.
    public func end() {
        change { memory in
            memory.state.hasEnded = true
            return true
        }
    }

    /// Notes rows that were read up to an event time: where event time was as fast as possible, it
    /// goes on from there.
    public func hasRead(upTo newest: EventTime) {
        let now = time.monotonicNanos()
        memory.withLock { memory in
            guard memory.state.speed == nil, newest > memory.anchor else { return }
            memory.anchor = newest
            memory.sinceNanos = now
        }
    }

    /// Makes a change from the moment on that is now.
    @discardableResult
    private func change(_ body: (inout Memory) -> Bool) -> Bool {
        let now = time.monotonicNanos()
        return memory.withLock { memory in
            memory.anchor = Self.moment(memory, now) ?? memory.anchor
            memory.sinceNanos = now
            return body(&memory)
        }
    }

    /// The event time up to which rows have come; nil beyond the last, or as fast as possible.
    private static func moment(_ memory: Memory, _ now: UInt64) -> EventTime? {
        if memory.state.isPaused { return memory.anchor }
        guard let speed = memory.state.speed else { return nil }
        let passed = Double(now - min(now, memory.sinceNanos)) / 1_000 * speed
        guard let micros = Int64(exactly: passed.rounded()) else { return nil }
        let (moment, overflow) = memory.anchor.micros.addingReportingOverflow(micros)
        return overflow ? nil : EventTime(micros: moment)
    }
}
