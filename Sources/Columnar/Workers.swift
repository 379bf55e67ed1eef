import Dispatch
import Synchronization

/// Runs independent pieces of work on up to a number of threads.
///
/// Work may call for workers itself: a thread that has nothing left to do helps whoever asked
/// first.
public struct Workers: Sendable {
    /// The most pieces that run at one time; 1 runs them in order on the calling thread.
    public let threads: Int

    /// At most this many threads; by default the calling one alone.
    public init(threads: Int = 1) { self.threads = threads }

    /// Runs `work(0) … work(count - 1)`, in any order, and returns their results in order.
    ///
    /// Throws the error of the lowest index that failed, so that which error a user sees does not
    /// depend on scheduling; work not yet started is then left out.
    public func map<Result: Sendable, Failure: Error>(
        _ count: Int, _ work: @escaping @Sendable (Int) throws(Failure) -> Result
    ) throws(Failure) -> [Result] {
        guard threads > 1, count > 1 else {
            var all: [Result] = []
            all.reserveCapacity(count)
            for index in 0..<count { all.append(try work(index)) }
            return all
        }
        let shared = SharedWork(count, work)
        // The calling thread does not wait for helpers that have not come when all is done.
        for _ in 1..<min(threads, count) {
            WorkerThreads.shared.run { shared.takePart() }
        }
        shared.takePart()
        return try shared.finish()
    }

    /// The same for so many rows, but the calling thread alone where they are so few that waking
    /// another one takes longer.
    public func sharing(rows: Int) -> Workers { rows < 16_384 ? Workers() : self }
}

/// Pieces of work that any number of threads take part in.
private final class SharedWork<Value: Sendable, Failure: Error>: Sendable {
    typealias Work = @Sendable (Int) throws(Failure) -> Value

    private struct State {
        /// `nil` when all is done.
        var work: Work?
        var next = 0
        var running = 0
        var results: [Result<Value, Failure>?]
        var isWaitedFor = false
    }

    private let state: Mutex<State>
    private let isDone = DispatchSemaphore(value: 0)

    init(_ count: Int, _ work: @escaping Work) {
        state = Mutex(State(work: work, results: Array(repeating: nil, count: count)))
    }

    /// Does one piece after the other until none is left that nobody has begun.
    func takePart() {
        while let (index, work) = begin() {
            let result = Result { () throws(Failure) in try work(index) }
            let isLast = state.withLock { state in
                state.results[index] = result
                if case .failure = result { state.next = state.results.count }
                state.running -= 1
                return state.running == 0 && state.isWaitedFor
            }
            if isLast { isDone.signal() }
        }
    }

    private func begin() -> (index: Int, work: Work)? {
        state.withLock { state in
            guard let work = state.work, state.next < state.results.count else { return nil }
            defer { state.next += 1 }
            state.running += 1
            return (state.next, work)
        }
    }

    /// Waits for the pieces that others have begun; called once, after there is none to begin.
    func finish() throws(Failure) -> [Value] {
        let mustWait = state.withLock { state in
            state.isWaitedFor = state.running > 0
            return state.isWaitedFor
        }
        if mustWait { isDone.wait() }
        let results = state.withLock { state in
            // What the work refers to must not stay for helpers that come too late.
            state.work = nil
            return state.results
        }
        var all: [Value] = []
        all.reserveCapacity(results.count)
        for result in results {
            if let result { all.append(try result.get()) }
        }
        return all
    }
}
