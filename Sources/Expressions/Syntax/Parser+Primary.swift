import Columnar

extension Parser {
    /// A literal, a name, a call, a CASE, a CAST or an expression in parentheses.
    mutating func primary() throws(ExpressionError) -> Syntax {
        let start = current.range.lowerBound
        switch current.kind {
        case .integer, .long, .decimal, .double: return try number(sign: "", from: start)
        case .string:
            let text = adjacentStrings()
            return try node(.literal(.string(text), .string), from: start)
        case .symbol("("):
            advance()
            let inner = try expression()
            try expect(symbol: ")")
            return inner
        case .symbol, .end: throw unexpected("an expression")
        case .identifier(_, isQuoted: true): return try name(from: start)
        case .identifier: return try keywordOrName(from: start)
        }
    }

    private mutating func adjacentStrings() -> String {
        var text = ""
        while case .string(let part) = current.kind {
            text += part
            advance()
        }
        return text
    }

    private mutating func keywordOrName(from start: Int) throws(ExpressionError) -> Syntax {
        switch current.keyword {
        case "TRUE":
            advance()
            return try node(.literal(.boolean(true), .boolean), from: start)
        case "FALSE":
            advance()
            return try node(.literal(.boolean(false), .boolean), from: start)
        case "NULL":
            advance()
            return try node(.literal(.null, nil), from: start)
        case "CASE": return try caseExpression(from: start)
        case "CAST" where peek().kind == .symbol("("):
            return try cast(isTry: false, from: start)
        case "TRY_CAST" where peek().kind == .symbol("("):
            return try cast(isTry: true, from: start)
        case "EXTRACT" where peek().kind == .symbol("("): return try extract(from: start)
        case "INTERVAL": return try interval(from: start)
        case "TIMESTAMP", "DATE", "TIMESTAMP_LTZ", "X":
            if case .string = peek().kind { return try typedLiteral(from: start) }
            return try name(from: start)
        case "AND", "OR", "NOT", "IN", "IS", "LIKE", "BETWEEN", "WHEN", "THEN", "ELSE", "END",
            "AS", "FROM", "SELECT", "WHERE", "GROUP", "HAVING":
            throw unexpected("an expression")
        default: return try name(from: start)
        }
    }

    // MARK: Names and calls

    private mutating func name(from start: Int) throws(ExpressionError) -> Syntax {
        guard case .identifier(let first, let isQuoted) = current.kind else {
            throw unexpected("a name")
        }
        let nameRange = current.range
        advance()
        if !isQuoted, current.kind == .symbol("(") {
            return try call(first, nameRange, from: start)
        }
        var parts = [first]
        while current.kind == .symbol("."), case .identifier(let part, _) = peek().kind {
            advance()
            advance()
            parts.append(part)
        }
        return try node(.name(parts), from: start)
    }

    private mutating func call(
        _ name: String, _ nameRange: Range<Int>, from start: Int
    ) throws(ExpressionError) -> Syntax {
        try expect(symbol: "(")
        var call = Syntax.Call(name: name, nameRange: nameRange, arguments: [])
        call.isDistinct = take(keyword: "DISTINCT")
        if !call.isDistinct, current.keyword == "ALL", peek().kind != .symbol(")") { advance() }
        if current.kind == .symbol("*"), peek().kind == .symbol(")") {
            advance()
            call.isStar = true
        } else if current.kind != .symbol(")") {
            call.arguments.append(try expression())
            while take(symbol: ",") { call.arguments.append(try expression()) }
        }
        try expect(symbol: ")")
        if current.keyword == "IGNORE" || current.keyword == "RESPECT",
            peek().keyword == "NULLS"
        {
            call.ignoresNulls = current.keyword == "IGNORE"
            advance()
            advance()
        }
        if current.keyword == "FILTER", peek().kind == .symbol("(") {
            advance()
            advance()
            try expect(keyword: "WHERE")
            call.filter = try expression()
            try expect(symbol: ")")
        }
        if current.keyword == "OVER", peek().kind == .symbol("(") {
            throw ExpressionError(
                .unsupportedFeature,
                "OVER (…) is not supported on a stream, as in Spark: group by a time window, "
                    + "window(time, '1 minute'), instead.",
                at: current.range)
        }
        return try node(.call(call), from: start)
    }

    /// `EXTRACT(field FROM source)` is the function of the field's name.
    private mutating func extract(from start: Int) throws(ExpressionError) -> Syntax {
        advance()
        try expect(symbol: "(")
        let fieldRange = current.range
        guard case .identifier(let field, _) = current.kind else {
            throw unexpected("a field such as YEAR, MONTH, DAY, HOUR, MINUTE or SECOND")
        }
        advance()
        try expect(keyword: "FROM")
        let source = try expression()
        try expect(symbol: ")")
        return try node(
            .call(.init(name: field, nameRange: fieldRange, arguments: [source])), from: start)
    }

    // MARK: CASE and CAST

    private mutating func caseExpression(from start: Int) throws(ExpressionError) -> Syntax {
        try expect(keyword: "CASE")
        if current.keyword == "END" { throw unexpected("WHEN") }
        let operand = current.keyword == "WHEN" ? nil : try expression()
        var branches: [Syntax.Branch] = []
        while take(keyword: "WHEN") {
            let condition = try expression()
            try expect(keyword: "THEN")
            branches.append(.init(condition: condition, result: try expression()))
        }
        guard !branches.isEmpty else { throw unexpected("WHEN") }
        let otherwise = take(keyword: "ELSE") ? try expression() : nil
        try expect(keyword: "END")
        return try node(
            .caseWhen(operand: operand, branches, otherwise: otherwise), from: start)
    }

    private mutating func cast(isTry: Bool, from start: Int) throws(ExpressionError) -> Syntax {
        advance()
        try expect(symbol: "(")
        let operand = try expression()
        try expect(keyword: "AS")
        let type = try dataType()
        try expect(symbol: ")")
        return try node(.cast(operand, type, isTry: isTry), from: start)
    }

    /// A type's name, with its parameters: `decimal(18, 4)`.
    mutating func dataType() throws(ExpressionError) -> DataType {
        let start = current.range
        guard case .identifier(let name, _) = current.kind else { throw unexpected("a type") }
        advance()
        var text = name
        var end = start.upperBound
        if take(symbol: "(") {
            text += "("
            while current.kind != .symbol(")") {
                guard current.kind != .end else { throw unexpected("')'") }
                text += current.text
                advance()
            }
            text += ")"
            end = current.range.upperBound
            advance()
        }
        if text.lowercased() == "timestamp_ltz" { text = "timestamp" }
        guard let type = DataType(parsing: text) else {
            throw ExpressionError(
                .parseSyntaxError,
                "'\(text)' is not a type: the types are \(DataType.names.joined(separator: ", ")) "
                    + "with precision 1…38 and scale 0…precision.",
                at: start.lowerBound..<end, suggestion: nearest(to: name, among: DataType.names))
        }
        return type
    }

    // MARK: Literals

    private mutating func typedLiteral(from start: Int) throws(ExpressionError) -> Syntax {
        let keyword = current.keyword
        advance()
        guard case .string(let text) = current.kind else { throw unexpected("a string") }
        let range = start..<current.range.upperBound
        advance()
        if keyword == "X" {
            guard let bytes = bytes(ofHex: text) else {
                throw ExpressionError(
                    .invalidLiteral,
                    "'\(text)' is not bytes: write them as hexadecimal digits, X'00FF'.", at: range)
            }
            return try node(.literal(.binary(bytes), .binary), from: start)
        }
        if keyword == "DATE" {
            guard let days = parseDate(text) else {
                throw ExpressionError(
                    .invalidLiteral,
                    "'\(text)' is not a date: write it as DATE '2024-08-09'.", at: range)
            }
            return try node(.literal(.date(days), .date), from: start)
        }
        guard let micros = parseTimestamp(text) else {
            throw ExpressionError(
                .invalidLiteral,
                "'\(text)' is not a timestamp: write it as TIMESTAMP '2024-08-09 13:30:00.25' "
                    + "or '2024-08-09T13:30:00Z'.",
                at: range)
        }
        return try node(.literal(.timestamp(micros), .timestamp), from: start)
    }

    /// A number after a minus sign, folded so that the least integers can be written.
    mutating func negativeNumber(from start: Int) throws(ExpressionError) -> Syntax? {
        switch current.kind {
        case .integer, .long, .decimal, .double: try number(sign: "-", from: start)
        default: nil
        }
    }

    private mutating func number(
        sign: String, from start: Int
    ) throws(ExpressionError) -> Syntax {
        let range = start..<current.range.upperBound
        let kind = current.kind
        advance()
        switch kind {
        case .integer(let digits):
            if let value = Int32(sign + digits) {
                return try node(.literal(.int(value), .int), from: start)
            }
            if let value = Int64(sign + digits) {
                return try node(.literal(.long(value), .long), from: start)
            }
            return try decimal(sign + digits, range, from: start)
        case .long(let digits):
            guard let value = Int64(sign + digits) else {
                throw ExpressionError(
                    .invalidLiteral, "\(sign)\(digits)L does not fit in a long.", at: range)
            }
            return try node(.literal(.long(value), .long), from: start)
        case .double(let digits):
            guard let value = Double(sign + paddedPoint(digits)), value.isFinite else {
                throw ExpressionError(
                    .invalidLiteral, "\(sign)\(digits) does not fit in a double.", at: range)
            }
            return try node(.literal(.double(value), .double), from: start)
        case .decimal(let digits): return try decimal(sign + digits, range, from: start)
        default: preconditionFailure("number() is called on numbers only")
        }
    }

    /// `.5` and `1.` as `strtod`'s stricter Swift cousin wants them.
    private func paddedPoint(_ digits: String) -> String {
        var text = digits.hasPrefix(".") ? "0" + digits : digits
        for mark in [".e", ".E"] where text.contains(mark) {
            text = text.split(separator: ".", omittingEmptySubsequences: false)
                .joined(separator: ".0")
        }
        return text.hasSuffix(".") ? text + "0" : text
    }

    private func decimal(
        _ text: String, _ range: Range<Int>, from start: Int
    ) throws(ExpressionError) -> Syntax {
        guard let number = DecimalText(text), number.scale <= DataType.decimalPrecisionMax,
            let unscaled = number.unscaled()
        else {
            throw ExpressionError(
                .invalidLiteral,
                "\(text) has more than \(DataType.decimalPrecisionMax) digits: write it as a "
                    + "double, with an exponent or the suffix D.",
                at: range)
        }
        let precision = max(decimalDigits(unscaled), number.scale, 1)
        return try node(
            .literal(
                .decimal(unscaled: unscaled, scale: number.scale),
                .decimal(precision: precision, scale: number.scale)),
            from: start)
    }

    /// Whether the sign at hand belongs to a number with a unit: `INTERVAL 1 day -2 hours`.
    private var signStartsTerm: Bool {
        switch peek().kind {
        case .integer, .decimal, .string: CalendarInterval.isUnit(peek(2).keyword ?? "")
        default: false
        }
    }

    /// `INTERVAL '3' DAY`, `INTERVAL 3 days 2 hours`, `INTERVAL '1 2:3:4' DAY TO SECOND`.
    private mutating func interval(from start: Int) throws(ExpressionError) -> Syntax {
        switch peek().kind {
        case .string, .integer, .decimal, .symbol("-"), .symbol("+"): break
        default: return try name(from: start)
        }
        advance()
        var text = ""
        while true {
            switch current.kind {
            case .string(let value):
                // 'INTERVAL' then a whole interval in quotes, or a number in quotes before a unit.
                text += CalendarInterval.isUnit(peek().keyword ?? "") ? "'\(value)' " : "\(value) "
            case .integer(let digits), .decimal(let digits): text += digits + " "
            case .symbol("-") where signStartsTerm: text += "-"
            case .symbol("+") where signStartsTerm: break
            case .identifier(let word, false)
            where CalendarInterval.isUnit(word) || word.uppercased() == "TO":
                text += word + " "
            default:
                let range = start..<current.range.lowerBound
                do {
                    let interval = try CalendarInterval(parsing: "INTERVAL " + text)
                    while text.hasSuffix(" ") { text.removeLast() }
                    return try node(.interval(interval, text: "INTERVAL \(text)"), from: start)
                } catch {
                    throw ExpressionError(error.code, error.message, at: range)
                }
            }
            advance()
        }
    }
}
