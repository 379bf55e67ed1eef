import ConnectorAPI
import Storage

/// How long a pump waits before it asks a feed again after a fault: longer from fault to fault.
///
/// What a fault itself asks for (`Retry-After`) is waited at least.
public struct RetryBackoff: Sendable {
    /// The wait after the second fault in a row, in milliseconds.
    ///
    /// It doubles from there on; after the first fault there is none.
    public var firstMs: Int64 = 1_000
    /// The longest wait, in milliseconds.
    public var mostMs: Int64 = 60_000
    /// How many faults in a row are too many; `nil` is no limit: the wait is bounded, its number
    /// is not.
    public var faultsMax: Int?
    /// For how long rows have to come, in milliseconds, until a fault is not one more in a row: a
    /// peer that accepts and drops must not be asked in a tight loop.
    public var healthyMs: Int64 = 10_000
    /// By how much waits are shortened, at random, so that many feeds do not come at once: a
    /// share of the wait, from 0 to 1.
    public var jitter = 0.5
    /// Where the chance comes from: numbers from 0 up to, not including, 1.
    public var random: @Sendable () -> Double = { Double.random(in: 0..<1) }

    /// Waits of 1 to 60 seconds.
    public init() {}

    /// How long to wait after a fault.
    ///
    /// - Parameters:
    ///   - error: the fault.
    ///   - faults: how many faults in a row there were before it.
    /// - Returns: milliseconds, or `nil` when the feed is not to be asked again.
    func wait(after error: ConnectorError, faults: Int) -> Int64? {
        if let faultsMax, faults >= faultsMax { return nil }
        let asked: Int64
        switch error.retry {
        case .never: return nil
        case .now: asked = 0
        case .after(let milliseconds): asked = max(0, milliseconds)
        }
        guard faults > 0 else { return asked }
        let doubled = faults > 40 ? mostMs : min(mostMs, firstMs << Int64(faults - 1))
        let shortened = Double(doubled) * (1 - min(max(jitter, 0), 1) * random())
        return max(asked, Int64(shortened))
    }
}

/// The faults of a feed in a row.
struct FaultCount {
    private var faults = 0
    /// When the feed was asked again after the last fault.
    private var askedAt: MonotonicTime?
    private var hasRows = false

    /// Rows have come.
    mutating func noteRows() { hasRows = true }

    /// How many faults in a row there were before one that is met now.
    mutating func count(at now: MonotonicTime, healthyMs: Int64) -> Int {
        if let askedAt, hasRows,
            now.nanos(since: askedAt) >= UInt64(max(0, healthyMs)) * 1_000_000
        {
            faults = 0
        }
        defer { faults += 1 }
        return faults
    }

    /// The feed is asked again.
    mutating func askAgain(at now: MonotonicTime) {
        askedAt = now
        hasRows = false
    }
}
