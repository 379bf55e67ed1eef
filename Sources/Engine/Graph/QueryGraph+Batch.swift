import Columnar
import ConnectorAPI
import Jobs
import Operators
import Storage

/// What a batch computed, before anything of it is visible.
struct BatchOutcome {
    /// What each query emits, in their order.
    var outputs: [NodeOutput]
    /// The rows that were too far ahead of the clock, for each watermark that keeps them.
    var rejected: [RecordBatch?]
    /// The records that did not parse, for each source that keeps them.
    var malformed: [RecordBatch?]
    /// What each source gave.
    var tally: SourceTally
    /// What each query did.
    var queries: [QueryProgress]
    /// The batch's event times; `nil` without rows or watermark.
    var eventTime: EventTimeStatistics?
    /// Whether the sinks that can have shown their rows already.
    var isShown = false
}

extension QueryGraph {
    /// Reads the plan's rows once and computes what every query emits.
    func run(
        _ plan: BatchPlan, from sources: [any Source], workers: Workers,
        timer: inout BatchTimer
    ) throws -> BatchOutcome {
        var scan = begin(plan, isLive: false)
        try read(plan, from: sources, workers, into: &scan, &timer)
        return try finish(plan, scan, &timer)
    }

    /// Begins a batch: what is read is folded into it until it is finished.
    func begin(_ plan: BatchPlan, isLive: Bool) -> BatchScan {
        for node in nodes { node.beginBatch(firstSequence: Self.firstSequence(of: plan)) }
        for output in rejects + malformed { output?.beginBatch() }
        return BatchScan(
            tally: SourceTally(watermarks: watermarks.count, sources: inputs.count),
            context: context(plan), isLive: isLive)
    }

    /// What operators may know of a batch.
    private func context(_ plan: BatchPlan) -> BatchContext {
        let time = { (ms: Int64) in self.watermarks.isEmpty ? nil : EventTime(Milliseconds(ms)) }
        return BatchContext(
            number: BatchID(plan.batch), lateWatermark: time(plan.lateWatermarkMs),
            watermark: time(plan.watermarkMs), evaluation: plan.evaluation)
    }

    /// The sequence of the first row that an operator makes in a batch: the rows of a batch come
    /// after those of the batches before, whatever their number, and in a batch they keep the order
    /// in which they were made.
    private static func firstSequence(of plan: BatchPlan) -> Int64 {
        precondition(plan.batch < 1 << 31, "more than 2^31 batches")
        return plan.batch << 32
    }

    /// Ends a batch: computes what every query emits.
    func finish(
        _ plan: BatchPlan, _ scan: BatchScan, _ timer: inout BatchTimer
    ) throws -> BatchOutcome {
        let outputs = try finishNodes(plan, scan)
        timer.lap(\.aggregate, .grouping)
        let tally = scan.tally
        if !watermarks.isEmpty { tracker.endBatch(tally.times, splits: tally.splits) }
        let rejected = try zip(rejects, watermarks).map { output, watermark in
            try output?.rejectedRows(timeColumn: watermark.column, plan)
        }
        return BatchOutcome(
            outputs: outputs, rejected: rejected, malformed: try malformed.map { try $0?.rows() },
            tally: tally, queries: progress,
            eventTime: tally.allTimes.count > 0 ? tally.allTimes : nil,
            isShown: scan.isLive)
    }

    private func finishNodes(_ plan: BatchPlan, _ scan: BatchScan) throws -> [NodeOutput] {
        var unfinished = [[InputBlock]](repeating: [], count: nodes.count)
        var found: [NodeOutput] = []
        let isShown = shownNodes(at: scan.isLive ? .endOfLive : .end)
        for (index, node) in nodes.enumerated() {
            if isShown[index] {
                try show(index, &unfinished, scan.context)
            } else {
                node.endUnshown()
            }
            try passOn(node.finish(scan.context), from: index, scan.context)
            if index == outputs[found.count] { found.append(try node.takeOutput(plan)) }
        }
        return found
    }

    /// Shows, where a sink wants it, what is new since the last call in the batch.
    func show(_ scan: BatchScan) throws {
        let isShown = shownNodes(at: .running)
        guard isShown.contains(true) else { return }
        var unfinished = [[InputBlock]](repeating: [], count: nodes.count)
        for index in nodes.indices where isShown[index] {
            try show(index, &unfinished, scan.context)
        }
    }

    /// The nodes whose rows are shown at a moment, and those whose rows become such.
    private func shownNodes(at moment: ShowMoment) -> [Bool] {
        var isShown = nodes.map { $0.wantsShowing(at: moment) }
        guard isShown.contains(true) else { return isShown }
        for (index, users) in users.enumerated().reversed()
        where users.contains(where: { isShown[$0.node] }) {
            isShown[index] = true
        }
        return isShown
    }

    /// Shows what is new at a node, given what is unfinished at those before it.
    private func show(
        _ index: Int, _ unfinished: inout [[InputBlock]], _ batch: BatchContext
    ) throws {
        let inputs = nodes[index].node.inputs.enumerated().flatMap { port, input in
            switch input {
            case .sources: [(port: Int, block: InputBlock)]()
            case .node(let node): unfinished[node].map { (port, $0) }
            }
        }
        unfinished[index] = try nodes[index].unfinished(inputs, batch)
        try nodes[index].show(unfinished[index], batch)
    }

    /// What each query did in the batch.
    private var progress: [QueryProgress] {
        var first = 0
        return outputs.map { last in
            defer { first = last + 1 }
            return QueryProgress(
                name: nodes[last].query.name, rowsOut: nodes[last].rowsOut,
                sinks: nodes[last].sinks.map(\.description),
                operators: nodes[first...last].map(\.node.operation.counters))
        }
    }
}
