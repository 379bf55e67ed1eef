import Storage
import Synchronization
import Testing

@testable import Engine

@Suite struct BlockPipelineTests {
    struct Fault: Error, Equatable {
        let block: Int
        let place: Int
    }

    @Test(arguments: [1, 2, 7])
    func everyLaneFoldsEveryBlockInOrder(threads: Int) throws {
        let pipeline = BlockPipeline<Int>(count: 200, chains: 3, aheadMax: 4)
        let folded = Mutex([[Int]](repeating: [], count: 3))
        let active = Mutex([Bool](repeating: false, count: 3))
        let busy = try pipeline.run(threads: threads, SystemTime()) { block in
            block * 10
        } fold: { chain, value in
            let wasActive = active.withLock { chains in
                defer { chains[chain] = true }
                return chains[chain]
            }
            #expect(!wasActive, "one thread at a time folds a chain")
            folded.withLock { $0[chain].append(value) }
            active.withLock { $0[chain] = false }
        }
        let expected = (0..<200).map { $0 * 10 }
        for chain in folded.withLock({ $0 }) { #expect(chain == expected) }
        #expect(busy.folding > 0)
    }

    @Test func noMoreBlocksWaitThanAllowed() throws {
        let pipeline = BlockPipeline<Int>(count: 100, chains: 2, aheadMax: 3)
        let prepared = Atomic<Int>(0)
        let folded = Mutex([0, 0])
        try _ = pipeline.run(threads: 4, SystemTime()) { block in
            let ahead = prepared.wrappingAdd(1, ordering: .sequentiallyConsistent).newValue
            // A block that is being folded for the last time may count as folded already.
            #expect(ahead - folded.withLock { $0.min() ?? 0 } <= 3 + 1)
            return block
        } fold: { chain, _ in
            folded.withLock { $0[chain] += 1 }
        }
        #expect(folded.withLock { $0 } == [100, 100])
    }

    /// The error is that of the first block, preparing before folding, whatever the threads do.
    @Test(arguments: [1, 2, 5])
    func theFirstFailureIsThrown(threads: Int) {
        for _ in 0..<50 {
            let pipeline = BlockPipeline<Int>(count: 40, chains: 2, aheadMax: 8)
            let thrown = #expect(throws: Fault.self) {
                _ = try pipeline.run(threads: threads, SystemTime()) { block in
                    if block >= 20 { throw Fault(block: block, place: 0) }
                    return block
                } fold: { chain, block in
                    if block >= 19 - chain { throw Fault(block: block, place: chain + 1) }
                }
            }
            #expect(thrown == Fault(block: 18, place: 2))
        }
    }

    @Test func nothingToDo() throws {
        let pipeline = BlockPipeline<Int>(count: 0, chains: 2, aheadMax: 2)
        _ = try pipeline.run(threads: 2, SystemTime()) {
            $0
        } fold: { _, _ in
            Issue.record("there is no block")
        }
    }
}

@Suite struct BatchProfileTests {
    @Test func stagesAddUpToTheWhole() {
        var profile = BatchProfile()
        profile.add(wall: 1_000, [(.read, 300), (.grouping, 1_500), (.expressions, 0)])
        profile.add(wall: 7, [(.state, 0), (.syncs, 0)])
        profile.add(wall: 100, [(.syncs, 100)])
        #expect(profile.wallTotal == 1_107)
        #expect(profile.busyTotal == 1_900)
        #expect(profile.wall(.read) == 166)
        #expect(profile.busy(.grouping) == 1_500)
        var twice = profile
        twice.add(profile)
        #expect(twice.wallTotal == 2_214)
    }
}
