import Columnar

extension Frame {
    /// A string column of a function of the values of rows, `nil` for null.
    private func strings(
        _ node: Node, validity: Bitmap?, _ body: (Int) -> String
    ) throws(ExpressionError) -> Operand {
        var builder = ColumnBuilder(.string, capacity: count)
        for row in 0..<count {
            if let validity, !validity[row] {
                builder.appendNull()
            } else {
                try append(body(row), to: &builder, of: node)
            }
        }
        return .column(builder.finish())
    }

    func castToString(
        _ node: Node, _ operand: Operand, from source: DataType
    ) throws(ExpressionError) -> Operand {
        let column = operand.column(source, count: count)
        return try strings(node, validity: column.validity) { row in
            switch column.value(at: row) {
            case .string(let text): text
            // As Spark shows it: what is not UTF-8 becomes U+FFFD.
            case .binary(let bytes): String(decoding: bytes, as: UTF8.self)
            case let value: FaultText.text(value)
            }
        }
    }

    func castFromString(
        _ node: Node, _ operand: Operand, isTry: Bool
    ) throws(ExpressionError) -> Operand {
        switch node.type {
        case .int:
            try parse(node, operand, isTry) { StringCast.integer($0).flatMap(Int32.init(exactly:)) }
        case .long: try parse(node, operand, isTry) { StringCast.integer($0) }
        case .double: try parse(node, operand, isTry) { StringCast.double($0) }
        case .date: try parse(node, operand, isTry) { parseDate($0) }
        case .timestamp: try parse(node, operand, isTry) { parseTimestamp($0) }
        case .decimal(let precision, let scale):
            if node.type.layout == .int64 {
                try parse(node, operand, isTry) {
                    StringCast.decimal($0, precision, scale).map { Int64(truncatingIfNeeded: $0) }
                }
            } else {
                try parse(node, operand, isTry) { StringCast.decimal($0, precision, scale) }
            }
        case .boolean: try parseBooleans(node, operand, isTry)
        case .binary: .column(operand.column(.string, count: count).asBinary())
        case .string: operand
        }
    }

    /// Parses each string once an entry where the dictionary is small, else once a row.
    private func parse<T: LaneValue>(
        _ node: Node, _ operand: Operand, _ isTry: Bool, _ body: (String) -> T?
    ) throws(ExpressionError) -> Operand {
        let lookup = StringLookup(operand, count: count, body)
        let (values, failures) = fill(count) { row in
            let value = lookup.value(at: row)
            return (value ?? .zero, value == nil)
        }
        return try finish(
            node, values, failures, [operand], validity: operand.validity, isTry: isTry)
    }

    private func parseBooleans(
        _ node: Node, _ operand: Operand, _ isTry: Bool
    ) throws(ExpressionError) -> Operand {
        let lookup = StringLookup(operand, count: count) { StringCast.boolean($0) }
        let bits = bitmap(count) { lookup.value(at: $0) ?? false }
        let failures = bitmap(count) { lookup.value(at: $0) == nil }
        let failed = operand.validity.map { $0 & failures } ?? failures
        if !isTry, let row = failed.firstSetBit { throw fault(node, [operand], row: row) }
        return .column(
            Column(
                bits: bits,
                validity: failed.firstSetBit == nil
                    ? operand.validity : validity(operand.validity, and: ~failed)))
    }

    func like(_ pattern: LikePattern, _ operand: Operand) -> Operand {
        let bits = unsafe testStrings(operand) { unsafe pattern.matches($0) }
        return .column(Column(bits: bits, validity: operand.validity))
    }
}

extension Frame {
    /// LIKE with a pattern a row; equal patterns in a row are compiled once.
    func like(
        _ node: Node, _ operand: Operand, _ patterns: Operand, escape: Character
    ) throws(ExpressionError) -> Operand {
        let compiled = StringLookup(patterns, count: count) { LikePattern($0, escape: escape) }
        let valid = validity(operand.validity, and: patterns.validity)
        let texts = operand.column(.string, count: count)
        guard let dictionary = texts.dictionary else {
            preconditionFailure("a string column has a dictionary")
        }
        var found: [Bool] = []
        found.reserveCapacity(count)
        for row in 0..<count {
            if let valid, !valid[row] {
                found.append(false)
                continue
            }
            guard let pattern = compiled.value(at: row) else {
                throw fault(node, [operand, patterns], row: row)
            }
            let code = Int(texts.int32s[row])
            found.append(unsafe pattern.matches(dictionary.unsafeBytes(at: code)))
        }
        return .column(Column(bits: Bitmap(found), validity: valid))
    }
}

/// A function of strings, looked up by row: computed an entry of the dictionary when it is smaller
/// than the rows.
struct StringLookup<T> {
    private let values: [T?]
    private let codes: Column?
    private let isConstant: Bool

    init(_ operand: Operand, count: Int, _ body: (String) -> T?) {
        switch operand {
        case .constant(.string(let text)):
            values = [body(text)]
            codes = nil
            isConstant = true
        case .column(let column):
            guard let dictionary = column.dictionary else {
                preconditionFailure("a string column has a dictionary")
            }
            isConstant = false
            if dictionary.count <= count {
                values = (0..<dictionary.count).map { body(dictionary.string(at: $0)) }
                codes = column
            } else {
                let rows = column.int32s
                var computed: [T?] = []
                computed.reserveCapacity(count)
                for row in 0..<count {
                    computed.append(body(dictionary.string(at: Int(rows[row]))))
                }
                values = computed
                codes = nil
            }
        case .constant: preconditionFailure("strings are columns or constants")
        }
    }

    func value(at row: Int) -> T? {
        if isConstant { return values[0] }
        return values[codes.map { Int($0.int32s[row]) } ?? row]
    }
}

/// Values read from strings as Spark's casts do.
enum StringCast {
    /// Without the blanks and control characters around.
    static func trimmed(_ text: String) -> Substring {
        var bytes = text.utf8[...]
        while let byte = bytes.first, byte <= 0x20 || byte == 0x7F { bytes = bytes.dropFirst() }
        while let byte = bytes.last, byte <= 0x20 || byte == 0x7F { bytes = bytes.dropLast() }
        return Substring(bytes)
    }

    static func integer(_ text: String) -> Int64? {
        let trimmed = trimmed(text)
        return Int64(trimmed)
    }

    static func boolean(_ text: String) -> Bool? {
        switch trimmed(text).lowercased() {
        case "t", "true", "y", "yes", "1": true
        case "f", "false", "n", "no", "0": false
        default: nil
        }
    }

    static func double(_ text: String) -> Double? {
        let trimmed = trimmed(text)
        switch trimmed.lowercased() {
        case "nan": return .nan
        case "inf", "+inf", "infinity", "+infinity": return .infinity
        case "-inf", "-infinity": return -.infinity
        default: break
        }
        var body = trimmed
        if let last = body.utf8.last, [0x44, 0x64, 0x46, 0x66].contains(last), body.utf8.count > 1 {
            // Java's suffixes D and F.
            body = body.dropLast()
        }
        let isNumber = body.utf8.allSatisfy {
            (0x30...0x39).contains($0) || [0x2B, 0x2D, 0x2E, 0x45, 0x65].contains($0)
        }
        guard isNumber, body.utf8.contains(where: { (0x30...0x39).contains($0) }) else {
            return nil
        }
        // Swift wants digits on both sides of a point.
        let sign = body.hasPrefix("-") ? "-" : ""
        let digits = body.drop { $0 == "-" || $0 == "+" }
        guard body.utf8.count - digits.utf8.count <= 1 else { return nil }
        let parts = digits.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count <= 2 else { return nil }
        var whole = String(parts[0])
        if parts.count == 2 {
            let isBare = parts[1].isEmpty || parts[1].lowercased().hasPrefix("e")
            if whole.isEmpty, isBare { return nil }
            whole = (whole.isEmpty ? "0" : whole) + "." + (isBare ? "0" : "") + parts[1]
        }
        return Double(sign + whole)
    }

    static func decimal(_ text: String, _ precision: Int, _ scale: Int) -> Int128? {
        guard let number = DecimalText(trimmed(text)), let value = number.unscaled(scale: scale),
            value.magnitude < powerOfTen(precision).magnitude
        else { return nil }
        return value
    }
}
