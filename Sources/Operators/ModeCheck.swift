import Columnar
public import Expressions

/// Says whether a query can work in an output mode (semantics, section 6).
///
/// - Parameters:
///   - plan: what the query computes.
///   - mode: the mode asked for.
///   - watermarkColumn: the column of the plan's input that has a watermark, if one has.
///   - upstream: the output mode of the query that this one reads, `nil` for a source.
///   - allowsSessionUpdate: whether the job opted into `update` for session windows, which Spark
///     refuses.
/// - Returns: every fault, with its remedy; empty when the query can work.
public func check(
    _ plan: QueryPlan, mode: OutputMode, watermarkColumn: Int?, upstream: OutputMode? = nil,
    allowsSessionUpdate: Bool = false
) -> [OperatorError] {
    var errors: [OperatorError] = []
    let fault = { (message: String) in
        errors.append(OperatorError(.unsupportedOutputMode, message))
    }
    switch plan {
    case .projection:
        if mode == .complete {
            fault(
                "outputMode `complete` needs an aggregation: without one the result would be every "
                    + "row ever read; use `append`")
        }
    case .aggregation(let plan):
        if let watermarkColumn, plan.input[watermarkColumn].type != .timestamp {
            let field = plan.input[watermarkColumn]
            errors.append(
                OperatorError(
                    .eventTimeNotTimestamp,
                    "the watermark's column \(field.name) is of type \(field.type); it must be a "
                        + "timestamp"))
        }
        checkAggregation(plan, mode, watermarkColumn, fault)
        if let window = plan.window, window.isSession {
            checkSession(plan, mode, allowsUpdate: allowsSessionUpdate, fault)
        }
        if let upstream, upstream != .append {
            fault(
                "an aggregation reads a query of outputMode `\(upstream.rawValue)`, whose rows "
                    + "repeat groups as they change; give that query outputMode `append`")
        }
    }
    return errors
}

/// Says whether a query can leave duplicates out (semantics, section 6).
///
/// - Parameters:
///   - deduplication: which rows are duplicates.
///   - watermarkColumn: the column of the query's input that has a watermark, if one has.
///   - upstream: the output mode of the query that this one reads, `nil` for a source.
/// - Returns: every fault, with its remedy; empty when the query can work.
public func check(
    _ deduplication: Deduplication, watermarkColumn: Int?, upstream: OutputMode?
) -> [OperatorError] {
    var errors: [OperatorError] = []
    if deduplication.isWithinWatermark, watermarkColumn == nil {
        errors.append(
            OperatorError(
                .unsupportedOutputMode,
                "`dropDuplicatesWithinWatermark` needs a watermark, which says how long rows are "
                    + "remembered; declare `watermark`, or use `dropDuplicates`"))
    }
    if let upstream, upstream != .append {
        errors.append(
            OperatorError(
                .unsupportedOutputMode,
                "duplicates are looked for in a query of outputMode `\(upstream.rawValue)`, whose "
                    + "rows repeat groups as they change; give that query outputMode `append`"))
    }
    return errors
}

private func checkAggregation(
    _ plan: AggregationPlan, _ mode: OutputMode, _ watermarkColumn: Int?,
    _ fault: (String) -> Void
) {
    guard mode == .append else { return }
    guard let watermarkColumn else {
        fault(
            "outputMode `append` of an aggregation needs a watermark: without one no group is ever "
                + "complete; declare `watermark`, or use `update` or `complete`")
        return
    }
    if Lateness(plan, eventTimeColumn: watermarkColumn) == .none {
        let name = plan.input[watermarkColumn].name
        fault(
            "outputMode `append` needs a group that ends: group by a window over the watermark's "
                + "column, such as window(\(name), '1 minute'), or by \(name) itself, or use "
                + "`update` or `complete`")
    }
}

private func checkSession(
    _ plan: AggregationPlan, _ mode: OutputMode, allowsUpdate: Bool, _ fault: (String) -> Void
) {
    if mode == .update && !allowsUpdate {
        fault(
            "outputMode `update` is not supported for session windows, as in Spark; use `append` "
                + "or `complete`, or opt in with `sessionUpdate`")
    }
    if plan.keys.isEmpty {
        fault(
            "a session window needs another grouping column, as in Spark; add one to groupBy, such "
                + "as the symbol")
    }
}
