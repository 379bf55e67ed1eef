import Columnar

/// The rows on which a node is evaluated: a batch, or some of its rows.
struct Frame {
    /// The input columns; `nil` for those that the node does not read.
    let columns: [Column?]
    let count: Int
    /// The batch's row number of each row; `nil` when the rows are the batch's.
    let rows: [Int32]?
    let context: EvaluationContext

    init(_ batch: RecordBatch, _ context: EvaluationContext) {
        columns = batch.columns
        count = batch.count
        rows = nil
        self.context = context
    }

    private init(
        columns: [Column?], count: Int, rows: [Int32], context: EvaluationContext
    ) {
        self.columns = columns
        self.count = count
        self.rows = rows
        self.context = context
    }

    /// Some rows, with the columns that a node reads.
    func selecting(_ indices: [Int32], for node: Node) -> Frame {
        var needed: Set<Int> = []
        node.collectColumns(into: &needed)
        let picked = columns.indices.map { index in
            needed.contains(index) ? columns[index]?.gather(indices) : nil
        }
        let origin = rows.map { rows in indices.map { rows[Int($0)] } } ?? indices
        return Frame(columns: picked, count: indices.count, rows: origin, context: context)
    }

    /// The batch's number of a row of the frame.
    func batchRow(_ row: Int) -> Int { rows.map { Int($0[row]) } ?? row }
}

/// The values of a node on a frame: one a row, or one for all rows.
enum Operand {
    case column(Column)
    case constant(Value)

    /// The values as a column.
    func column(_ type: DataType, count: Int) -> Column {
        switch self {
        case .column(let column): column
        case .constant(let value): Column(repeating: value, type, count: count)
        }
    }

    /// Where a row is not null; `nil` when none is.
    ///
    /// A null constant is dealt with before.
    var validity: Bitmap? {
        if case .column(let column) = self { column.validity } else { nil }
    }

    var isNullConstant: Bool {
        if case .constant(.null) = self { true } else { false }
    }

    func value(at row: Int) -> Value {
        switch self {
        case .column(let column): column.value(at: row)
        case .constant(let value): value
        }
    }

    /// The rows that are true; null is not.
    func trueRows(count: Int) -> Bitmap {
        switch self {
        case .column(let column):
            guard let bits = column.bits else { preconditionFailure("a condition is a boolean") }
            return column.validity.map { $0 & bits } ?? bits
        case .constant(.boolean(let value)): return Bitmap(repeating: value, count: count)
        case .constant: return Bitmap(repeating: false, count: count)
        }
    }

    /// The rows that are false; null is not.
    func falseRows(count: Int) -> Bitmap {
        switch self {
        case .column(let column):
            guard let bits = column.bits else { preconditionFailure("a condition is a boolean") }
            return column.validity.map { $0 & ~bits } ?? ~bits
        case .constant(.boolean(let value)): return Bitmap(repeating: !value, count: count)
        case .constant: return Bitmap(repeating: false, count: count)
        }
    }
}

extension Frame {
    func evaluate(_ node: Node) throws(ExpressionError) -> Operand {
        switch node.operation {
        case .column(let index):
            guard let column = columns[index] else {
                preconditionFailure("a frame holds every column that its node reads")
            }
            return .column(column)
        case .literal(let value): return .constant(value)
        case .untypedNull: return .constant(.null)
        case .batchTimestamp: return .constant(.timestamp(context.batchTimestampMicros))
        case .and: return try evaluateJunction(node, decidedBy: false)
        case .or: return try evaluateJunction(node, decidedBy: true)
        case .caseWhen: return try evaluateCase(node)
        case .coalesce: return try evaluateCoalesce(node)
        case .isIn: return try evaluateIn(node)
        case .arithmetic(let operation, let isTry)
        where !node.arguments.contains(where: \.canFail):
            if let mixed = try mixedArithmetic(operation, node, isTry: isTry) { return mixed }
        default: break
        }
        if node.operation.isStrict, node.arguments.count > 1 {
            return try apply(node, strictOperands(node))
        }
        var operands: [Operand] = []
        operands.reserveCapacity(node.arguments.count)
        for argument in node.arguments { operands.append(try evaluate(argument)) }
        return try apply(node, operands)
    }

    /// Applies an operation whose arguments are all evaluated on every row.
    private func apply(
        _ node: Node, _ operands: [Operand]
    ) throws(ExpressionError) -> Operand {
        switch node.operation {
        case .not: return negated(operands[0])
        case .isNull: return isNull(operands[0])
        case .equalNullSafe: return equalNullSafe(operands[0], operands[1], node.arguments[0].type)
        case .function(.greatest): return try extremum(node, operands, isGreatest: true)
        case .function(.least): return try extremum(node, operands, isGreatest: false)
        case .function(.isNaN) where operands[0].isNullConstant:
            return .constant(.boolean(false))
        default: break
        }
        // All others give null where an argument is null.
        if operands.contains(where: \.isNullConstant) { return .constant(.null) }
        switch node.operation {
        case .arithmetic(let operation, let isTry):
            return try arithmetic(operation, node, operands[0], operands[1], isTry: isTry)
        case .negate(let isTry): return try negate(node, operands[0], isTry: isTry)
        case .compare(let comparison):
            return compare(comparison, operands[0], operands[1], node.arguments[0].type)
        case .like(let pattern): return like(pattern, operands[0])
        case .likeColumn(let escape):
            return try like(node, operands[0], operands[1], escape: escape)
        case .cast(let isTry): return try cast(node, operands[0], isTry: isTry)
        case .function(let function): return try apply(function, node, operands)
        default: preconditionFailure("every operation has its kernel")
        }
    }
}

// MARK: Failures

extension Frame {
    /// The result of a kernel: null where it failed when `isTry`, else the first failure thrown.
    func finish(
        _ node: Node, _ values: Buffer, _ failures: Bitmap?, _ operands: [Operand],
        validity: Bitmap?, isTry: Bool
    ) throws(ExpressionError) -> Operand {
        var validity = validity
        if let failures {
            let failed = validity.map { $0 & failures } ?? failures
            if isTry {
                validity = Columnar.validity(validity, and: ~failed)
            } else if let row = failed.firstSetBit {
                throw fault(node, operands, row: row)
            }
        }
        return .column(Column(node.type, values: values, count: count, validity: validity))
    }

    /// The error of a node whose strings do not fit in a column.
    func fault(_ node: Node, _ error: StringsTooLarge) -> ExpressionError {
        ExpressionError(
            .limitExceeded,
            "The distinct values of '\(node.text)' take more than 2 GiB, the most that a column "
                + "can hold. Make them shorter, or take fewer rows at a time.", at: node.position)
    }

    /// Appends to a column of strings under construction.
    func append(
        _ text: String, to builder: inout ColumnBuilder, of node: Node
    ) throws(ExpressionError) {
        builder.append(string: text)
        if builder.stringBytes > StringDictionary.byteCountMax {
            throw fault(node, StringsTooLarge())
        }
    }

    /// The error of a node that failed on a row of the frame.
    func fault(_ node: Node, _ operands: [Operand], row: Int) -> ExpressionError {
        let values = operands.map { $0.value(at: row) }
        let (code, reason, remedy) = FaultText.reason(node, values)
        let inputs = zip(node.arguments, values)
            .filter { $0.0.constant == nil }
            .map { "\($0.0.text) = \(FaultText.text($0.1))" }
        let place = inputs.isEmpty ? "" : ", where \(inputs.joined(separator: " and "))"
        return ExpressionError(
            code,
            "\(reason) in '\(node.text)'\(place). \(remedy)", at: node.position, row: batchRow(row))
    }
}

extension Bitmap {
    /// The index of the first set bit.
    var firstSetBit: Int? {
        for index in 0..<wordCount {
            let word = word(index)
            if word != 0 { return index * 64 + word.trailingZeroBitCount }
        }
        return nil
    }
}

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
