import Expressions

/// What the watermark is compared with to tell late rows and complete groups.
enum Lateness: Equatable, Sendable {
    /// Nothing: no row is late, no group is ever complete.
    case none
    /// The end of the group's window.
    case windowEnd
    /// The key column of this index, which is the event time itself.
    case key(Int)

    /// Whether rows of one window may be late or not.
    var isOfKey: Bool { if case .key = self { true } else { false } }

    init(_ plan: AggregationPlan, eventTimeColumn: Int?) {
        if let window = plan.window, window.isOnEventTime {
            self = .windowEnd
        } else if let eventTimeColumn,
            let index = plan.keys.firstIndex(where: {
                $0.expression.columnIndex == eventTimeColumn
            })
        {
            self = .key(index)
        } else {
            self = .none
        }
    }
}
