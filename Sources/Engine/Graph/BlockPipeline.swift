import Columnar
import Dispatch
import Storage
import Synchronization

/// Runs the blocks of a batch through two stages on several threads: `prepare`, any block by any
/// thread, and `fold`, for each lane (a query) block after block in order.
///
/// A thread takes the oldest work there is: folding first, so that prepared blocks are soon free
/// again, else preparing, as long as no more than `aheadMax` blocks wait.
///
/// Whatever the scheduling, the error thrown is that of the first block that fails: preparing it
/// before folding it, and of its lanes the first. Work on later blocks is left out.
struct BlockPipeline<Prepared: Sendable>: Sendable {
    /// The number of blocks.
    let count: Int
    /// The number of lanes.
    let lanes: Int
    /// The most blocks that are prepared and not yet folded by every lane.
    let aheadMax: Int

    /// Runs all blocks; returns when every thread is done.
    func run(
        threads: Int, _ time: any TimeSource,
        prepare: @escaping @Sendable (_ block: Int) throws -> Prepared,
        fold: @escaping @Sendable (_ lane: Int, _ block: Prepared) throws -> Void
    ) throws -> PipelineBusyTime {
        let state = Mutex(State(count: count, lanes: lanes, aheadMax: aheadMax))
        let changed = DispatchSemaphore(value: 0)
        @Sendable func work() {
            while true {
                let next = state.withLock { $0.next() }
                let outcome: Outcome
                switch next {
                case .nothing: return
                case .wait:
                    changed.wait()
                    continue
                case .prepare(let block):
                    let begun = time.monotonicNanos()
                    let result = Result { try prepare(block) }
                    outcome = .prepared(block, result, nanos: time.monotonicNanos() - begun)
                case .fold(let lane, let block, let input):
                    let begun = time.monotonicNanos()
                    let result = Result { try fold(lane, input) }
                    outcome = .folded(lane, block, result, nanos: time.monotonicNanos() - begun)
                }
                // Whoever waits looks again.
                let waiting = state.withLock { $0.take(outcome) }
                for _ in 0..<waiting { changed.signal() }
            }
        }
        // Every piece does whatever there is to do; one that is begun when all is done does nothing.
        _ = Workers(threads: count > 0 ? threads : 1).map(threads) { _ in work() }
        return try state.withLock { state in
            if let failure = state.failure { throw failure.error }
            return state.busy
        }
    }

    private enum Task {
        case prepare(Int)
        case fold(lane: Int, block: Int, Prepared)
        /// Something may come of what other threads do.
        case wait
        case nothing
    }

    private enum Outcome {
        case prepared(Int, Result<Prepared, any Error>, nanos: UInt64)
        case folded(Int, Int, Result<Void, any Error>, nanos: UInt64)
    }

    /// How far the blocks are.
    ///
    /// Invariants:
    /// - blocks below `nextToPrepare` were given to a thread; `prepared` has those that are through
    ///   and that some lane has not folded.
    /// - `nextToFold[lane]` is the block that the lane folds next, or folds now if it is busy.
    private struct State {
        let count: Int
        let aheadMax: Int
        var nextToPrepare = 0
        var prepared: [Int: Prepared] = [:]
        var nextToFold: [Int]
        var isBusy: [Bool]
        var running = 0
        var waiting = 0
        var busy = PipelineBusyTime()
        /// The first failure in the order of blocks; `place` is 0 for preparing, then the lanes.
        var failure: (block: Int, place: Int, error: any Error)?

        init(count: Int, lanes: Int, aheadMax: Int) {
            self.count = count
            self.aheadMax = aheadMax
            nextToFold = Array(repeating: 0, count: lanes)
            isBusy = Array(repeating: false, count: lanes)
        }

        mutating func next() -> Task {
            if let task = nextFold() ?? nextPrepare() {
                running += 1
                return task
            }
            if running == 0 { return .nothing }
            waiting += 1
            return .wait
        }

        private mutating func nextFold() -> Task? {
            var oldest: Int?
            for lane in nextToFold.indices where !isBusy[lane] {
                let block = nextToFold[lane]
                guard prepared[block] != nil, isWanted(block, place: lane + 1) else { continue }
                if oldest.map({ block < nextToFold[$0] }) ?? true { oldest = lane }
            }
            guard let lane = oldest, let input = prepared[nextToFold[lane]] else { return nil }
            isBusy[lane] = true
            return .fold(lane: lane, block: nextToFold[lane], input)
        }

        private mutating func nextPrepare() -> Task? {
            let done = nextToFold.min() ?? nextToPrepare
            guard nextToPrepare < count, nextToPrepare - done < aheadMax,
                isWanted(nextToPrepare, place: 0)
            else { return nil }
            nextToPrepare += 1
            return .prepare(nextToPrepare - 1)
        }

        /// Whether work comes before what has failed.
        private func isWanted(_ block: Int, place: Int) -> Bool {
            failure.map { (block, place) < ($0.block, $0.place) } ?? true
        }

        /// Takes in what a thread did; how many threads wait for news.
        mutating func take(_ outcome: Outcome) -> Int {
            running -= 1
            switch outcome {
            case .prepared(let block, let result, let nanos):
                busy.preparing += nanos
                switch result {
                case .success(let input): if !nextToFold.isEmpty { prepared[block] = input }
                case .failure(let error): fail(block, 0, error)
                }
            case .folded(let lane, let block, let result, let nanos):
                busy.folding += nanos
                switch result {
                case .success:
                    isBusy[lane] = false
                    nextToFold[lane] = block + 1
                    if nextToFold.allSatisfy({ $0 > block }) { prepared[block] = nil }
                // The lane stays busy: it folds nothing more.
                case .failure(let error): fail(block, lane + 1, error)
                }
            }
            defer { waiting = 0 }
            return waiting
        }

        private mutating func fail(_ block: Int, _ place: Int, _ error: any Error) {
            if isWanted(block, place: place) { failure = (block, place, error) }
        }
    }
}

/// How long the threads of a pipeline worked, added up over them, in nanoseconds.
struct PipelineBusyTime {
    var preparing: UInt64 = 0
    var folding: UInt64 = 0
}
