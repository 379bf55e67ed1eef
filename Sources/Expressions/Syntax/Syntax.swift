import Columnar

/// An expression as parsed: no types, no columns yet; every node knows its place in the text.
struct Syntax: Sendable {
    enum Unary: String, Sendable {
        case minus = "-"
        case plus = "+"
        case not = "NOT"
    }

    enum Binary: String, Sendable {
        case or = "OR"
        case and = "AND"
        case equal = "="
        case equalNullSafe = "<=>"
        case notEqual = "<>"
        case less = "<"
        case lessOrEqual = "<="
        case greater = ">"
        case greaterOrEqual = ">="
        case add = "+"
        case subtract = "-"
        case concatenate = "||"
        case multiply = "*"
        case divide = "/"
        case integralDivide = "div"
        case remainder = "%"
    }

    /// What `IS [NOT]` asks for.
    enum Truth: String, Sendable {
        case null = "NULL"
        case `true` = "TRUE"
        case `false` = "FALSE"
        case unknown = "UNKNOWN"
    }

    struct Call: Sendable {
        let name: String
        let nameRange: Range<Int>
        var arguments: [Syntax]
        var isDistinct = false
        /// `count(*)`.
        var isStar = false
        /// `IGNORE NULLS` / `RESPECT NULLS` after the parentheses.
        var ignoresNulls: Bool?
        var filter: Syntax?
    }

    struct Branch: Sendable {
        let condition: Syntax
        let result: Syntax
    }

    indirect enum Kind: Sendable {
        /// A name of one or several parts: `price`, `window.start`.
        case name([String])
        case star
        case literal(Value, DataType?)
        case interval(CalendarInterval, text: String)
        case unary(Unary, Syntax)
        case binary(Binary, Syntax, Syntax)
        case isTruth(Syntax, Truth, isNegated: Bool)
        case isDistinctFrom(Syntax, Syntax, isNegated: Bool)
        case inList(Syntax, [Syntax], isNegated: Bool)
        case between(Syntax, low: Syntax, high: Syntax, isNegated: Bool)
        case like(Syntax, pattern: Syntax, escape: Character, isNegated: Bool)
        case caseWhen(operand: Syntax?, [Branch], otherwise: Syntax?)
        case cast(Syntax, DataType, isTry: Bool)
        case call(Call)
        /// `expression.field`, for `window(…).start`.
        case field(Syntax, String)
    }

    let kind: Kind
    let range: Range<Int>
    /// The height of the tree, bounded so that walking it cannot exhaust the stack.
    let depth: Int

    static let depthMax = 200

    init(_ kind: Kind, at range: Range<Int>) {
        self.kind = kind
        self.range = range
        depth = 1 + (Self.children(of: kind).map(\.depth).max() ?? 0)
    }

    /// Whether this is a column's name and nothing else.
    var isName: Bool {
        switch kind {
        case .name, .field: true
        default: false
        }
    }

    /// The nodes directly below, in the order of the text.
    var children: [Syntax] { Self.children(of: kind) }

    private static func children(of kind: Kind) -> [Syntax] {
        switch kind {
        case .name, .star, .literal, .interval: []
        case .unary(_, let operand), .isTruth(let operand, _, _), .cast(let operand, _, _),
            .field(let operand, _):
            [operand]
        case .binary(_, let left, let right), .isDistinctFrom(let left, let right, _),
            .like(let left, let right, _, _):
            [left, right]
        case .inList(let operand, let list, _): [operand] + list
        case .between(let operand, let low, let high, _): [operand, low, high]
        case .caseWhen(let operand, let branches, let otherwise):
            [operand, otherwise].compactMap { $0 }
                + branches.flatMap { [$0.condition, $0.result] }
        case .call(let call): call.arguments + (call.filter.map { [$0] } ?? [])
        }
    }
}

/// An expression with the name that `AS` gives it.
struct NamedSyntax: Sendable {
    let expression: Syntax
    let alias: String?
}
