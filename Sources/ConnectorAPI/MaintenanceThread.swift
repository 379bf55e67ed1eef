import Columnar
import Dispatch
public import Storage
import Synchronization

/// What one round of maintenance came to.
public enum MaintenanceRound: Sendable {
    /// There was nothing to do.
    case idle
    /// Something was done.
    case worked
    /// Something was done, and more is due than should wait: the next round begins at once.
    case pressing
    /// Nothing will be to do any more.
    case finished
}

/// A thread that keeps files small beside those who write them, and gives way to all others.
///
/// It rests three times as long as it works, so that it takes at most a quarter of a processor. A
/// round that fails leaves the files as they were, and comes again half a minute later.
public final class MaintenanceThread: Sendable {
    /// A round of work; a long one calls ``pause()`` between its parts.
    public typealias Round = (MaintenanceThread) throws -> MaintenanceRound

    private struct State {
        var notices: [String] = []
        var isRunning = false
        /// When it began to work after it rested last.
        var begun: MonotonicTime
    }

    private let time: any TimeSource
    private let say: @Sendable (String) -> Void
    private let makeRound: @Sendable () -> Round
    private let state: Mutex<State>
    private let isStopRequested = Atomic<Bool>(false)
    private let done = DispatchSemaphore(value: 0)

    /// How long it waits between two looks, in nanoseconds.
    private static let waitNanos: UInt64 = 50_000_000
    /// How long it waits after a fault.
    public static let faultNanos: UInt64 = 30_000_000_000
    /// It rests so many times as long as it works.
    private static let restFactor: UInt64 = 3
    private static let noticesMax = 20

    /// Work that has not begun.
    ///
    /// - Parameters:
    ///   - time: the clocks.
    ///   - say: told at once what went wrong, on the thread.
    ///   - makeRound: makes the work, on the thread; it keeps what it remembers between rounds.
    public init(
        time: any TimeSource, say: @escaping @Sendable (String) -> Void = { _ in },
        makeRound: @escaping @Sendable () -> Round
    ) {
        self.time = time
        self.say = say
        self.makeRound = makeRound
        state = Mutex(State(begun: time.now))
    }

    /// Begins; where the system gives no thread, nothing is done.
    ///
    /// - Parameter consequence: what that means, for a notice.
    public func start(orElse consequence: String) {
        state.withLock { $0.isRunning = true }
        let code = startThread { [self] in
            lowerPriorityOfThisThread()
            run()
            done.signal()
        }
        if code != 0 {
            state.withLock { $0.isRunning = false }
            note("\(consequence): there is no thread for it (error \(code))")
        }
    }

    /// Ends it, and gives what it noted; may be called again.
    @discardableResult
    public func stop() -> [String] {
        isStopRequested.store(true, ordering: .releasing)
        if state.withLock({ $0.isRunning }) {
            done.wait()
            state.withLock { $0.isRunning = false }
        }
        return state.withLock { $0.notices }
    }

    /// Rests in proportion to what was worked since it rested last; `false` when it is to stop.
    public func pause() -> Bool {
        rest(Self.restFactor * time.now.nanos(since: state.withLock { $0.begun }))
        return !isStopped
    }

    /// Notes what people should know; the same once.
    public func note(_ notice: String) {
        let isNew = state.withLock { state in
            if state.notices.last == notice { return false }
            if state.notices.count == Self.noticesMax { state.notices.removeFirst() }
            state.notices.append(notice)
            return true
        }
        if isNew { say(notice) }
    }

    private var isStopped: Bool { isStopRequested.load(ordering: .acquiring) }

    private func run() {
        let round = makeRound()
        while !isStopped {
            state.withLock { $0.begun = time.now }
            do {
                switch try round(self) {
                case .idle: rest(Self.waitNanos)
                case .worked: _ = pause()
                case .pressing: continue
                case .finished: return
                }
            } catch {
                note("\(error)")
                rest(Self.faultNanos)
            }
        }
    }

    private func rest(_ nanos: UInt64) {
        let end = time.now.advanced(byNanos: nanos)
        while !isStopped, case let left = end.nanos(since: time.now), left > 0 {
            time.sleep(nanos: min(left, Self.waitNanos))
        }
        state.withLock { $0.begun = time.now }
    }
}
