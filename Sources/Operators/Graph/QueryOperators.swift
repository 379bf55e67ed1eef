public import Columnar
public import Expressions

/// What the operators of a query are made from.
public struct QueryOperators: Sendable {
    /// What the query computes.
    public var plan: QueryPlan
    /// Which rows it leaves out as duplicates, if any.
    public var deduplication: Deduplication?
    /// Which groups a batch emits.
    public var mode: OutputMode
    /// The column of the input that is its event time, if there is one.
    public var eventTimeColumn: Int?
    /// How far the watermark over that column stays behind; `nil` without a watermark.
    public var watermarkDelay: Milliseconds?
    /// Of which lanes the rows are.
    public var lanes: LaneLayout
    /// How large each state may become.
    public var limits: OperatorLimits

    /// A query of these parts.
    public init(
        plan: QueryPlan, deduplication: Deduplication? = nil, mode: OutputMode,
        eventTimeColumn: Int?, watermarkDelay: Milliseconds?, lanes: LaneLayout = .one,
        limits: OperatorLimits = OperatorLimits()
    ) {
        self.plan = plan
        self.deduplication = deduplication
        self.mode = mode
        self.eventTimeColumn = eventTimeColumn
        self.watermarkDelay = watermarkDelay
        self.lanes = lanes
        self.limits = limits
    }

    /// The operators, without state, inputs before their users; the last one gives the result.
    ///
    /// - Parameters:
    ///   - input: where the query's rows come from.
    ///   - first: the number of the first node; the others follow.
    /// - Returns: one node for each step.
    public func nodes(reading input: NodeInput, from first: Int) -> [OperatorNode] {
        guard let deduplication = makeDeduplicate() else { return [node(plan, reading: input)] }
        // What passes the first has passed the filter.
        return [
            OperatorNode(deduplication, inputs: [input]),
            node(plan.withoutFilter, reading: .node(first)),
        ]
    }

    /// What leaves duplicates out, without state, for a query that does.
    public func makeDeduplicate() -> Deduplicate? {
        deduplication.map { deduplication in
            Deduplicate(
                deduplication, filter: plan.filter, input: plan.input, watermark: watermark,
                limits: limits)
        }
    }

    /// What groups rows, without state, for a query that does.
    public func makeAggregate() -> Aggregate? {
        guard case .aggregation(let plan) = plan else { return nil }
        return aggregate(plan)
    }

    private var watermark: WatermarkedColumn? {
        guard let eventTimeColumn, let watermarkDelay else { return nil }
        return WatermarkedColumn(column: eventTimeColumn, delayMs: watermarkDelay.count)
    }

    private func aggregate(_ plan: AggregationPlan) -> Aggregate {
        Aggregate(
            plan: plan, mode: mode, eventTimeColumn: eventTimeColumn,
            watermarked: watermarkDelay != nil, lanes: lanes, limits: limits)
    }

    private func node(_ plan: QueryPlan, reading input: NodeInput) -> OperatorNode {
        switch plan {
        case .projection(let plan):
            OperatorNode(
                Project(plan: plan, eventTimeColumn: eventTimeColumn), inputs: [input])
        case .aggregation(let plan): OperatorNode(aggregate(plan), inputs: [input])
        }
    }
}
