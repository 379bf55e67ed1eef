import Expressions
import KeyedState

/// A fault of a query: in how it was put together, or in a row that it folds.
public struct OperatorError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The kinds of fault; the raw value is Spark's name of the condition where Spark has one.
    public enum Code: String, Sendable {
        /// The output mode cannot work for this query.
        case unsupportedOutputMode = "UNSUPPORTED_STREAMING_OPERATION"
        /// The watermark's column does not exist or is not a timestamp.
        case eventTimeNotTimestamp = "EVENT_TIME_IS_NOT_ON_TIMESTAMP_TYPE"
        /// A sum that its integer type cannot hold.
        case arithmeticOverflow = "ARITHMETIC_OVERFLOW"
        /// A decimal that needs more digits than its type has.
        case numericValueOutOfRange = "NUMERIC_VALUE_OUT_OF_RANGE"
        /// A window that would start or end outside what a timestamp can hold.
        case datetimeOverflow = "DATETIME_OVERFLOW"
        /// The state holds more groups than the job allows.
        case stateTooLarge = "STATE_TOO_LARGE"
        /// Tables of one state that do not fit each other.
        case stateInconsistent = "STATE_INCONSISTENT"
        /// An expression failed for a row.
        case expressionFailed = "EXPRESSION_FAILED"
    }

    /// The kind of fault.
    public let code: Code
    /// What went wrong in words, with the remedy.
    public let message: String
    /// The sequence (log offset) of the row that failed; `nil` when no single row did.
    public let sequence: Int64?

    /// A fault in words.
    public init(_ code: Code, _ message: String, sequence: Int64? = nil) {
        self.code = code
        self.message = message
        self.sequence = sequence
    }

    /// The code, the message and the row on one line.
    public var description: String {
        let place = sequence.map { " (row at offset \($0))" } ?? ""
        return reason + place
    }

    /// The condition's name and the message; an expression's fault brings its own name.
    public var reason: String {
        code == .expressionFailed ? message : "[\(code.rawValue)] \(message)"
    }

    /// A state that cannot take more, or whose strings do not fit in a column.
    init(_ error: KeyedStateError, sequence: Int64? = nil) {
        self.init(.stateTooLarge, error.message, sequence: sequence)
    }

    /// What went wrong in an expression, at a row if one is known.
    init(_ error: ExpressionError, sequence: Int64? = nil) {
        self.init(
            .expressionFailed, "[\(error.code.rawValue)] \(error.message)", sequence: sequence)
    }
}
