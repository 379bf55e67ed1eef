import Columnar

/// A typed expression: what the binder makes of syntax and the evaluator runs.
///
/// Invariant: the arguments have the types that the operation's kernel expects; the binder has
/// inserted every cast.
struct Node: Sendable {
    var operation: Operation
    var arguments: [Node]
    var type: DataType
    var isNullable: Bool
    /// The expression in SQL, in one spelling for all ways to write it; what errors name.
    var text: String
    /// Where it stands in its text.
    var position: Range<Int>
    /// Whether some row can make it fail, so that it must not run on rows that do not take it.
    let canFail: Bool

    init(
        _ operation: Operation, _ arguments: [Node], _ type: DataType, isNullable: Bool,
        text: String, at position: Range<Int>
    ) {
        self.operation = operation
        self.arguments = arguments
        self.type = type
        self.isNullable = isNullable
        self.text = text
        self.position = position
        canFail =
            operation.canFail && !operation.isTotal(on: type)
            || arguments.contains(where: \.canFail)
    }

    static func literal(
        _ value: Value, _ type: DataType, text: String, at position: Range<Int>
    ) -> Node {
        Node(
            .literal(value), [], type, isNullable: value.isNull, text: text, at: position)
    }

    /// The value when the expression is a constant.
    var constant: Value? {
        if case .literal(let value) = operation { value } else { nil }
    }

    /// NULL as written, which takes any type.
    var isUntypedNull: Bool {
        if case .untypedNull = operation { true } else { false }
    }

    /// Adds the input columns that the expression reads.
    func collectColumns(into columns: inout Set<Int>) {
        if case .column(let index) = operation { columns.insert(index) }
        for argument in arguments { argument.collectColumns(into: &columns) }
    }
}

/// The arithmetic of two operands of one type.
enum Arithmetic: String, Sendable {
    case add = "+"
    case subtract = "-"
    case multiply = "*"
    case divide = "/"
    case integralDivide = "div"
    case remainder = "%"
    case positiveRemainder = "pmod"
}

/// The comparisons of two operands of one type.
enum Comparison: String, Sendable {
    case equal = "="
    case notEqual = "<>"
    case less = "<"
    case lessOrEqual = "<="
    case greater = ">"
    case greaterOrEqual = ">="

    /// The comparison with its operands exchanged.
    var mirrored: Comparison {
        switch self {
        case .equal, .notEqual: self
        case .less: .greater
        case .lessOrEqual: .greaterOrEqual
        case .greater: .less
        case .greaterOrEqual: .lessOrEqual
        }
    }
}

/// What a node does with its arguments.
enum Operation: Sendable {
    /// The input column of that index.
    case column(Int)
    /// A constant of the node's type.
    case literal(Value)
    /// NULL before it has a type; the binder leaves none in a finished expression.
    case untypedNull
    /// The batch's timestamp.
    case batchTimestamp
    case arithmetic(Arithmetic, isTry: Bool)
    case negate(isTry: Bool)
    case compare(Comparison)
    case equalNullSafe
    case and
    case or
    case not
    case isNull
    /// The first argument is equal to one of the others.
    case isIn
    /// Matches a constant pattern.
    case like(LikePattern)
    /// Matches the second argument as a pattern with that escape character.
    case likeColumn(Character)
    /// condition, result, condition, result, …, otherwise.
    case caseWhen
    case coalesce
    /// From the argument's type to the node's.
    case cast(isTry: Bool)
    case function(ScalarFunction)

    /// Whether the operation has a result for all values of a type: doubles do not overflow.
    func isTotal(on type: DataType) -> Bool {
        switch self {
        case .arithmetic(.add, _), .arithmetic(.subtract, _), .arithmetic(.multiply, _):
            type == .double
        default: false
        }
    }

    /// Whether the operation itself can fail on some value of its arguments' types; a cast tells
    /// by its types, see `Binder.cast`.
    var canFail: Bool {
        switch self {
        case .column, .literal, .untypedNull, .batchTimestamp, .compare, .equalNullSafe, .and, .or,
            .not, .isNull, .isIn, .like, .caseWhen, .coalesce:
            false
        case .arithmetic(_, let isTry), .negate(let isTry), .cast(let isTry): !isTry
        case .likeColumn: true
        case .function(let function): function.canFail
        }
    }
}
