import Columnar

/// What an expression after grouping may refer to: the grouping columns, the window's bounds and
/// the aggregates, which it collects.
struct GroupScope {
    struct Key {
        /// The grouping expression in one spelling.
        let text: String
        /// The name under which `select` and `having` may also refer to it.
        let name: String
        /// The column of the group, or `nil` when the grouping expression is faulty.
        let node: Node?
    }

    struct Window {
        /// The window call in one spelling.
        let text: String
        /// `window`, `session_window` or the alias.
        let name: String
        let startIndex: Int
    }

    var keys: [Key] = []
    var window: Window?
    var firstAggregateIndex = 0
    private(set) var aggregates: [AggregateCall] = []
    private var aggregateIndexByText: [String: Int] = [:]
    /// Whether a grouping expression could not be read: then a missing one is not reported.
    var isIncomplete = false
    /// The expressions that names of output columns stand for, in `having`.
    var aliases: [String: Syntax] = [:]
    /// The text that is being bound.
    var part: QueryPart = .having

    /// The index of an aggregate among the group's columns; equal calls share one.
    mutating func index(of call: AggregateCall) -> Int {
        if let index = aggregateIndexByText[call.text] { return firstAggregateIndex + index }
        aggregates.append(call)
        aggregateIndexByText[call.text] = aggregates.count - 1
        return firstAggregateIndex + aggregates.count - 1
    }

    /// The names that expressions after grouping may use, for messages.
    var names: [String] {
        keys.map { quotedIfNeeded($0.name) }
            + (window.map { ["\($0.name).start", "\($0.name).end"] } ?? [])
    }
}
