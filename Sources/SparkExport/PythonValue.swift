import Columnar

/// A value as Python writes it.
indirect enum PythonValue {
    case none
    case boolean(Bool)
    case integer(Int64)
    case string(String)
    /// Text over several lines, in triple quotes.
    case text(String)
    case list([PythonValue])
    case tuple([PythonValue])
    case dictionary([(String, PythonValue)])

    /// On one line.
    var text: String {
        switch self {
        case .none: "None"
        case .boolean(let value): value ? "True" : "False"
        case .integer(let value): String(value)
        case .string(let value): value.python
        case .text(let value): "\"\"\"\n\(value.escapedForPython(keepsLines: true))\"\"\""
        case .list(let values): "[\(values.map(\.text).joined(separator: ", "))]"
        case .tuple(let values):
            "(\(values.map(\.text).joined(separator: ", "))\(values.count == 1 ? "," : ""))"
        case .dictionary(let entries):
            "{\(entries.map { "\($0.0.python): \($0.1.text)" }.joined(separator: ", "))}"
        }
    }

    /// With a line for each entry of a list or dictionary.
    var lines: String {
        switch self {
        case .list(let values) where !values.isEmpty:
            "[\n\(values.map { "    \($0.text),\n" }.joined())]"
        case .dictionary(let entries) where !entries.isEmpty:
            "{\n\(entries.map { "    \($0.0.python): \($0.1.text),\n" }.joined())}"
        default: text
        }
    }
}

extension String {
    /// The text as a string literal of Python, on one line.
    var python: String { "\"\(escapedForPython(keepsLines: false))\"" }

    /// The text with escapes for what a Python string cannot hold as it is.
    func escapedForPython(keepsLines: Bool) -> String {
        var result = ""
        for scalar in unicodeScalars {
            switch scalar {
            case "\\": result += "\\\\"
            case "\"": result += "\\\""
            case "\n" where keepsLines: result += "\n"
            case _ where scalar.value < 0x20 || scalar.value == 0x7F:
                let digits = String(scalar.value, radix: 16)
                result += "\\x" + String(repeating: "0", count: 2 - digits.count) + digits
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }
}

extension Schema {
    /// The columns as Spark declares them.
    var ddl: String {
        fields.map { "\($0.name.sparkWord) \($0.type.spark)" }.joined(separator: ", ")
    }
}

extension String {
    /// A name as SQL can refer to it: in backticks unless it is a plain word.
    var sparkWord: String {
        let isPlain = utf8.allSatisfy {
            (0x61...0x7A).contains($0 | 0x20) || (0x30...0x39).contains($0) || $0 == 0x5F
        }
        guard !isPlain || !(utf8.first.map { (0x61...0x7A).contains($0 | 0x20) } ?? false) else {
            return self
        }
        return "`" + split(separator: "`", omittingEmptySubsequences: false).joined(separator: "``")
            + "`"
    }
}

extension DataType {
    /// The type's name in Spark.
    var spark: String { self == .long ? "BIGINT" : description.uppercased() }
}
