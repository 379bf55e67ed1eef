import Synchronization

/// Whether somebody asked a feed to come back at once: for feeds that wait.
public final class FeedInterrupt: Sendable {
    private let isAsked = Atomic<Bool>(false)

    /// Nobody has asked yet.
    public init() {}

    /// Asks, from any thread.
    public func ask() { isAsked.store(true, ordering: .releasing) }

    /// Whether somebody asked since the last call: whoever waits then comes back.
    public func take() -> Bool { isAsked.exchange(false, ordering: .acquiringAndReleasing) }
}
