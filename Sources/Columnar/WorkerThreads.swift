import Dispatch
import Glibc
import Synchronization

/// Threads that do work for others: made when there is more work than threads, and kept.
///
/// Nobody may depend on them: where the system gives no more threads, work waits for those that
/// there are. libdispatch would instead ask again for ever, and stop whoever gave it work.
///
/// Invariants: `0 <= busy <= threads <= threadsMax`; a thread that is not busy takes the first of
/// `waiting`; `work` has a permit for each of `waiting`.
final class WorkerThreads: Sendable {
    /// Those of the process: as many as there are processors, since each has memory of its own.
    static let shared = WorkerThreads(
        threadsMax: max(2, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN)))))

    private struct State {
        var waiting: [@Sendable () -> Void] = []
        var threads = 0
        var busy = 0
    }

    private let threadsMax: Int
    private let state = Mutex(State())
    private let work = DispatchSemaphore(value: 0)

    /// At most this many threads, none of them made yet.
    init(threadsMax: Int) { self.threadsMax = threadsMax }

    /// Has `body` done by another thread as soon as one is free; never, where there is none.
    func run(_ body: @escaping @Sendable () -> Void) {
        let needsThread = state.withLock { state in
            state.waiting.append(body)
            guard state.waiting.count > state.threads - state.busy, state.threads < threadsMax
            else { return false }
            state.threads += 1
            return true
        }
        if needsThread, startThread({ self.serve() }) != 0 {
            let isLost = state.withLock { state in
                state.threads -= 1
                // Without threads nothing may wait for them: it would be kept for ever.
                if state.threads == 0 { state.waiting.removeLast() }
                return state.threads == 0
            }
            if isLost { return }
        }
        work.signal()
    }

    private func serve() {
        while true {
            work.wait()
            let body = state.withLock { state in
                state.busy += 1
                return state.waiting.removeFirst()
            }
            body()
            state.withLock { $0.busy -= 1 }
        }
    }
}
