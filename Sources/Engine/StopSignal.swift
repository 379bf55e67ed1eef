import Synchronization

/// A request to stop after the batch that is running, set from a signal handler or another thread.
public final class StopSignal: Sendable {
    private let requested = Atomic<Bool>(false)

    /// A signal not yet given.
    public init() {}

    /// Asks the engine to finish the running batch, commit it and stop.
    public func request() { requested.store(true, ordering: .relaxed) }

    /// Whether a stop was asked for.
    public var isRequested: Bool { requested.load(ordering: .relaxed) }
}
