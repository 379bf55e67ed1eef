import Columnar
import KeyedState

/// `first` and `last`: the value of the row with the smallest or largest (event time, sequence),
/// null or not; with `ignoreNulls` only rows that have a value count.
///
/// State: `time` of that row (null until there is one), `value`.
///
/// The sequence needs no column: rows are folded in its order, so of equal times the row at hand
/// is later than the one in the state.
struct FirstLastAccumulator: Accumulator {
    let type: DataType
    let isLast: Bool
    let ignoreNulls: Bool
    let stateFields: [Field]

    init(type: DataType, isLast: Bool, ignoreNulls: Bool) {
        self.type = type
        self.isLast = isLast
        self.ignoreNulls = ignoreNulls
        stateFields = [Field("time", .timestamp), Field("value", type)]
    }

    func fold(_ input: FoldInput, _ state: [StateColumn]) {
        switch type.layout {
        case .bits: fold(input, state, UInt8.self)
        case .int32, .dictionary: fold(input, state, Int32.self)
        // The bits of a double are copied as they are.
        case .int64, .float64: fold(input, state, Int64.self)
        case .int128: fold(input, state, Int128.self)
        }
    }

    private func fold<T: BitwiseCopyable>(
        _ input: FoldInput, _ state: [StateColumn], _ type: T.Type
    ) {
        if isLast {
            fold(input, state, type) { $0 >= $1 }
        } else {
            fold(input, state, type) { $0 < $1 }
        }
    }

    @inline(__always)
    private func fold<T: BitwiseCopyable>(
        _ input: FoldInput, _ state: [StateColumn], _ type: T.Type,
        isBetter: (_ new: Int64, _ old: Int64) -> Bool
    ) {
        let bestTimes = unsafe state[0].pointer(as: Int64.self)
        let isSet = unsafe state[0].valid
        let best = unsafe state[1].pointer(as: type)
        let bestValid = unsafe state[1].valid
        let times = unsafe input.times
        let values = unsafe input.arguments[0].pointer(as: type)
        @inline(__always)
        func take(_ slot: Int, _ row: Int, _ valid: UInt8) {
            let time = unsafe times[row]
            if unsafe isSet[slot] == 0 || isBetter(time, bestTimes[slot]) {
                unsafe bestTimes[slot] = time
                unsafe isSet[slot] = 1
                unsafe best[slot] = values[row]
                unsafe bestValid[slot] = valid
            }
        }
        if ignoreNulls {
            input.forEachValid(in: 0) { slot, row in take(slot, row, 1) }
        } else if let valid = unsafe input.arguments[0].validPointer {
            input.forEach { slot, row in take(slot, row, unsafe valid[row]) }
        } else {
            input.forEach { slot, row in take(slot, row, 1) }
        }
    }

    func merge(
        _ source: Int, into target: Int, _ state: [StateColumn], _ strings: StateStrings
    ) {
        guard unsafe state[0].valid[source] != 0 else { return }
        if unsafe state[0].valid[target] != 0 {
            let times = unsafe state[0].pointer(as: Int64.self)
            let isBetter =
                unsafe isLast ? times[source] >= times[target] : times[source] < times[target]
            if !isBetter { return }
        }
        for column in state { column.copy(source, to: target) }
    }

    func finish(
        _ slots: [Int32], _ state: [StateColumn], _ strings: StateStrings
    ) throws(OperatorError) -> Column {
        try state[1].result(at: slots, strings)
    }
}
