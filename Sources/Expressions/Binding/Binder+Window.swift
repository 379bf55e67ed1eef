import Columnar

extension Binder {
    /// `window(time, duration[, slide[, start]])` or `session_window(time, gap)` in `groupBy`.
    mutating func bindWindow(
        _ call: Syntax.Call, eventTimeIndex: Int?, _ syntax: Syntax
    ) -> WindowPlan? {
        let isSession = FunctionNames.canonical(call.name) == "session_window"
        let arity = isSession ? 2...2 : 2...4
        guard arity.contains(call.arguments.count), !call.isStar, !call.isDistinct else {
            _ = report(
                .wrongNumArgs,
                isSession
                    ? "session_window takes a time and a gap: session_window(time, '5 minutes')."
                    : "window takes a time, a duration and optionally a slide and a start: "
                        + "window(time, '1 minute', '10 seconds').",
                at: syntax.range)
            return nil
        }
        let time = bindWindowTime(call.arguments[0])
        let shape = isSession ? sessionShape(call) : slidingShape(call, syntax)
        guard let time, let shape else { return nil }
        var isOnEventTime = false
        if case .column(let index) = time.operation { isOnEventTime = index == eventTimeIndex }
        return WindowPlan(
            time: BoundExpression(time), kind: shape.kind, gap: shape.gap,
            isOnEventTime: isOnEventTime, text: text(syntax))
    }

    private mutating func bindWindowTime(_ syntax: Syntax) -> Node? {
        guard let node = bind(syntax) else { return nil }
        guard node.type == .timestamp || node.type == .date else {
            return report(
                .datatypeMismatch,
                "A window is over a timestamp, '\(node.text)' is \(node.type.withArticle): use "
                    + "CAST(… AS TIMESTAMP) or timestamp_millis(…).",
                at: syntax.range)
        }
        return cast(node, to: .timestamp)
    }

    private mutating func slidingShape(
        _ call: Syntax.Call, _ syntax: Syntax
    ) -> (kind: WindowPlan.Kind, gap: BoundExpression?)? {
        let lengths = call.arguments.dropFirst().map { windowLength($0) }
        guard let duration = lengths[0], !lengths.contains(where: { $0 == nil }) else {
            return nil
        }
        let slide = lengths.count > 1 ? lengths[1] ?? duration : duration
        let start = lengths.count > 2 ? lengths[2] ?? 0 : 0
        func fault(_ argument: Int, _ message: String) {
            let index = min(argument, call.arguments.count - 1)
            _ = report(.invalidWindow, message, at: call.arguments[index].range)
        }
        if duration <= 0 { fault(1, "A window's duration must be positive.") }
        if slide <= 0, lengths.count > 1 { fault(2, "A window's slide must be positive.") }
        guard duration > 0, slide > 0 else { return nil }
        if slide > duration {
            fault(2, "A window's slide must not be longer than its duration: rows would get lost.")
            return nil
        }
        guard start.magnitude < slide.magnitude else {
            fault(3, "A window's start must be shorter than its slide, in both directions.")
            return nil
        }
        let panes = (duration - 1) / slide + 1
        guard panes <= Self.windowsPerRowMax else {
            fault(
                2,
                "Each row would be in \(panes) windows, at most \(Self.windowsPerRowMax) are "
                    + "possible: use a longer slide.")
            return nil
        }
        return (
            .sliding(durationMicros: duration, slideMicros: slide, startMicros: start), nil
        )
    }

    /// A bound on the memory that one row can ask for.
    static let windowsPerRowMax: Int64 = 100_000

    private mutating func sessionShape(
        _ call: Syntax.Call
    ) -> (kind: WindowPlan.Kind, gap: BoundExpression?)? {
        let argument = call.arguments[1]
        if let interval = constantInterval(argument) {
            guard let gap = windowLength(argument, interval) else { return nil }
            guard gap > 0 else {
                _ = report(
                    .invalidWindow, "A session's gap must be positive.", at: argument.range)
                return nil
            }
            return (.session(gapMicros: gap), nil)
        }
        guard let gap = bindGap(argument) else { return nil }
        return (.dynamicSession, BoundExpression(gap))
    }

    /// A gap computed row by row: CASE, IF or COALESCE over intervals or interval texts, or a
    /// string column.
    private mutating func bindGap(_ syntax: Syntax) -> Node? {
        if let rewritten = microsOfIntervals(syntax) {
            return bind(rewritten).flatMap { cast($0, to: .long) }
        }
        guard let node = bind(syntax) else { return nil }
        guard node.type == .string else {
            return report(
                .datatypeMismatch,
                "A session's gap is an interval or its text, '\(node.text)' is \(node.type.withArticle).",
                at: syntax.range)
        }
        return make(.function(.intervalMicros), [node], .long, syntax)
    }

    /// CASE, IF and COALESCE whose results are all constant intervals, with their microseconds in
    /// place of the intervals.
    private func microsOfIntervals(_ syntax: Syntax) -> Syntax? {
        func micros(_ result: Syntax) -> Syntax? {
            if let nested = microsOfIntervals(result) { return nested }
            guard let length = (try? constantInterval(result)?.get())?.fixedMicros else {
                return nil
            }
            return Syntax(.literal(.long(length), .long), at: result.range)
        }
        switch syntax.kind {
        case .caseWhen(let operand, let branches, let otherwise):
            let results = branches.map { micros($0.result) }
            let last = otherwise.flatMap { micros($0) }
            guard !results.contains(where: { $0 == nil }), (otherwise == nil) == (last == nil)
            else { return nil }
            let rewritten = zip(branches, results).compactMap { branch, result in
                result.map { Syntax.Branch(condition: branch.condition, result: $0) }
            }
            return Syntax(
                .caseWhen(operand: operand, rewritten, otherwise: last), at: syntax.range)
        case .call(let call)
        where FunctionNames.canonical(call.name) == "if"
            && call.arguments.count == 3:
            guard let yes = micros(call.arguments[1]), let no = micros(call.arguments[2]) else {
                return nil
            }
            var copy = call
            copy.arguments = [call.arguments[0], yes, no]
            return Syntax(.call(copy), at: syntax.range)
        default: return nil
        }
    }

    // MARK: Lengths

    /// The interval that a string or INTERVAL literal is; `nil` for anything else.
    func constantInterval(_ syntax: Syntax) -> Result<CalendarInterval, ExpressionError>? {
        switch syntax.kind {
        case .interval(let interval, _): return .success(interval)
        case .literal(.string(let text), _):
            return Result { () throws(ExpressionError) in try parseInterval(text) }
        default: return nil
        }
    }

    private mutating func windowLength(_ syntax: Syntax) -> Int64? {
        guard let interval = constantInterval(syntax) else {
            _ = report(
                .invalidWindow, "A window's length is a constant such as '1 minute'.",
                at: syntax.range)
            return nil
        }
        return windowLength(syntax, interval)
    }

    private mutating func windowLength(
        _ syntax: Syntax, _ interval: Result<CalendarInterval, ExpressionError>
    ) -> Int64? {
        switch interval {
        case .failure(let error):
            _ = report(error.code, error.message, at: syntax.range)
            return nil
        case .success(let interval):
            guard interval.months == 0 else {
                _ = report(
                    .invalidWindow,
                    "Intervals greater than a month are not supported in windows, because months "
                        + "have no fixed length: use days.",
                    at: syntax.range)
                return nil
            }
            guard let micros = interval.fixedMicros else {
                _ = report(
                    .invalidWindow,
                    "The interval is too long: a window is at most 106751991 days, which 64 bits "
                        + "of microseconds hold.", at: syntax.range)
                return nil
            }
            return micros
        }
    }
}
