import Columnar
import Expressions
import KeyedState

/// Turns input blocks into prepared ones: filter, keys, window times, arguments.
///
/// Holds no state, so any number of threads may prepare at once.
struct BlockPreparation: Sendable {
    /// The aggregates under one `FILTER` condition, or under none.
    private struct Domain {
        let filter: BoundExpression?
        var arguments: [BoundExpression] = []
        var isTimed = false
    }

    /// Where an aggregate finds its rows and arguments.
    struct AggregateInput: Sendable {
        let domain: Int
        let arguments: [Int]
    }

    private let plan: AggregationPlan
    private let eventTimeColumn: Int?
    private let domains: [Domain]
    /// The columns that are read after the filter.
    private let isNeeded: [Bool]
    /// One for each aggregate of the plan.
    let aggregateInputs: [AggregateInput]

    init(plan: AggregationPlan, eventTimeColumn: Int?) {
        self.plan = plan
        self.eventTimeColumn = eventTimeColumn
        var domains = [Domain(filter: nil)]
        var inputs: [AggregateInput] = []
        for call in plan.aggregates {
            var domain = 0
            if let filter = call.filter {
                let known = domains.firstIndex { $0.filter?.text == filter.text }
                domain = known ?? domains.count
                if known == nil { domains.append(Domain(filter: filter)) }
            }
            let arguments = call.arguments.map { argument in
                if let known = domains[domain].arguments.firstIndex(where: {
                    $0.text == argument.text && $0.type == argument.type
                }) {
                    return known
                }
                domains[domain].arguments.append(argument)
                return domains[domain].arguments.count - 1
            }
            switch call.function {
            case .first, .last, .minBy, .maxBy: domains[domain].isTimed = true
            default: break
            }
            inputs.append(AggregateInput(domain: domain, arguments: arguments))
        }
        self.domains = domains
        aggregateInputs = inputs
        var needed = [Bool](repeating: false, count: plan.input.count)
        var expressions = plan.keys.map(\.expression)
        if let window = plan.window {
            expressions += [window.time] + [window.gap].compactMap(\.self)
        }
        for domain in domains {
            expressions += domain.arguments + [domain.filter].compactMap(\.self)
        }
        for index in expressions.flatMap(\.columns) { needed[index] = true }
        if let eventTimeColumn { needed[eventTimeColumn] = true }
        isNeeded = needed
    }

    func prepare(
        _ block: InputBlock, _ context: EvaluationContext
    ) throws(OperatorError) -> PreparedBlock {
        var selection = Selection(block, isNeeded)
        if let filter = plan.filter {
            selection.keep(try selection.select(filter, context))
        }
        var windowTimes: Column?
        var sessionEnds: Buffer?
        if let window = plan.window {
            var times = try selection.evaluate(window.time, context)
            if let valid = times.validity, valid.setBitCount < times.count {
                selection.keep(valid)
                times = times.filter(valid)
            }
            if window.isSession {
                let ends = try self.sessionEnds(window, &selection, &times, context)
                sessionEnds = ends
            }
            windowTimes = times.withValidity(nil)
        }
        let keys = try evaluate(plan.keys.map(\.expression), selection, context)
        var prepared: [PreparedDomain] = []
        for domain in domains {
            prepared.append(try prepare(domain, selection, windowTimes, context))
        }
        return PreparedBlock(
            inputCount: block.batch.count, count: selection.count,
            firstSequence: block.firstSequence, lane: block.lane, rows: selection.rows,
            keys: keys,
            keyIDs: BlockKeyIDs(keys, count: selection.count),
            windowTimes: windowTimes, sessionEnds: sessionEnds, domains: prepared)
    }

    private func evaluate(
        _ expressions: [BoundExpression], _ selection: Selection, _ context: EvaluationContext
    ) throws(OperatorError) -> [Column] {
        var columns: [Column] = []
        for expression in expressions {
            columns.append(try selection.evaluate(expression, context))
        }
        return columns
    }

    private func prepare(
        _ domain: Domain, _ selection: Selection, _ windowTimes: Column?,
        _ context: EvaluationContext
    ) throws(OperatorError) -> PreparedDomain {
        var own = selection
        own.rows = nil
        var positions: [Int32] = []
        if let filter = domain.filter {
            own.keep(try selection.select(filter, context))
            if let rows = own.rows {
                positions = [Int32](repeating: -1, count: selection.count)
                for (position, row) in rows.enumerated() { positions[Int(row)] = Int32(position) }
            }
        }
        var arguments: [ArgumentValues] = []
        for argument in domain.arguments {
            let column: Column
            do throws(ExpressionError) {
                column = try argument.evaluate(own.batch, context)
            } catch {
                let row = error.row.map { Int(own.rows?[$0] ?? Int32($0)) }
                throw selection.failure(error, row: row)
            }
            arguments.append(ArgumentValues(column))
        }
        var times = Buffer.empty
        if domain.isTimed {
            var column = eventTimeColumn.map { own.batch.columns[$0] }
            if column == nil, let windowTimes {
                column = own.rows.map { windowTimes.gather($0) } ?? windowTimes
            }
            times = orderingTimes(column, count: own.count)
        }
        return PreparedDomain(
            rows: own.rows, positions: positions, times: times, arguments: arguments)
    }

    /// The end of each row's own session, `time + gap`; rows whose gap is null or not positive are
    /// dropped.
    private func sessionEnds(
        _ window: WindowPlan, _ selection: inout Selection, _ times: inout Column,
        _ context: EvaluationContext
    ) throws(OperatorError) -> Buffer {
        var fixedGap: Int64 = 0
        var gaps: Column?
        if case .session(let gapMicros) = window.kind {
            fixedGap = gapMicros
        } else if let expression = window.gap {
            var column = try selection.evaluate(expression, context)
            let isPositive = Bitmap(
                (0..<column.count).map { !column.isNull($0) && column.int64s[$0] > 0 })
            if isPositive.setBitCount < column.count {
                selection.keep(isPositive)
                times = times.filter(isPositive)
                column = column.filter(isPositive)
            }
            gaps = column
        }
        var failed: Int?
        let starts = times.int64s
        let ends = Buffer(of: Int64.self, count: times.count) { output in
            for row in 0..<times.count {
                let gap = gaps.map { $0.int64s[row] } ?? fixedGap
                let (end, overflow) = starts[row].addingReportingOverflow(gap)
                if overflow, failed == nil { failed = row }
                output.append(end)
            }
        }
        if let failed { throw windowOutOfRange(selection.sequence(failed)) }
        return ends
    }
}

/// The event times by which rows are ordered: a null is before every time, no column means that
/// the sequence alone decides.
private func orderingTimes(_ column: Column?, count: Int) -> Buffer {
    guard let column else {
        return Buffer(of: Int64.self, count: count) { $0.append(repeating: 0, count: count) }
    }
    if column.validity == nil { return column.values }
    let times = column.int64s
    return Buffer(of: Int64.self, count: count) { output in
        for row in 0..<count { output.append(column.isNull(row) ? .min : times[row]) }
    }
}

func windowOutOfRange(_ sequence: Int64) -> OperatorError {
    OperatorError(
        .datetimeOverflow,
        "the row's window would start or end outside what a timestamp can hold; filter such "
            + "times out with `where`, or clear the job and give the window a shorter duration",
        sequence: sequence)
}
