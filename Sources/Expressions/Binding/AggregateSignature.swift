/// The aggregates by name: how many arguments they take and of which types.
enum AggregateSignature {
    static let names: [String] = [
        "any_value", "avg", "bool_and", "bool_or", "count", "count_if", "first", "last", "max",
        "max_by", "min", "min_by", "stddev_pop", "stddev_samp", "sum", "var_pop", "var_samp",
    ]

    /// The aggregates that may be asked for each distinct value once.
    static let takesDistinct = [
        "avg", "count", "max", "min", "stddev_pop", "stddev_samp", "sum", "var_pop", "var_samp",
    ]

    static func isAggregate(_ name: String) -> Bool {
        names.contains(FunctionNames.canonical(name))
    }

    /// The numbers of arguments that an aggregate takes.
    static func arity(of name: String) -> ClosedRange<Int> {
        switch name {
        case "min_by", "max_by": 2...2
        case "first", "last", "any_value": 1...2
        case "count": 1...64
        default: 1...1
        }
    }
}

extension Syntax {
    /// Whether the tree has a call of an aggregate.
    var containsAggregate: Bool {
        if case .call(let call) = kind, AggregateSignature.isAggregate(call.name) { return true }
        return children.contains(where: \.containsAggregate)
    }
}
