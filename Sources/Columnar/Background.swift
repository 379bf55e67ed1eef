import Dispatch
import Synchronization

/// Work that is done beside the thread that asked for it, or by that thread when it needs the work,
/// where no other has come to it.
public final class Background<Value: Sendable>: Sendable {
    private enum State {
        case waiting(@Sendable () throws -> Value)
        case running
        case done(Result<Value, any Error>)
    }

    private let state: Mutex<State>
    private let isDone = DispatchSemaphore(value: 0)

    /// Asks another thread to do the work; with one thread nobody is asked.
    public init(threads: Int, _ work: @escaping @Sendable () throws -> Value) {
        state = Mutex(.waiting(work))
        if threads > 1 { WorkerThreads.shared.run { self.begin() } }
    }

    /// Waits until it is done; called once.
    public func wait() throws -> Value {
        begin()
        isDone.wait()
        guard case .done(let result) = state.withLock(\.self) else {
            preconditionFailure("work that is done left nothing")
        }
        return try result.get()
    }

    /// Does the work, unless somebody has begun it.
    public func begin() {
        let work: (@Sendable () throws -> Value)? = state.withLock { state in
            guard case .waiting(let work) = state else { return nil }
            state = .running
            return work
        }
        guard let work else { return }
        let result = Result { try work() }
        state.withLock { $0 = .done(result) }
        isDone.signal()
    }
}
