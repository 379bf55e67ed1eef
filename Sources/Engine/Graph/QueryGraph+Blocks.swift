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
}

extension QueryGraph {
    /// Reads the plan's blocks and folds them into every query that reads the sources.
    func read(
        _ plan: BatchPlan, from sources: [any Source], _ workers: Workers,
        into scan: inout BatchScan, _ timer: inout BatchTimer
    ) throws {
        let context = scan.context
        let blocks = try blocks(plan, of: sources)
        let chains = chains
        let facts = Mutex([BlockFacts?](repeating: nil, count: blocks.count))
        let pipeline = BlockPipeline<[[PreparedRows?]]>(
            count: blocks.count, chains: chains.count,
            aheadMax: workers.threads * Self.blocksAheadPerThread)
        let time = timer.time
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
        account(for: facts.withLock { $0.compactMap(\.self) }, busy, into: &scan, &timer)
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

    /// Takes prepared rows into a node, and what becomes of them into the nodes behind it.
    func fold(_ rows: PreparedRows, into node: Int, _ batch: BatchContext) throws {
        try passOn(nodes[node].fold(rows, batch), from: node, batch)
    }

    /// Takes what a node emitted into those that read it, block by block.
    func passOn(_ blocks: [InputBlock], from node: Int, _ batch: BatchContext) throws {
        for block in blocks {
            for user in users[node] {
                // Worked out here, since only now it is known for which rows.
                let prepared = try nodes[user.node].prepare(block, port: user.port, batch)
                try fold(prepared, into: user.node, batch)
            }
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
        for blocks: [BlockFacts], _ busy: PipelineBusyTime, into scan: inout BatchScan,
        _ timer: inout BatchTimer
    ) {
        var reading: UInt64 = 0
        for block in blocks {
            reading += block.readNanos
            scan.tally.add(block.counts, of: block.input)
            if let rejected = block.counts.rejected, let index = block.input.watermarkIndex {
                rejects[index]?.add(rejected)
            }
            if !block.counts.malformed.isEmpty {
                malformed[block.input.source]?.add(
                    MalformedRecord.batch(
                        block.counts.malformed, source: block.input.name,
                        batch: scan.context.number.number))
            }
        }
        timer.lap(
            (\.getBatch, busy.preparing), beside: (\.aggregate, busy.folding),
            [
                (.read, reading), (.expressions, busy.preparing - min(reading, busy.preparing)),
                (.grouping, busy.folding),
            ])
    }
}
