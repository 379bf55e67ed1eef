/// How rows are put into windows of time.
public struct WindowPlan: Sendable {
    /// What kind of window, with its lengths.
    public enum Kind: Hashable, Sendable {
        /// Windows `[start, start + duration)` at every multiple of `slide` since the epoch plus
        /// `start`; tumbling when slide and duration are equal. All positive, slide at most
        /// duration, |start| less than slide.
        case sliding(durationMicros: Int64, slideMicros: Int64, startMicros: Int64)
        /// Rows at most `gap` apart share a window.
        case session(gapMicros: Int64)
        /// Sessions whose gap is given row by row by `WindowPlan.gap`, in µs.
        case dynamicSession
    }

    /// The rows' time, a timestamp over the input; rows without one are dropped.
    public let time: BoundExpression
    /// What kind of window.
    public let kind: Kind
    /// For `dynamicSession` the gap in µs as a long over the input.
    public let gap: BoundExpression?
    /// Whether `time` is the query's event-time column itself.
    public let isOnEventTime: Bool
    /// The window as text, in one spelling.
    public let text: String

    /// What the window is, the same for every spelling of its lengths.
    public var meaning: String {
        switch kind {
        case .sliding(let duration, let slide, let start):
            "window \(time.text) \(duration) \(slide) \(start)"
        case .session(let gap): "session_window \(time.text) \(gap)"
        case .dynamicSession: "session_window \(time.text) \(gap?.text ?? "")"
        }
    }

    /// Whether the windows are sessions.
    public var isSession: Bool {
        if case .sliding = kind { false } else { true }
    }
}
