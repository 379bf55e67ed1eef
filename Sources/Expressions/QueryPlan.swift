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

    /// The columns that come out.
    public var outputSchema: Schema {
        switch self {
        case .projection(let plan): plan.outputSchema
        case .aggregation(let plan): plan.outputSchema
        }
    }
}

extension QueryPlan {
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

/// How rows are put into windows of time.
public struct WindowPlan: Sendable {
    /// What kind of window, with its lengths.
    public enum Kind: Hashable, Sendable {
        /// Windows `[start, start + duration)` at every multiple of `slide` since the epoch plus
        /// `start`; tumbling when slide and duration are equal. All positive, slide at most
        /// duration, |start| less than slide.
        case sliding(durationMicros: Int64, slideMicros: Int64, startMicros: Int64)
        /// Rows at most `gap` apart share a window.
        case session(gapMicros: Int64)
        /// Sessions whose gap is given row by row by `WindowPlan.gap`, in µs.
        case dynamicSession
    }

    /// The rows' time, a timestamp over the input; rows without one are dropped.
    public let time: BoundExpression
    /// What kind of window.
    public let kind: Kind
    /// For `dynamicSession` the gap in µs as a long over the input.
    public let gap: BoundExpression?
    /// Whether `time` is the query's event-time column itself.
    public let isOnEventTime: Bool
    /// The window as text, in one spelling.
    public let text: String

    /// What the window is, the same for every spelling of its lengths.
    public var meaning: String {
        switch kind {
        case .sliding(let duration, let slide, let start):
            "window \(time.text) \(duration) \(slide) \(start)"
        case .session(let gap): "session_window \(time.text) \(gap)"
        case .dynamicSession: "session_window \(time.text) \(gap?.text ?? "")"
        }
    }

    /// Whether the windows are sessions.
    public var isSession: Bool {
        if case .sliding = kind { false } else { true }
    }
}

/// The functions that fold rows.
public enum AggregateFunction: Hashable, Sendable {
    /// `count(*)`: rows.
    case countAll
    /// Rows where no argument is null.
    case count
    /// The sum; the argument has the type of the result.
    case sum
    /// The mean; the argument is a double, a decimal, or a long where it is distinct.
    case avg
    /// The least value; NaN is the greatest double.
    case min
    /// The greatest value.
    case max
    /// The value of the row with the least (event time, sequence).
    case first(ignoreNulls: Bool)
    /// The value of the row with the greatest (event time, sequence).
    case last(ignoreNulls: Bool)
    /// The first argument's value in the row with the least second argument.
    case minBy
    /// The first argument's value in the row with the greatest second argument.
    case maxBy
    /// The standard deviation of a sample; the argument is a double, or a long where it is distinct,
    /// as for the next three.
    case stddevSamp
    /// The standard deviation of a population.
    case stddevPop
    /// The variance of a sample.
    case varSamp
    /// The variance of a population.
    case varPop
}

extension AggregateFunction {
    /// Whether a value that comes twice changes the result.
    var countsRepeats: Bool { self != .min && self != .max }
}

/// One aggregate of a query.
public struct AggregateCall: Sendable {
    /// What is computed.
    public let function: AggregateFunction
    /// Its arguments over the input; none for `countAll`.
    public let arguments: [BoundExpression]
    /// Whether each value, or each combination of values, counts once.
    public let isDistinct: Bool
    /// A condition over the input: only rows that fulfil it are folded.
    public let filter: BoundExpression?
    /// The type of the result.
    public let type: DataType
    /// Whether the result may be null.
    public let isNullable: Bool
    /// The call in SQL, in one spelling.
    public let text: String
    /// Where it first stands in the query.
    public let part: QueryPart
    /// The place in that text, as UTF-8 offsets.
    public let position: Range<Int>
}
