import Columnar
import Dispatch
import Storage
import Synchronization

/// Runs the blocks of a batch through two stages on several threads: `prepare`, any block by any
/// thread, and `fold`, for each chain (queries that rows pass between) block after block in order.
///
/// A thread takes the oldest work there is: folding first, so that prepared blocks are soon free
/// again, else preparing, as long as no more than `aheadMax` blocks wait.
///
/// Whatever the scheduling, the error thrown is that of the first block that fails: preparing it
/// before folding it, and of its chains the first. Work on later blocks is left out.
struct BlockPipeline<Prepared: Sendable>: Sendable {
    /// The number of blocks.
    let count: Int
    /// The number of chains.
    let chains: Int
    /// The most blocks that are prepared and not yet folded by every chain.
    let aheadMax: Int

    /// Runs all blocks; returns when every thread is done.
    func run(
        threads: Int, _ time: any TimeSource,
        prepare: @escaping @Sendable (_ block: Int) throws -> Prepared,
        fold: @escaping @Sendable (_ chain: Int, _ block: Prepared) throws -> Void
    ) throws -> PipelineBusyTime {
        let state = Mutex(State(count: count, chains: chains, aheadMax: aheadMax))
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
                case .fold(let chain, let block, let input):
                    let begun = time.monotonicNanos()
                    let result = Result { try fold(chain, input) }
                    outcome = .folded(chain, block, result, nanos: time.monotonicNanos() - begun)
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
        case fold(chain: Int, block: Int, Prepared)
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
    ///   and that some chain has not folded.
    /// - `nextToFold[chain]` is the block that the chain folds next, or folds now if it is busy.
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
        /// The first failure in the order of blocks; `place` is 0 for preparing, then the chains.
        var failure: (block: Int, place: Int, error: any Error)?

        init(count: Int, chains: Int, aheadMax: Int) {
            self.count = count
            self.aheadMax = aheadMax
            nextToFold = Array(repeating: 0, count: chains)
            isBusy = Array(repeating: false, count: chains)
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
            for chain in nextToFold.indices where !isBusy[chain] {
                let block = nextToFold[chain]
                guard prepared[block] != nil, isWanted(block, place: chain + 1) else { continue }
                if oldest.map({ block < nextToFold[$0] }) ?? true { oldest = chain }
            }
            guard let chain = oldest, let input = prepared[nextToFold[chain]] else { return nil }
            isBusy[chain] = true
            return .fold(chain: chain, block: nextToFold[chain], input)
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
            case .folded(let chain, let block, let result, let nanos):
                busy.folding += nanos
                switch result {
                case .success:
                    isBusy[chain] = false
                    nextToFold[chain] = block + 1
                    if nextToFold.allSatisfy({ $0 > block }) { prepared[block] = nil }
                // The chain stays busy: it folds nothing more.
                case .failure(let error): fail(block, chain + 1, error)
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
