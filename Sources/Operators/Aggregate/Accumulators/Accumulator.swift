import Columnar
import Expressions
import KeyedState

/// One aggregate of a query: which columns its state has, how rows and other states are folded in,
/// and what comes out.
///
/// The state itself lives in the group table, by slot.
protocol Accumulator: Sendable {
    /// The state's columns; names are relative to the aggregate.
    var stateFields: [Field] { get }

    /// Folds rows into their groups, in order.
    func fold(_ input: FoldInput, _ state: [StateColumn]) throws(OperatorError)

    /// Folds the state of one slot into that of another, whose rows come before at equal event
    /// times: sessions that became one, or the sources of a union.
    func merge(_ source: Int, into target: Int, _ state: [StateColumn], _ strings: StateStrings)
        throws(OperatorError)

    /// The results of some slots.
    func finish(
        _ slots: [Int32], _ state: [StateColumn], _ strings: StateStrings
    ) throws(OperatorError) -> Column
}

/// Rows and the slots of the groups that they go to.
///
/// The pointers are valid for the call that the value is passed to; every slot is live and every
/// row lies in the arguments.
@safe struct FoldInput {
    /// How many (slot, row) pairs there are.
    let count: Int
    let slots: UnsafePointer<Int32>
    /// The rows of the pairs, ascending or repeated; `nil` when pair `i` is row `i`.
    let rows: UnsafePointer<Int32>?
    /// The event time of each row, in µs; rows without one have `Int64.min`.
    let times: UnsafePointer<Int64>
    /// The sequence of each row.
    let sequence: (_ row: Int) -> Int64
    /// Which of the sources of a union the rows are of.
    let source: Int
    /// The argument columns, strings already as numbers of `strings`.
    let arguments: [ArgumentValues]
    let strings: StateStrings

    /// Calls `body` for each pair, in order.
    @inline(__always)
    func forEach(_ body: (_ slot: Int, _ row: Int) -> Void) {
        // Safe: the pointers hold `count` elements.
        if let rows = unsafe rows {
            for pair in 0..<count { unsafe body(Int(slots[pair]), Int(rows[pair])) }
        } else {
            for pair in 0..<count { unsafe body(Int(slots[pair]), pair) }
        }
    }

    /// Calls `body` for each pair whose row is not null in `argument`, in order.
    @inline(__always)
    func forEachValid(in argument: Int, _ body: (_ slot: Int, _ row: Int) -> Void) {
        guard let valid = unsafe arguments[argument].validPointer else {
            forEach(body)
            return
        }
        // Safe: there is a validity byte for every row.
        forEach { slot, row in if unsafe valid[row] != 0 { body(slot, row) } }
    }
}

extension StateColumn {
    /// The values of some slots as a result.
    func result(
        at slots: [Int32], _ strings: StateStrings
    ) throws(OperatorError) -> Column {
        do throws(KeyedStateError) {
            return try column(at: slots, strings)
        } catch {
            throw OperatorError(error)
        }
    }
}

/// The accumulator of an aggregate call.
func makeAccumulator(_ call: AggregateCall) -> any Accumulator {
    guard call.isDistinct else { return makePlainAccumulator(call) }
    return DistinctAccumulator(
        types: call.arguments.map(\.type),
        base: call.function == .count ? nil : makePlainAccumulator(call))
}

private func makePlainAccumulator(_ call: AggregateCall) -> any Accumulator {
    let argument = call.arguments.first?.type ?? .long
    switch call.function {
    case .countAll: return CountAccumulator()
    case .count: return CountAccumulator()
    case .sum:
        switch argument {
        case .decimal(_, let scale):
            return DecimalSumAccumulator(scale: scale, result: call.type, text: call.text)
        case .double: return DoubleSumAccumulator()
        default: return LongSumAccumulator(text: call.text)
        }
    case .avg:
        if case .decimal(_, let scale) = argument {
            return DecimalAverageAccumulator(scale: scale, result: call.type, text: call.text)
        }
        return DoubleAverageAccumulator()
    case .min: return ExtremumAccumulator(type: argument, isMax: false)
    case .max: return ExtremumAccumulator(type: argument, isMax: true)
    case .first(let ignoreNulls):
        return FirstLastAccumulator(type: argument, isLast: false, ignoreNulls: ignoreNulls)
    case .last(let ignoreNulls):
        return FirstLastAccumulator(type: argument, isLast: true, ignoreNulls: ignoreNulls)
    case .minBy:
        return ExtremumByAccumulator(type: argument, order: call.arguments[1].type, isMax: false)
    case .maxBy:
        return ExtremumByAccumulator(type: argument, order: call.arguments[1].type, isMax: true)
    case .stddevSamp: return MomentAccumulator(.stddevSamp)
    case .stddevPop: return MomentAccumulator(.stddevPop)
    case .varSamp: return MomentAccumulator(.varSamp)
    case .varPop: return MomentAccumulator(.varPop)
    }
}
