import Dispatch
import Synchronization

/// Runs independent pieces of work on up to a number of threads.
///
/// Work within such work runs on one thread: what is to be shared among threads is called from
/// outside.
public struct Workers: Sendable {
    /// The most pieces that run at one time; 1 runs them in order on the calling thread.
    public let threads: Int

    /// Up to so many threads; by default the calling one alone.
    public init(threads: Int = 1) { self.threads = threads }

    /// Runs `work(0) … work(count - 1)`, in any order, and returns their results in order.
    ///
    /// Throws the error of the lowest index that failed, so that which error a user sees does not
    /// depend on scheduling; work not yet started is then left out.
    public func map<Result: Sendable, Failure: Error>(
        _ count: Int, _ work: @Sendable (Int) throws(Failure) -> Result
    ) throws(Failure) -> [Result] {
        var all: [Result] = []
        all.reserveCapacity(count)
        guard threads > 1, count > 1 else {
            for index in 0..<count { all.append(try work(index)) }
            return all
        }
        let results = Mutex<[Swift.Result<Result, Failure>?]>(
            Array(repeating: nil, count: count))
        let next = Atomic<Int>(0)
        DispatchQueue.concurrentPerform(iterations: min(threads, count)) { _ in
            while true {
                let index = next.wrappingAdd(1, ordering: .relaxed).oldValue
                guard index < count else { return }
                let result = Swift.Result { () throws(Failure) in try work(index) }
                results.withLock { $0[index] = result }
                if case .failure = result { next.store(count, ordering: .relaxed) }
            }
        }
        for result in results.withLock({ $0 }) {
            if let result { all.append(try result.get()) }
        }
        return all
    }

    /// The same for so many rows, but the calling thread alone where they are so few that waking
    /// another one takes longer.
    public func sharing(rows: Int) -> Workers { rows < 16_384 ? Workers() : self }
}
