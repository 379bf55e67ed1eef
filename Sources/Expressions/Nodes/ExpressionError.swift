/// Which text of a query an error is about.
public enum QueryPart: Hashable, Sendable {
    /// The filter.
    case filter
    /// The grouping expression of that index.
    case groupBy(Int)
    /// The output column of that index.
    case select(Int)
    /// The filter over groups.
    case having
}

extension QueryPart: CustomStringConvertible {
    /// The name of the job file's key: `where`, `groupBy[1]`, `select[3]`, `having`.
    public var description: String {
        switch self {
        case .filter: "where"
        case .groupBy(let index): "groupBy[\(index)]"
        case .select(let index): "select[\(index)]"
        case .having: "having"
        }
    }
}

/// A fault in an expression: in its text when it is loaded, or in a row when it is evaluated.
public struct ExpressionError: Error, Hashable, Sendable {
    /// What went wrong; the raw value is Spark's name of the condition where Spark has one.
    public enum Code: String, Sendable {
        /// The text does not follow the grammar.
        case parseSyntaxError = "PARSE_SYNTAX_ERROR"
        /// The text is longer or nested deeper than a text may be, or its strings for some rows
        /// take more bytes than a column can hold.
        case limitExceeded = "LIMIT_EXCEEDED"
        /// No column has that name.
        case unresolvedColumn = "UNRESOLVED_COLUMN"
        /// Several columns have that name but for upper and lower case.
        case ambiguousReference = "AMBIGUOUS_REFERENCE"
        /// No function has that name.
        case unresolvedRoutine = "UNRESOLVED_ROUTINE"
        /// A function got too few or too many arguments.
        case wrongNumArgs = "WRONG_NUM_ARGS"
        /// An operator or function does not take arguments of these types.
        case datatypeMismatch = "DATATYPE_MISMATCH"
        /// A selected column is neither grouped nor aggregated.
        case missingAggregation = "MISSING_AGGREGATION"
        /// An aggregate inside an aggregate.
        case nestedAggregate = "NESTED_AGGREGATE_FUNCTION"
        /// An aggregate where none may stand: in `where`, `groupBy`, or a projection's filter.
        case misplacedAggregate = "INVALID_WHERE_CONDITION"
        /// `DISTINCT` inside an aggregate that does not take it.
        case distinctAggregate = "UNSUPPORTED_DISTINCT"
        /// Two output columns of one name.
        case columnAlreadyExists = "COLUMN_ALREADY_EXISTS"
        /// A text that is not an interval.
        case invalidInterval = "INVALID_INTERVAL_FORMAT"
        /// A window whose duration, slide, start or gap cannot be, or that stands where none may.
        case invalidWindow = "INVALID_TIME_WINDOW"
        /// A construct of Spark's dialect that this engine does not have.
        case unsupportedFeature = "UNSUPPORTED_FEATURE"
        /// A literal that its type cannot hold.
        case invalidLiteral = "INVALID_TYPED_LITERAL"
        /// Division by zero.
        case divideByZero = "DIVIDE_BY_ZERO"
        /// Remainder of a division by zero.
        case remainderByZero = "REMAINDER_BY_ZERO"
        /// A result that its integer type cannot hold.
        case arithmeticOverflow = "ARITHMETIC_OVERFLOW"
        /// A number that the type it is cast to cannot hold.
        case castOverflow = "CAST_OVERFLOW"
        /// A string that is not a value of the type it is cast to.
        case castInvalidInput = "CAST_INVALID_INPUT"
        /// A decimal that needs more digits than its type has.
        case numericValueOutOfRange = "NUMERIC_VALUE_OUT_OF_RANGE"
        /// A date or timestamp outside what its type can hold.
        case datetimeOverflow = "DATETIME_OVERFLOW"
        /// A pattern of LIKE whose escape character escapes nothing.
        case invalidFormat = "INVALID_FORMAT"
        /// An argument value that a function does not take.
        case invalidParameterValue = "INVALID_PARAMETER_VALUE"
    }

    /// What went wrong.
    public let code: Code
    /// What went wrong in words, with the remedy.
    public let message: String
    /// Which text of the query, where known.
    public internal(set) var part: QueryPart?
    /// The faulty place in that text, as UTF-8 offsets.
    public let position: Range<Int>
    /// The valid name nearest to an unknown one.
    public let suggestion: String?
    /// The row of the batch whose evaluation failed; `nil` for faults of the text.
    public let row: Int?

    /// An error at a place of a text.
    public init(
        _ code: Code, _ message: String, at position: Range<Int>, part: QueryPart? = nil,
        suggestion: String? = nil, row: Int? = nil
    ) {
        self.code = code
        self.message = message
        self.part = part
        self.position = position
        self.suggestion = suggestion
        self.row = row
    }
}

extension ExpressionError: CustomStringConvertible {
    /// The code, the message and the place on one line: the row, or where in the text.
    public var description: String {
        let place = part.map { "\($0), " } ?? ""
        let at = row.map { "row \($0)" } ?? "at character \(position.lowerBound + 1)"
        return "[\(code.rawValue)] \(message) (\(place)\(at))"
    }
}

/// Every fault found in the texts of a query.
public struct ExpressionErrors: Error, Hashable, Sendable {
    /// The faults, in the order `where`, `groupBy`, `select`, `having`; never empty.
    public let errors: [ExpressionError]

    /// At least one fault.
    public init(_ errors: [ExpressionError]) {
        precondition(!errors.isEmpty, "a failed analysis names at least one error")
        self.errors = errors
    }
}

extension ExpressionErrors: CustomStringConvertible {
    /// One line an error.
    public var description: String { errors.map(\.description).joined(separator: "\n") }
}
