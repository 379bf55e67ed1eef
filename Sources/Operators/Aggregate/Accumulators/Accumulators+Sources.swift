import Columnar
import Expressions
import KeyedState

/// Any aggregate over a union: one state for each source, put together when the result is wanted.
///
/// How the rows of several sources follow one another depends on where batches end. The rows of
/// one source do not; so each source's rows are folded by themselves, and the states are merged
/// in the order of the sources. Results are then a function of the rows alone.
///
/// State: that of `base`, once for each source.
struct SourcewiseAccumulator: Accumulator {
    let base: any Accumulator
    let sources: Int
    let stateFields: [Field]

    init(_ base: any Accumulator, sources: Int) {
        self.base = base
        self.sources = sources
        stateFields = (0..<sources).flatMap { source in
            base.stateFields.map {
                Field("source\(source).\($0.name)", $0.type, isNullable: $0.isNullable)
            }
        }
    }

    private func part(_ source: Int, _ state: [StateColumn]) -> [StateColumn] {
        let width = base.stateFields.count
        return Array(state[source * width..<(source + 1) * width])
    }

    func fold(_ input: FoldInput, _ state: [StateColumn]) throws(OperatorError) {
        try base.fold(input, part(input.source, state))
    }

    func merge(
        _ source: Int, into target: Int, _ state: [StateColumn], _ strings: StateStrings
    ) throws(OperatorError) {
        for number in 0..<sources {
            try base.merge(source, into: target, part(number, state), strings)
        }
    }

    func finish(
        _ slots: [Int32], _ state: [StateColumn], _ strings: StateStrings
    ) throws(OperatorError) -> Column {
        // Place `i` takes what the sources have for slot `i`, one after the other, from the place
        // behind the last.
        let merged = base.stateFields.map { StateColumn($0, capacity: slots.count + 1) }
        let next = slots.count
        for number in 0..<sources {
            let part = part(number, state)
            for (place, slot) in slots.enumerated() {
                let target = number == 0 ? place : next
                for (column, own) in zip(merged, part) {
                    column.copy(Int(slot), of: own, to: target)
                }
                if number > 0 { try base.merge(next, into: place, merged, strings) }
            }
        }
        return try base.finish(slots.indices.map { Int32($0) }, merged, strings)
    }
}

extension AggregateCall {
    /// Whether the order in which rows are folded may show in the result: in its bits, or in
    /// whether a sum overflows on the way.
    var dependsOnOrder: Bool {
        if isDistinct { return false }
        return switch function {
        case .countAll, .count: false
        // 0.0 and -0.0 are equal, as are all NaN.
        case .min, .max: arguments.first?.type == .double
        default: true
        }
    }
}
