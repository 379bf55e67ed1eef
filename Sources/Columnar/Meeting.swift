import Dispatch
import Synchronization

/// Where two threads meet: each brings a value, and goes on with both.
public final class Meeting<First: Sendable, Second: Sendable>: Sendable {
    private struct State {
        var first: First?
        var second: Second?
    }

    private let state = Mutex(State())
    private let areBothThere = DispatchSemaphore(value: 0)

    /// Nobody is there yet.
    public init() {}

    /// The one side's value; called once.
    public func bring(first value: First) { bring { $0.first = value } }

    /// The other side's value; called once.
    public func bring(second value: Second) { bring { $0.second = value } }

    /// Waits until both have brought theirs; called once by each side.
    public func wait() -> (First, Second) {
        areBothThere.wait()
        let values = state.withLock(\.self)
        guard let first = values.first, let second = values.second else {
            preconditionFailure("both values are there before anybody goes on")
        }
        return (first, second)
    }

    private func bring(_ set: (inout State) -> Void) {
        let isLast = state.withLock { state in
            set(&state)
            return state.first != nil && state.second != nil
        }
        guard isLast else { return }
        areBothThere.signal()
        areBothThere.signal()
    }
}
