import CServing
import Columnar
import Storage
import Synchronization

/// Reads history beside the serving thread, one request at a time.
final class HistoryWorker: Sendable {
    private struct State {
        var waiting: [(number: UInt64, request: HistoryRequest)] = []
        var done: [(number: UInt64, answer: HTTPAnswer)] = []
        var isRunning = false
    }

    /// The most requests that wait.
    static let waitingMax = 16

    private let state = Mutex(State())
    private let reader: HistoryReader
    /// Signalled when an answer is there.
    private let descriptor: Int32

    init(_ files: any FileSystem, signalling descriptor: Int32) {
        reader = HistoryReader(files: files)
        self.descriptor = descriptor
    }

    /// Takes a request in; false when too many wait.
    func add(_ request: HistoryRequest, number: UInt64) -> Bool {
        let (isTaken, starts) = state.withLock { state -> (Bool, Bool) in
            guard state.waiting.count < Self.waitingMax else { return (false, false) }
            state.waiting.append((number, request))
            defer { state.isRunning = true }
            return (true, !state.isRunning)
        }
        guard starts else { return isTaken }
        guard startThread({ self.work() }) == 0 else {
            state.withLock { state in
                state.waiting = []
                state.isRunning = false
            }
            return false
        }
        return true
    }

    /// The answers since the last call.
    func takeDone() -> [(number: UInt64, answer: HTTPAnswer)] {
        state.withLock { state in
            defer { state.done = [] }
            return state.done
        }
    }

    private func work() {
        while true {
            let next = state.withLock { state -> (number: UInt64, request: HistoryRequest)? in
                guard !state.waiting.isEmpty else {
                    state.isRunning = false
                    return nil
                }
                return state.waiting.removeFirst()
            }
            guard let next else { return }
            let answer = reader.answer(next.request)
            state.withLock { $0.done.append((next.number, answer)) }
            cserving_signal(descriptor)
        }
    }
}
