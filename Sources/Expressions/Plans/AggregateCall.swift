public import Columnar

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
    /// The same, where its condition is said beside it: calls of one meaning have equal values, as
    /// `count(1)` and `count(*)` do, and `count_if(x)` and `count(*) FILTER (WHERE x)`.
    public var meaning: String { function == .countAll ? Self.countAllText : text }
    /// Where it first stands in the query.
    public let part: QueryPart
    /// The place in that text, as UTF-8 offsets.
    public let position: Range<Int>

    private static let countAllText = "count(*)"
}
