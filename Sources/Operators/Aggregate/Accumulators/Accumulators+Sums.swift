import Columnar
import KeyedState

/// `count(*)` and `count(…)`: rows where no argument is null.
///
/// State: `count`.
struct CountAccumulator: Accumulator {
    let stateFields = [Field("count", .long, isNullable: false)]

    func fold(_ input: FoldInput, _ state: [StateColumn]) {
        let counts = unsafe state[0].pointer(as: Int64.self)
        // Safe, here and in every accumulator: slots are live, so below the column's capacity.
        switch input.arguments.count {
        case 0: input.forEach { slot, _ in unsafe counts[slot] += 1 }
        case 1: input.forEachValid(in: 0) { slot, _ in unsafe counts[slot] += 1 }
        default:
            let arguments = input.arguments
            input.forEachValid(in: 0) { slot, row in
                let isCounted = arguments.dropFirst().allSatisfy { argument in
                    if let valid = unsafe argument.validPointer {
                        unsafe valid[row] != 0
                    } else {
                        true
                    }
                }
                if isCounted { unsafe counts[slot] += 1 }
            }
        }
    }

    func merge(
        _ source: Int, into target: Int, _ state: [StateColumn], _ strings: StateStrings
    ) {
        let counts = unsafe state[0].pointer(as: Int64.self)
        unsafe counts[target] += counts[source]
    }

    func finish(
        _ slots: [Int32], _ state: [StateColumn], _ strings: StateStrings
    ) throws(OperatorError) -> Column {
        try state[0].result(at: slots, strings)
    }
}

/// `sum` of integers: a long; overflow is an error, as Spark's ANSI mode.
///
/// State: `sum`, null until there is a value.
struct LongSumAccumulator: Accumulator {
    let text: String
    let stateFields = [Field("sum", .long)]

    func fold(_ input: FoldInput, _ state: [StateColumn]) throws(OperatorError) {
        let sums = unsafe state[0].pointer(as: Int64.self)
        let valid = unsafe state[0].valid
        let values = unsafe input.arguments[0].pointer(as: Int64.self)
        var failed: Int?
        input.forEachValid(in: 0) { slot, row in
            let (sum, overflow) = unsafe sums[slot].addingReportingOverflow(values[row])
            if overflow, failed == nil { failed = row }
            unsafe sums[slot] = sum
            unsafe valid[slot] = 1
        }
        if let failed { throw overflow(sequence: input.sequence(failed)) }
    }

    func merge(
        _ source: Int, into target: Int, _ state: [StateColumn], _ strings: StateStrings
    ) throws(OperatorError) {
        let sums = unsafe state[0].pointer(as: Int64.self)
        let valid = unsafe state[0].valid
        guard unsafe valid[source] != 0 else { return }
        let (sum, isOver) = unsafe sums[target].addingReportingOverflow(sums[source])
        if isOver { throw overflow(sequence: nil) }
        unsafe sums[target] = sum
        unsafe valid[target] = 1
    }

    func finish(
        _ slots: [Int32], _ state: [StateColumn], _ strings: StateStrings
    ) throws(OperatorError) -> Column {
        try state[0].result(at: slots, strings)
    }

    private func overflow(sequence: Int64?) -> OperatorError {
        OperatorError(
            .arithmeticOverflow,
            "\(text) overflows a long; sum a decimal or a double instead: cast the argument",
            sequence: sequence)
    }
}

/// `sum` of doubles, added in row order.
///
/// State: `sum`, null until there is a value.
struct DoubleSumAccumulator: Accumulator {
    let stateFields = [Field("sum", .double)]

    func fold(_ input: FoldInput, _ state: [StateColumn]) {
        let sums = unsafe state[0].pointer(as: Double.self)
        let valid = unsafe state[0].valid
        let values = unsafe input.arguments[0].pointer(as: Double.self)
        input.forEachValid(in: 0) { slot, row in
            unsafe sums[slot] += values[row]
            unsafe valid[slot] = 1
        }
    }

    func merge(
        _ source: Int, into target: Int, _ state: [StateColumn], _ strings: StateStrings
    ) {
        let sums = unsafe state[0].pointer(as: Double.self)
        let valid = unsafe state[0].valid
        guard unsafe valid[source] != 0 else { return }
        unsafe sums[target] += sums[source]
        unsafe valid[target] = 1
    }

    func finish(
        _ slots: [Int32], _ state: [StateColumn], _ strings: StateStrings
    ) throws(OperatorError) -> Column {
        try state[0].result(at: slots, strings)
    }
}

/// `avg` of integers and doubles: a sum of doubles in row order over a count.
///
/// State: `sum`, `count`.
struct DoubleAverageAccumulator: Accumulator {
    let stateFields = [
        Field("sum", .double, isNullable: false), Field("count", .long, isNullable: false),
    ]

    func fold(_ input: FoldInput, _ state: [StateColumn]) {
        let sums = unsafe state[0].pointer(as: Double.self)
        let counts = unsafe state[1].pointer(as: Int64.self)
        let values = unsafe input.arguments[0].pointer(as: Double.self)
        input.forEachValid(in: 0) { slot, row in
            unsafe sums[slot] += values[row]
            unsafe counts[slot] += 1
        }
    }

    func merge(
        _ source: Int, into target: Int, _ state: [StateColumn], _ strings: StateStrings
    ) {
        let sums = unsafe state[0].pointer(as: Double.self)
        let counts = unsafe state[1].pointer(as: Int64.self)
        unsafe sums[target] += sums[source]
        unsafe counts[target] += counts[source]
    }

    func finish(
        _ slots: [Int32], _ state: [StateColumn], _ strings: StateStrings
    ) -> Column {
        let sums = unsafe state[0].pointer(as: Double.self)
        let counts = unsafe state[1].pointer(as: Int64.self)
        return doubles(slots) { slot in
            unsafe counts[slot] == 0 ? nil : unsafe sums[slot] / Double(counts[slot])
        }
    }
}

/// A column of doubles computed slot by slot.
func doubles(_ slots: [Int32], _ value: (_ slot: Int) -> Double?) -> Column {
    var hasNulls = false
    let results = slots.map { slot in
        let result = value(Int(slot))
        if result == nil { hasNulls = true }
        return result
    }
    return Column(
        .double, values: Buffer(copying: results.map { $0 ?? 0 }), count: slots.count,
        validity: hasNulls ? Bitmap(results.map { $0 != nil }) : nil)
}
