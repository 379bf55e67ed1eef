import Columnar

/// Reads Spark SQL expressions by precedence climbing.
///
/// Lowest to highest: OR, AND, NOT, predicates (`IN`, `BETWEEN`, `LIKE`, `IS`), comparisons,
/// `+ - ||`, `* / % div`, sign, `::` and field access.
struct Parser {
    private let tokens: [Token]
    private var index = 0
    private var depth = 0

    private init(_ text: String) throws(ExpressionError) { tokens = try Lexer.tokens(of: text) }

    /// Parses a whole text as one expression.
    static func expression(_ text: String) throws(ExpressionError) -> Syntax {
        var parser = try Parser(text)
        let syntax = try parser.expression()
        try parser.expectEnd()
        return syntax
    }

    /// Parses `expression`, `expression AS name`, `expression name` or `*`.
    static func namedExpression(_ text: String) throws(ExpressionError) -> NamedSyntax {
        var parser = try Parser(text)
        if parser.current.kind == .symbol("*") {
            let star = Syntax(.star, at: parser.current.range)
            parser.advance()
            try parser.expectEnd()
            return NamedSyntax(expression: star, alias: nil)
        }
        let syntax = try parser.expression()
        let hasAs = parser.take(keyword: "AS")
        var alias: String?
        if case .identifier(let name, _) = parser.current.kind {
            alias = name
            parser.advance()
        } else if hasAs {
            throw parser.unexpected("a name after AS")
        }
        try parser.expectEnd()
        return NamedSyntax(expression: syntax, alias: alias)
    }

    // MARK: Tokens

    var current: Token { tokens[index] }

    func peek(_ ahead: Int = 1) -> Token { tokens[min(index + ahead, tokens.count - 1)] }

    /// Where the last consumed word ends.
    private var previousEnd: Int { index == 0 ? 0 : tokens[index - 1].range.upperBound }

    mutating func advance() { index = min(index + 1, tokens.count - 1) }

    mutating func take(symbol: String) -> Bool {
        guard current.kind == .symbol(symbol) else { return false }
        advance()
        return true
    }

    mutating func take(keyword: String) -> Bool {
        guard current.keyword == keyword else { return false }
        advance()
        return true
    }

    mutating func expect(symbol: String) throws(ExpressionError) {
        guard take(symbol: symbol) else { throw unexpected("'\(symbol)'") }
    }

    mutating func expect(keyword: String) throws(ExpressionError) {
        guard take(keyword: keyword) else { throw unexpected(keyword) }
    }

    private func expectEnd() throws(ExpressionError) {
        guard current.kind == .end else { throw unexpected("an operator or the end of the text") }
    }

    func unexpected(_ expected: String) -> ExpressionError {
        let found = current.kind == .end ? current.text : "'\(current.text)'"
        return ExpressionError(
            .parseSyntaxError, "Expected \(expected), found \(found).", at: current.range)
    }

    /// A node from `start` to the last consumed word.
    func node(_ kind: Syntax.Kind, from start: Int) throws(ExpressionError) -> Syntax {
        let syntax = Syntax(kind, at: start..<previousEnd)
        guard syntax.depth <= Syntax.depthMax else { throw tooDeep(at: syntax.range) }
        return syntax
    }

    private func tooDeep(at range: Range<Int>) -> ExpressionError {
        ExpressionError(
            .limitExceeded,
            "An expression may be nested at most \(Syntax.depthMax) levels deep; a chain of "
                + "operators counts one level an operator. Use IN (…), CASE, or parentheses that "
                + "balance the chain.",
            at: range)
    }

    // MARK: Operators

    mutating func expression() throws(ExpressionError) -> Syntax {
        depth += 1
        defer { depth -= 1 }
        guard depth <= Syntax.depthMax else { throw tooDeep(at: current.range) }
        let start = current.range.lowerBound
        var left = try conjunction()
        while take(keyword: "OR") {
            let right = try conjunction()
            left = try node(.binary(.or, left, right), from: start)
        }
        return left
    }

    private mutating func conjunction() throws(ExpressionError) -> Syntax {
        let start = current.range.lowerBound
        var left = try negation()
        while take(keyword: "AND") {
            let right = try negation()
            left = try node(.binary(.and, left, right), from: start)
        }
        return left
    }

    private mutating func negation() throws(ExpressionError) -> Syntax {
        let start = current.range.lowerBound
        if current.keyword == "NOT" || current.kind == .symbol("!") {
            depth += 1
            defer { depth -= 1 }
            guard depth <= Syntax.depthMax else { throw tooDeep(at: current.range) }
            advance()
            return try node(.unary(.not, try negation()), from: start)
        }
        var left = try comparison()
        while let predicate = try predicate(on: left, from: start) { left = predicate }
        return left
    }

    private mutating func predicate(
        on left: Syntax, from start: Int
    ) throws(ExpressionError) -> Syntax? {
        if take(keyword: "IS") { return try isPredicate(on: left, from: start) }
        let isNegated =
            current.keyword == "NOT"
            && ["IN", "BETWEEN", "LIKE"].contains(peek().keyword ?? "")
        if isNegated { advance() }
        if take(keyword: "IN") {
            try expect(symbol: "(")
            var list = [try expression()]
            while take(symbol: ",") { list.append(try expression()) }
            try expect(symbol: ")")
            return try node(.inList(left, list, isNegated: isNegated), from: start)
        }
        if take(keyword: "BETWEEN") {
            let low = try comparison()
            try expect(keyword: "AND")
            let high = try comparison()
            return try node(
                .between(left, low: low, high: high, isNegated: isNegated), from: start)
        }
        if take(keyword: "LIKE") {
            let pattern = try comparison()
            let escape = take(keyword: "ESCAPE") ? try escapeCharacter() : "\\"
            return try node(
                .like(left, pattern: pattern, escape: escape, isNegated: isNegated), from: start)
        }
        return nil
    }

    private mutating func escapeCharacter() throws(ExpressionError) -> Character {
        guard case .string(let text) = current.kind, text.unicodeScalars.count == 1,
            let character = text.first
        else { throw unexpected("a string of one character after ESCAPE") }
        advance()
        return character
    }

    private mutating func isPredicate(
        on left: Syntax, from start: Int
    ) throws(ExpressionError) -> Syntax {
        let isNegated = take(keyword: "NOT")
        if take(keyword: "DISTINCT") {
            try expect(keyword: "FROM")
            let right = try comparison()
            return try node(.isDistinctFrom(left, right, isNegated: isNegated), from: start)
        }
        guard let truth = current.keyword.flatMap(Syntax.Truth.init(rawValue:)) else {
            throw unexpected("NULL, TRUE, FALSE, UNKNOWN or DISTINCT FROM")
        }
        advance()
        return try node(.isTruth(left, truth, isNegated: isNegated), from: start)
    }

    private static let comparisons: [String: Syntax.Binary] = [
        "=": .equal, "==": .equal, "<=>": .equalNullSafe, "<>": .notEqual, "!=": .notEqual,
        "<": .less, "<=": .lessOrEqual, ">": .greater, ">=": .greaterOrEqual,
    ]
    private static let sums: [String: Syntax.Binary] = [
        "+": .add, "-": .subtract, "||": .concatenate,
    ]
    private static let products: [String: Syntax.Binary] = [
        "*": .multiply, "/": .divide, "%": .remainder,
    ]

    private mutating func take(_ operators: [String: Syntax.Binary]) -> Syntax.Binary? {
        guard case .symbol(let symbol) = current.kind, let found = operators[symbol] else {
            return nil
        }
        advance()
        return found
    }

    private mutating func comparison() throws(ExpressionError) -> Syntax {
        let start = current.range.lowerBound
        var left = try sum()
        while let found = take(Self.comparisons) {
            let right = try sum()
            left = try node(.binary(found, left, right), from: start)
        }
        return left
    }

    private mutating func sum() throws(ExpressionError) -> Syntax {
        let start = current.range.lowerBound
        var left = try product()
        while let found = take(Self.sums) {
            let right = try product()
            left = try node(.binary(found, left, right), from: start)
        }
        return left
    }

    private mutating func product() throws(ExpressionError) -> Syntax {
        let start = current.range.lowerBound
        var left = try signed()
        while true {
            let found = take(keyword: "DIV") ? .integralDivide : take(Self.products)
            guard let found else { return left }
            let right = try signed()
            left = try node(.binary(found, left, right), from: start)
        }
    }

    private mutating func signed() throws(ExpressionError) -> Syntax {
        let start = current.range.lowerBound
        guard current.kind == .symbol("-") || current.kind == .symbol("+") else {
            return try postfix()
        }
        let sign: Syntax.Unary = current.kind == .symbol("-") ? .minus : .plus
        advance()
        if sign == .minus, let number = try negativeNumber(from: start) {
            return try postfix(of: number, from: start)
        }
        depth += 1
        defer { depth -= 1 }
        guard depth <= Syntax.depthMax else { throw tooDeep(at: current.range) }
        return try node(.unary(sign, try signed()), from: start)
    }

    private mutating func postfix() throws(ExpressionError) -> Syntax {
        let start = current.range.lowerBound
        return try postfix(of: try primary(), from: start)
    }

    /// `::type` and `.field` after an operand.
    private mutating func postfix(
        of operand: Syntax, from start: Int
    ) throws(ExpressionError) -> Syntax {
        var left = operand
        while true {
            if take(symbol: "::") {
                left = try node(.cast(left, try dataType(), isTry: false), from: start)
            } else if current.kind == .symbol("."),
                case .identifier(let name, _) = peek().kind
            {
                advance()
                advance()
                left = try node(.field(left, name), from: start)
            } else {
                return left
            }
        }
    }
}
