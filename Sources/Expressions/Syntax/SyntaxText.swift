import Columnar

/// Writes syntax as SQL in one spelling: the key under which equal expressions are recognised, the
/// text in messages, and (pretty) the name of a column without `AS`.
struct SyntaxWriter {
    /// Whether strings are written without quotes and columns as the user wrote them, as Spark
    /// names columns.
    let isPretty: Bool
    /// The schema's spelling of a column.
    let column: ([String]) -> String
    /// What stands in the place of some syntax; `nil` to write it as it is.
    var replacement: ((Syntax) -> String?)?

    /// Spark's name for a column that has none.
    static func generatedName(_ syntax: Syntax) -> String {
        switch syntax.kind {
        case .name(let parts): parts[parts.count - 1]
        case .field(_, let field): field
        // A cast of a column is named as the column.
        case .cast(let operand, _, _) where operand.isName: generatedName(operand)
        case .call(let call)
        where call.arguments.count == 1 && FunctionNames.isCast(call.name):
            generatedName(call.arguments[0])
        default:
            SyntaxWriter(isPretty: true) { $0.joined(separator: ".") }.text(syntax)
        }
    }

    func text(_ syntax: Syntax) -> String { replacement?(syntax) ?? written(syntax) }

    private func written(_ syntax: Syntax) -> String {
        switch syntax.kind {
        case .name(let parts): column(parts)
        case .star: "*"
        case .literal(let value, let type): literal(value, type)
        case .interval(_, let text): text
        case .unary(.not, let operand): "(NOT \(text(operand)))"
        case .unary(let sign, let operand): "(\(sign.rawValue) \(text(operand)))"
        case .binary(.concatenate, let left, let right):
            isPretty
                ? "concat(\(text(left)), \(text(right)))"
                : "(\(text(left)) || \(text(right)))"
        case .binary(let binary, let left, let right):
            binary == .notEqual && isPretty
                ? "(NOT (\(text(left)) = \(text(right))))"
                : "(\(text(left)) \(binary.rawValue) \(text(right)))"
        case .isTruth(let operand, let truth, let isNegated) where isPretty && truth != .null:
            negated(
                isNegated,
                truth == .unknown
                    ? "(\(text(operand)) IS NULL)"
                    : "(\(text(operand)) <=> \(truth.rawValue.lowercased()))")
        case .isTruth(let operand, let truth, let isNegated):
            "(\(text(operand)) IS \(isNegated ? "NOT " : "")\(truth.rawValue))"
        case .isDistinctFrom(let left, let right, let isNegated):
            isNegated
                ? "(\(text(left)) <=> \(text(right)))"
                : "(NOT (\(text(left)) <=> \(text(right))))"
        case .inList(let operand, let list, let isNegated):
            negated(isNegated, "(\(text(operand)) IN (\(joined(list))))")
        case .between(let operand, let low, let high, let isNegated):
            negated(
                isNegated,
                isPretty
                    ? "between(\(text(operand)), \(text(low)), \(text(high)))"
                    : "(\(text(operand)) BETWEEN \(text(low)) AND \(text(high)))")
        case .like(let operand, let pattern, let escape, let isNegated):
            negated(
                isNegated,
                (isPretty ? "" : "(") + "\(text(operand)) LIKE \(text(pattern))"
                    + (escape == "\\" ? "" : " ESCAPE '\(escape)'") + (isPretty ? "" : ")"))
        case .caseWhen(let operand?, let branches, let otherwise) where isPretty:
            "CASE"
                + branches.map {
                    " WHEN (\(text(operand)) = \(text($0.condition))) THEN \(text($0.result))"
                }.joined() + (otherwise.map { " ELSE \(text($0))" } ?? "") + " END"
        case .caseWhen(let operand, let branches, let otherwise):
            "CASE\(operand.map { " \(text($0))" } ?? "")"
                + branches.map { " WHEN \(text($0.condition)) THEN \(text($0.result))" }.joined()
                + (otherwise.map { " ELSE \(text($0))" } ?? "") + " END"
        case .cast(let operand, let type, let isTry):
            "\(isTry ? "TRY_CAST" : "CAST")(\(text(operand)) AS \(typeName(type)))"
        case .call(let call): self.call(call)
        case .field(let operand, let field): "\(text(operand)).\(field)"
        }
    }

    private func negated(_ isNegated: Bool, _ text: String) -> String {
        isNegated ? "(NOT \(text))" : text
    }

    private func joined(_ list: [Syntax]) -> String {
        list.map { text($0) }.joined(separator: ", ")
    }

    private func typeName(_ type: DataType) -> String {
        type == .long ? "BIGINT" : type.description.uppercased()
    }

    private func call(_ call: Syntax.Call) -> String {
        if isPretty, let special = prettyCall(call) { return special }
        let name =
            isPretty
            ? FunctionNames.pretty(call.name) : FunctionNames.canonical(call.name)
        let inside =
            call.isStar
            ? (isPretty ? "1" : "*")
            : (call.isDistinct ? "DISTINCT " : "") + joined(call.arguments)
        return "\(name)(\(inside))"
            + (call.ignoresNulls == true ? " IGNORE NULLS" : "")
            + (call.filter.map { " FILTER (WHERE \(text($0)))" } ?? "")
    }

    /// The calls that Spark writes in a form of their own.
    private func prettyCall(_ call: Syntax.Call) -> String? {
        let arguments = call.arguments.map { text($0) }
        switch (call.name.lowercased(), arguments.count) {
        case ("if", 3): return "(IF(\(arguments.joined(separator: ", "))))"
        case ("isnull", 1): return "(\(arguments[0]) IS NULL)"
        case ("isnotnull", 1): return "(\(arguments[0]) IS NOT NULL)"
        case ("positive", 1): return "(+ \(arguments[0]))"
        case ("round", 1): return "round(\(arguments[0]), 0)"
        case ("log", 1): return "LOG(E(), \(arguments[0]))"
        case ("substring", 2), ("substr", 2):
            return "\(call.name.lowercased())(\(arguments[0]), \(arguments[1]), \(Int32.max))"
        case (let name, 1) where FunctionNames.isCast(name): return arguments[0]
        default: return nil
        }
    }

    private func literal(_ value: Value, _ type: DataType?) -> String {
        switch value {
        case .null: "NULL"
        case .boolean(let value): value ? "true" : "false"
        case .int(let value): String(value)
        case .long(let value): isPretty ? String(value) : "\(value)L"
        case .double(let value): isPretty ? formatDouble(value) : "\(formatDouble(value))D"
        case .decimal(let unscaled, let scale):
            formatDecimal(unscaled, scale: scale) + (isPretty ? "" : "BD")
        case .string(let value): isPretty ? value : quoted(value)
        case .binary(let bytes): "X'\(formatHex(bytes))'"
        case .date(let days): "DATE '\(CivilDate(daysSinceEpoch: Int(days)))'"
        case .timestamp(let micros): "TIMESTAMP '\(formatTimestamp(micros: micros))'"
        }
    }

    private func quoted(_ text: String) -> String {
        var quoted = "'"
        for scalar in text.unicodeScalars {
            if scalar == "'" || scalar == "\\" { quoted.unicodeScalars.append("\\") }
            quoted.unicodeScalars.append(scalar)
        }
        return quoted + "'"
    }
}

/// A name as an expression can refer to it: in backticks unless it is a plain word.
func quotedIfNeeded(_ name: String) -> String {
    let isPlain =
        name.utf8.allSatisfy {
            (0x61...0x7A).contains($0 | 0x20) || (0x30...0x39).contains($0) || $0 == 0x5F
                || $0 == 0x2E
        } && !(name.utf8.first.map { (0x30...0x39).contains($0) } ?? true)
    guard !isPlain else { return name }
    return "`"
        + name.split(separator: "`", omittingEmptySubsequences: false)
        .joined(separator: "``") + "`"
}
