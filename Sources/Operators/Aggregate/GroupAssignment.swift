import Expressions

/// The groups that an aggregation's plan asks for.
func makeGroupAssigner(_ plan: AggregationPlan, _ groups: Groups) -> any GroupAssigner {
    guard let window = plan.window else { return KeyAssigner(groups) }
    switch window.kind {
    case .sliding(let duration, let slide, let start):
        let windows = FixedWindow(duration: duration, slide: slide, startTime: start)
        return windows.windowsPerRow == 1
            ? TumblingAssigner(windows, groups) : SlidingAssigner(windows, groups)
    case .session, .dynamicSession: return SessionAssigner(groups)
    }
}
