import Dispatch
import Synchronization

/// Runs independent pieces of work on up to a number of threads.
struct Workers: Sendable {
    /// The most pieces that run at one time; 1 runs them in order on the calling thread.
    let threads: Int

    /// Runs `work(0) … work(count - 1)`, in any order, and returns their results in order.
    ///
    /// Throws the error of the lowest index that failed, so that which error a user sees does not
    /// depend on scheduling; work not yet started is then left out.
    func map<Result: Sendable>(
        _ count: Int, _ work: @Sendable (Int) throws -> Result
    ) throws -> [Result] {
        guard threads > 1, count > 1 else { return try (0..<count).map(work) }
        let results = Mutex<[Swift.Result<Result, any Error>?]>(
            Array(repeating: nil, count: count))
        let next = Atomic<Int>(0)
        DispatchQueue.concurrentPerform(iterations: min(threads, count)) { _ in
            while true {
                let index = next.wrappingAdd(1, ordering: .relaxed).oldValue
                guard index < count else { return }
                let result = Swift.Result { try work(index) }
                results.withLock { $0[index] = result }
                if case .failure = result { next.store(count, ordering: .relaxed) }
            }
        }
        return try results.withLock { $0 }.compactMap { try $0?.get() }
    }
}
