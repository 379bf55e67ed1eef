import Columnar

/// The words of errors at run time.
enum FaultText {
    static func reason(
        _ node: Node, _ values: [Value]
    ) -> (code: ExpressionError.Code, reason: String, remedy: String) {
        switch node.operation {
        case .arithmetic(let operation, _):
            if isZero(values[1]), operation != .add, operation != .subtract,
                operation != .multiply
            {
                return operation == .remainder || operation == .positiveRemainder
                    ? (
                        .remainderByZero, "Remainder of a division by zero",
                        "To get NULL instead, use try_mod or nullif(divisor, 0)."
                    )
                    : (
                        .divideByZero, "Division by zero",
                        "To get NULL instead, use try_divide or nullif(divisor, 0)."
                    )
            }
            let name =
                switch operation {
                case .add: "try_add"
                case .subtract: "try_subtract"
                case .multiply: "try_multiply"
                default: "try_divide"
                }
            return overflow(node, "To get NULL instead, use \(name), or cast to a wider type.")
        case .negate, .function(.abs), .function(.round), .function(.floor), .function(.ceil):
            return overflow(node, "Cast to a wider type first.")
        case .cast: return castReason(node, values[0])
        case .likeColumn:
            return (
                .invalidFormat,
                "An escape character in the pattern that escapes nothing",
                "It must be followed by '_', '%' or itself."
            )
        case .function(.intervalMicros):
            return (
                .invalidInterval, "A text that is no interval of fixed length",
                "Write it as '5 minutes'."
            )
        default:
            return (
                .datetimeOverflow, "A result outside the range of \(node.type)",
                "Check the values, or guard with CASE."
            )
        }
    }

    private static func overflow(
        _ node: Node, _ remedy: String
    ) -> (code: ExpressionError.Code, reason: String, remedy: String) {
        node.type.isDecimal
            ? (
                .numericValueOutOfRange,
                "A result with more digits than \(node.type) has", remedy
            )
            : (.arithmeticOverflow, "Overflow of \(node.type)", remedy)
    }

    private static func castReason(
        _ node: Node, _ value: Value
    ) -> (code: ExpressionError.Code, reason: String, remedy: String) {
        let remedy = "To get NULL instead, use try_cast."
        let reason = "\(text(value)) cannot be cast to \(node.type)"
        let isText = node.arguments[0].type == .string
        let hasDigits = node.type.isDecimal && isNumber(value)
        if isText, !hasDigits { return (.castInvalidInput, reason, remedy) }
        if node.type.isDecimal { return (.numericValueOutOfRange, reason, remedy) }
        return (.castOverflow, reason, remedy)
    }

    /// Whether a text is a number, if perhaps one with too many digits.
    private static func isNumber(_ value: Value) -> Bool {
        guard case .string(let text) = value else { return false }
        let start = text.drop { $0 == " " }
        let end = start.lastIndex { $0 != " " } ?? start.startIndex
        return start.isEmpty ? false : Double(start[...end])?.isFinite ?? false
    }

    private static func isZero(_ value: Value) -> Bool {
        switch value {
        case .int(let value): value == 0
        case .long(let value): value == 0
        case .double(let value): value == 0
        case .decimal(let unscaled, _): unscaled == 0
        default: false
        }
    }

    /// A value for people; long strings are cut.
    static func text(_ value: Value) -> String {
        guard case .string(let text) = value else { return value.text ?? "NULL" }
        return text.count > 64 ? "'\(text.prefix(64))…'" : "'\(text)'"
    }
}
