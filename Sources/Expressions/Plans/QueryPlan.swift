public import Columnar

/// The expressions of a query as written.
public struct QueryText: Sendable {
    /// The filter over input rows, if any.
    public var `where`: String?
    /// The grouping expressions, at most one of them a window; empty for a global aggregate or a
    /// projection.
    public var groupBy: [String]
    /// The output columns: `expression [AS name]`, or `*` in a projection.
    public var select: [String]
    /// The filter over groups, if any.
    public var having: String?

    /// A query of these texts.
    public init(
        where filter: String? = nil, groupBy: [String] = [], select: [String],
        having: String? = nil
    ) {
        self.where = filter
        self.groupBy = groupBy
        self.select = select
        self.having = having
    }
}

/// What a query means: every name resolved, every expression typed.
public enum QueryPlan: Sendable {
    /// Each input row gives at most one output row.
    case projection(ProjectionPlan)
    /// Groups of input rows give one output row each.
    case aggregation(AggregationPlan)

    /// How rows are grouped; `nil` where each is by itself.
    public var aggregation: AggregationPlan? {
        if case .aggregation(let plan) = self { plan } else { nil }
    }

    /// The output columns: over the input, or over the groups of an ``aggregation``.
    public var output: [NamedExpression] {
        switch self {
        case .projection(let plan): plan.output
        case .aggregation(let plan): plan.output
        }
    }

    /// The columns that come out.
    public var outputSchema: Schema {
        switch self {
        case .projection(let plan): plan.outputSchema
        case .aggregation(let plan): plan.outputSchema
        }
    }
}

extension QueryPlan {
    /// The columns that come in.
    public var input: Schema {
        switch self {
        case .projection(let plan): plan.input
        case .aggregation(let plan): plan.input
        }
    }

    /// The condition over input rows, if any.
    public var filter: BoundExpression? {
        switch self {
        case .projection(let plan): plan.filter
        case .aggregation(let plan): plan.filter
        }
    }

    /// The same query over rows that have passed its filter.
    public var withoutFilter: QueryPlan {
        switch self {
        case .projection(let plan):
            .projection(
                ProjectionPlan(
                    input: plan.input, filter: nil, output: plan.output,
                    outputSchema: plan.outputSchema))
        case .aggregation(let plan):
            .aggregation(
                AggregationPlan(
                    input: plan.input, filter: nil, keys: plan.keys, window: plan.window,
                    aggregates: plan.aggregates, groupSchema: plan.groupSchema,
                    having: plan.having, output: plan.output, outputSchema: plan.outputSchema))
        }
    }
}

/// A query that works row by row.
public struct ProjectionPlan: Sendable {
    /// The columns that come in.
    public let input: Schema
    /// A condition over the input; rows that do not fulfil it are dropped.
    public let filter: BoundExpression?
    /// The output columns over the input.
    public let output: [NamedExpression]
    /// Names and types of the output.
    public let outputSchema: Schema
}

/// A query that folds rows into groups.
public struct AggregationPlan: Sendable {
    /// The columns that come in.
    public let input: Schema
    /// A condition over the input; rows that do not fulfil it are dropped.
    public let filter: BoundExpression?
    /// The grouping columns other than the window, over the input.
    public let keys: [NamedExpression]
    /// The window, if the query groups by one.
    public let window: WindowPlan?
    /// The aggregates that output and `having` need, each once.
    public let aggregates: [AggregateCall]
    /// The keys, then the window's start and end (`window.start`, `window.end`) if there is one,
    /// then one column an aggregate (`agg0`, `agg1`, …).
    public let groupSchema: Schema
    /// A condition over `groupSchema`.
    public let having: BoundExpression?
    /// The output columns over `groupSchema`.
    public let output: [NamedExpression]
    /// Names and types of the output.
    public let outputSchema: Schema

    /// The index of the window's start in `groupSchema`; its end follows.
    public var windowStartIndex: Int? { window == nil ? nil : keys.count }

    /// The index of the first aggregate in `groupSchema`.
    public var firstAggregateIndex: Int { keys.count + (window == nil ? 0 : 2) }
}
