import Expressions
import KeyedState

extension AggregateQuery {
    /// The end (µs) of the last window in state; `nil` without windows or without groups.
    public var lastWindowEndMicros: Int64? { windowEnds()?.max() }

    /// The end (µs) of the window in state that closes first; `nil` without windows or groups.
    public var firstWindowEndMicros: Int64? { windowEnds()?.min() }

    /// The ends of the windows in state: the first state column of a windowed query.
    private func windowEnds() -> [Int64]? {
        guard plan.window != nil else { return nil }
        let ends = unsafe state.columns[0].pointer(as: Int64.self)
        // Safe: a live slot lies within the column's capacity.
        return state.liveSlots.map { unsafe ends[Int($0)] }
    }
}
