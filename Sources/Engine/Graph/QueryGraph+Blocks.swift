import Columnar
import ConnectorAPI
import Expressions
import KeyedState
import Operators
import Storage
import Synchronization

/// What reading a batch's rows came to, so far.
struct BatchScan {
    var tally: SourceTally
    /// What operators may know of the batch.
    let context: BatchContext
    /// Whether rows are shown as they are read.
    let isLive: Bool
    var durations = StageDurations()
    var profile = BatchProfile()
}

extension QueryGraph {
    /// Reads the plan's blocks and folds them into every query that reads the sources.
    func read(
        _ plan: BatchPlan, from sources: [any Source], _ workers: Workers,
        into scan: inout BatchScan, _ clock: inout StageClock
    ) throws {
        let context = scan.context
        let blocks = try blocks(plan, of: sources)
        let chains = chains
        let facts = Mutex([BlockFacts?](repeating: nil, count: blocks.count))
        let pipeline = BlockPipeline<[[PreparedRows?]]>(
            count: blocks.count, chains: chains.count,
            aheadMax: workers.threads * Self.blocksAheadPerThread)
        let time = clock.time
        let busy = try pipeline.run(threads: workers.threads, time) { index in
            let (input, part) = blocks[index]
            let lane = Lane(source: input.source, part.split)
            let begun = time.monotonicNanos()
            let loaded = try part.load()
            let reading = time.monotonicNanos() - begun
            let rows = try input.read(loaded, lane, plan, context.evaluation)
            facts.withLock { facts in
                facts[index] = BlockFacts(
                    input: input, counts: rows.counts, readNanos: reading)
            }
            return try chains.map { ports in
                try ports.map { port in
                    guard port.sources.contains(input.source) else { return nil }
                    return try self.nodes[port.node].prepare(rows.block, port: port.port, context)
                }
            }
        } fold: { chain, block in
            for (port, rows) in zip(chains[chain], block[chain]) {
                if let rows { try self.fold(rows, into: port.node, context) }
            }
        }
        account(
            for: facts.withLock { $0.compactMap(\.self) }, busy, wall: clock.lap(), into: &scan)
    }

    /// The parts of the batch's rows, source by source in the job's order.
    private func blocks(
        _ plan: BatchPlan, of sources: [any Source]
    ) throws -> [(input: SourceStage, rows: BlockPlan)] {
        try inputs.flatMap { input in
            let offsets = plan.offsets[input.source]
            guard !offsets.isEmpty else { return [(input: SourceStage, rows: BlockPlan)]() }
            return try sources[input.source].plan(offsets, rowsMax: Self.blockRows)
                .map { (input, $0) }
        }
    }

    /// What is kept of a block when its rows are folded.
    private struct BlockFacts: Sendable {
        let input: SourceStage
        let counts: BlockCounts
        let readNanos: UInt64
    }

    /// Counts event times and time, and sets aside what was rejected, in the order of the blocks.
    private func account(
        for blocks: [BlockFacts], _ busy: PipelineBusyTime, wall: UInt64,
        into scan: inout BatchScan
    ) {
        var reading: UInt64 = 0
        for block in blocks {
            reading += block.readNanos
            scan.tally.add(block.counts, of: block.input)
            if let rejected = block.counts.rejected, let index = block.input.watermarkIndex {
                rejects[index]?.add(rejected)
            }
        }
        let preparing = share(of: wall, busy.preparing, beside: busy.folding)
        scan.durations.getBatch += preparing
        scan.durations.aggregate += wall - preparing
        scan.profile.add(
            wall: wall,
            [
                (.read, reading), (.expressions, busy.preparing - min(reading, busy.preparing)),
                (.grouping, busy.folding),
            ])
    }
}
