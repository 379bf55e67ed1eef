import Columnar

extension Frame {
    func applyText(
        _ function: ScalarFunction, _ node: Node, _ operands: [Operand]
    ) throws(ExpressionError) -> Operand {
        switch function {
        case .upper: try mapStrings(node, operands[0]) { $0.uppercased() }
        case .lower: try mapStrings(node, operands[0]) { $0.lowercased() }
        case .trim(let side): try mapStrings(node, operands[0]) { Self.trimmed($0, side) }
        case .length:
            node.arguments[0].type == .binary ? byteCounts(operands[0]) : lengths(operands[0])
        case .substring: try substrings(node, operands)
        default: try concatenated(node, operands)
        }
    }

    /// A string column of a function of strings, computed an entry where the dictionary is smaller
    /// than the rows.
    private func mapStrings(
        _ node: Node, _ operand: Operand, _ body: (String) -> String
    ) throws(ExpressionError) -> Operand {
        guard case .column(let column) = operand, let dictionary = column.dictionary else {
            guard case .constant(.string(let text)) = operand else { return .constant(.null) }
            return .constant(.string(body(text)))
        }
        if dictionary.count <= count {
            let entries: StringDictionary
            do throws(StringsTooLarge) {
                entries = try StringDictionary(dictionary.strings.map(body))
            } catch {
                throw fault(node, error)
            }
            // Safe: the new dictionary has the entries of the old one, in order.
            return .column(
                unsafe Column(
                    uncheckedCodes: column.values, dictionary: entries, count: count,
                    validity: column.validity))
        }
        var builder = ColumnBuilder(.string, capacity: count)
        let codes = column.int32s
        for row in 0..<count {
            if column.isNull(row) {
                builder.appendNull()
            } else {
                try append(
                    body(dictionary.string(at: Int(codes[row]))), to: &builder, of: node)
            }
        }
        return .column(builder.finish())
    }

    /// Without blanks at the sides; only U+0020 is a blank here, as in Spark.
    static func trimmed(_ text: String, _ side: ScalarFunction.Trim) -> String {
        var bytes = text.utf8[...]
        if side != .trailing { bytes = bytes.drop { $0 == 0x20 } }
        if side != .leading { while bytes.last == 0x20 { bytes = bytes.dropLast() } }
        return String(Substring(bytes))
    }

    private func lengths(_ operand: Operand) -> Operand {
        let lookup = StringLookup(operand, count: count) { Int32($0.unicodeScalars.count) }
        let (values, _) = fill(count) { (lookup.value(at: $0) ?? 0, false) }
        return .column(
            Column(.int, values: values, count: count, validity: operand.validity))
    }

    private func byteCounts(_ operand: Operand) -> Operand {
        let bytes = operand.column(.binary, count: count)
        guard let dictionary = bytes.dictionary else {
            preconditionFailure("a binary column has a dictionary")
        }
        let codes = bytes.int32s
        let (values, _) = fill(count) {
            (Int32(dictionary.range(at: Int(codes[$0])).count), false)
        }
        return .column(Column(.int, values: values, count: count, validity: bytes.validity))
    }

    private func substrings(
        _ node: Node, _ operands: [Operand]
    ) throws(ExpressionError) -> Operand {
        if case .constant(.int(let start)) = operands[1] {
            var length: Int32 = .max
            if operands.count == 3 {
                guard case .constant(.int(let value)) = operands[2] else {
                    return try substringRows(node, operands)
                }
                length = value
            }
            return try mapStrings(node, operands[0]) {
                Self.substring($0, Int(start), Int(length))
            }
        }
        return try substringRows(node, operands)
    }

    private func substringRows(
        _ node: Node, _ operands: [Operand]
    ) throws(ExpressionError) -> Operand {
        var builder = ColumnBuilder(.string, capacity: count)
        for row in 0..<count {
            let values = operands.map { $0.value(at: row) }
            guard case .string(let text) = values[0], case .int(let start) = values[1] else {
                builder.appendNull()
                continue
            }
            var length = Int32.max
            if values.count == 3 {
                guard case .int(let value) = values[2] else {
                    builder.appendNull()
                    continue
                }
                length = value
            }
            try append(
                Self.substring(text, Int(start), Int(length)), to: &builder, of: node)
        }
        return .column(builder.finish())
    }

    /// Spark's substring: positions count from 1, or from the end when negative; 0 is 1.
    static func substring(_ text: String, _ start: Int, _ length: Int) -> String {
        let scalars = Array(text.unicodeScalars)
        let first = start > 0 ? start - 1 : start < 0 ? scalars.count + start : 0
        let end = first + length
        guard end > first else { return "" }
        let from = min(max(first, 0), scalars.count)
        let to = min(max(end, 0), scalars.count)
        guard to > from else { return "" }
        var result = ""
        result.unicodeScalars.append(contentsOf: scalars[from..<to])
        return result
    }

    private func concatenated(
        _ node: Node, _ operands: [Operand]
    ) throws(ExpressionError) -> Operand {
        var builder = ColumnBuilder(.string, capacity: count)
        for row in 0..<count {
            var text: String? = ""
            for operand in operands {
                if case .string(let part) = operand.value(at: row) {
                    text?.append(part)
                } else {
                    text = nil
                }
            }
            if let text {
                try append(text, to: &builder, of: node)
            } else {
                builder.appendNull()
            }
        }
        return .column(builder.finish())
    }
}
