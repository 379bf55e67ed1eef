import ConnectorAPI
import Storage

/// Asks a sink again after a fault that may pass, for as long as the sink allows.
///
/// The first time at once, unless the fault asks for a wait; then after 50 ms, twice as long from
/// fault to fault, at most 5 s. Waits are shortened at random, so that two that were in each other's
/// way are not so again.
struct SinkRetry: Sendable {
    static let firstWaitNanos: UInt64 = 50_000_000
    static let waitNanosMax: UInt64 = 5_000_000_000

    private let time: any TimeSource
    private let random: @Sendable () -> Double
    private let note: @Sendable (String) -> Void

    /// A retry by a clock, which notes each fault that it lets pass.
    init(
        _ time: any TimeSource,
        random: @escaping @Sendable () -> Double = { Double.random(in: 0..<1) },
        note: @escaping @Sendable (String) -> Void = { _ in }
    ) {
        self.time = time
        self.random = random
        self.note = note
    }

    /// Does a sink's work, which is told how often it was tried before.
    func callAsFunction<Result>(
        _ sink: any Sink, _ work: (_ tries: Int) throws -> Result
    ) throws -> Result {
        var tries = 0
        var end: MonotonicTime?
        while true {
            do {
                return try work(tries)
            } catch let error as ConnectorError {
                let now = time.now
                let last =
                    end ?? now.advanced(byNanos: UInt64(clamping: sink.retryMsMax) * 1_000_000)
                end = last
                guard let wait = waitNanos(after: error, tries: tries),
                    now.advanced(byNanos: wait) < last
                else { throw error }
                note("\(sink.description): \(error)")
                sleep(until: now.advanced(byNanos: wait))
                tries += 1
            }
        }
    }

    private func waitNanos(after error: ConnectorError, tries: Int) -> UInt64? {
        let asked: UInt64
        switch error.retry {
        case .never: return nil
        case .now: asked = 0
        case .after(let milliseconds): asked = UInt64(clamping: milliseconds) * 1_000_000
        }
        guard tries > 0 else { return asked }
        let doubled = min(Self.waitNanosMax, Self.firstWaitNanos << UInt64(min(tries - 1, 10)))
        return max(asked, UInt64(Double(doubled) * (1 - 0.5 * random())))
    }

    /// A sleep may end early.
    private func sleep(until end: MonotonicTime) {
        while time.now < end { time.sleep(nanos: end.nanos(since: time.now)) }
    }
}
