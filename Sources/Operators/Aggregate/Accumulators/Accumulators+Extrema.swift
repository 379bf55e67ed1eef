import Columnar
import KeyedState

/// `min` and `max` of every type, as Spark orders values: NaN is greatest, -0.0 equals 0.0, false
/// is before true, strings by their bytes.
///
/// Of equal values the first row's stays. State: `value`, null until there is a value.
struct ExtremumAccumulator: Accumulator {
    let type: DataType
    let isMax: Bool
    let stateFields: [Field]

    init(type: DataType, isMax: Bool) {
        self.type = type
        self.isMax = isMax
        stateFields = [Field("value", type)]
    }

    func fold(_ input: FoldInput, _ state: [StateColumn]) {
        let column = state[0]
        switch (type.layout, isMax) {
        case (.bits, false): fold(input, column, UInt8.self) { $0 < $1 }
        case (.bits, true): fold(input, column, UInt8.self) { $0 > $1 }
        case (.int32, false): fold(input, column, Int32.self) { $0 < $1 }
        case (.int32, true): fold(input, column, Int32.self) { $0 > $1 }
        case (.int64, false): fold(input, column, Int64.self) { $0 < $1 }
        case (.int64, true): fold(input, column, Int64.self) { $0 > $1 }
        case (.int128, false): fold(input, column, Int128.self) { $0 < $1 }
        case (.int128, true): fold(input, column, Int128.self) { $0 > $1 }
        case (.float64, false): fold(input, column, Double.self) { isLess($0, $1) }
        case (.float64, true): fold(input, column, Double.self) { isLess($1, $0) }
        case (.dictionary, _):
            let strings = input.strings
            let isMax = isMax
            fold(input, column, Int32.self) { isBetter($0, $1, strings, isMax: isMax) }
        }
    }

    @inline(__always)
    private func fold<T: BitwiseCopyable>(
        _ input: FoldInput, _ state: StateColumn, _ type: T.Type,
        isBetter: (_ new: T, _ old: T) -> Bool
    ) {
        let best = unsafe state.pointer(as: type)
        let valid = unsafe state.valid
        let values = unsafe input.arguments[0].pointer(as: type)
        input.forEachValid(in: 0) { slot, row in
            let value = unsafe values[row]
            if unsafe valid[slot] == 0 {
                unsafe best[slot] = value
                unsafe valid[slot] = 1
            } else if unsafe isBetter(value, best[slot]) {
                unsafe best[slot] = value
            }
        }
    }

    func merge(
        _ source: Int, into target: Int, _ state: [StateColumn], _ strings: StateStrings
    ) {
        let column = state[0]
        guard unsafe column.valid[source] != 0 else { return }
        let isFirst = unsafe column.valid[target] == 0
        let order = column.compare(source, target, strings)
        if isFirst || (isMax ? order > 0 : order < 0) { column.copy(source, to: target) }
    }

    func finish(
        _ slots: [Int32], _ state: [StateColumn], _ strings: StateStrings
    ) throws(OperatorError) -> Column {
        try state[0].result(at: slots, strings)
    }
}

/// `min_by` and `max_by`: the value of the row with the smallest or largest order; rows whose order
/// is null do not count.
///
/// Of rows with equal orders the one with the smallest event time wins, and of those the one that
/// comes first in the log. State: `value`, `order` (null until there is a row), `time` of the
/// winning row.
struct ExtremumByAccumulator: Accumulator {
    let type: DataType
    let order: DataType
    let isMax: Bool
    let stateFields: [Field]

    init(type: DataType, order: DataType, isMax: Bool) {
        self.type = type
        self.order = order
        self.isMax = isMax
        stateFields = [Field("value", type), Field("order", order), Field("time", .timestamp)]
    }

    func fold(_ input: FoldInput, _ state: [StateColumn]) {
        var winners = Winners()
        switch (order.layout, isMax) {
        case (.bits, false): winners.find(input, state, UInt8.self) { $0 < $1 }
        case (.bits, true): winners.find(input, state, UInt8.self) { $0 > $1 }
        case (.int32, false): winners.find(input, state, Int32.self) { $0 < $1 }
        case (.int32, true): winners.find(input, state, Int32.self) { $0 > $1 }
        case (.int64, false): winners.find(input, state, Int64.self) { $0 < $1 }
        case (.int64, true): winners.find(input, state, Int64.self) { $0 > $1 }
        case (.int128, false): winners.find(input, state, Int128.self) { $0 < $1 }
        case (.int128, true): winners.find(input, state, Int128.self) { $0 > $1 }
        case (.float64, false): winners.find(input, state, Double.self) { isLess($0, $1) }
        case (.float64, true): winners.find(input, state, Double.self) { isLess($1, $0) }
        case (.dictionary, _):
            let strings = input.strings
            let isMax = isMax
            winners.find(input, state, Int32.self) { isBetter($0, $1, strings, isMax: isMax) }
        }
        let argument = input.arguments[0]
        switch type.layout {
        case .bits: winners.copy(argument, to: state[0], UInt8.self)
        case .int32, .dictionary: winners.copy(argument, to: state[0], Int32.self)
        case .int64, .float64: winners.copy(argument, to: state[0], Int64.self)
        case .int128: winners.copy(argument, to: state[0], Int128.self)
        }
    }

    func merge(
        _ source: Int, into target: Int, _ state: [StateColumn], _ strings: StateStrings
    ) {
        guard unsafe state[1].valid[source] != 0 else { return }
        if unsafe state[1].valid[target] != 0 {
            let order = state[1].compare(source, target, strings)
            if isMax ? order < 0 : order > 0 { return }
            let times = unsafe state[2].pointer(as: Int64.self)
            if unsafe order == 0 && times[source] >= times[target] { return }
        }
        for column in state { column.copy(source, to: target) }
    }

    func finish(
        _ slots: [Int32], _ state: [StateColumn], _ strings: StateStrings
    ) throws(OperatorError) -> Column {
        try state[0].result(at: slots, strings)
    }
}

/// The rows of a block that became the best of their group, in order; the last one of a slot wins.
private struct Winners {
    private var slots: [Int32] = []
    private var rows: [Int32] = []

    @inline(__always)
    mutating func find<T: BitwiseCopyable>(
        _ input: FoldInput, _ state: [StateColumn], _ type: T.Type,
        isBetter: (_ new: T, _ old: T) -> Bool
    ) {
        let best = unsafe state[1].pointer(as: type)
        let valid = unsafe state[1].valid
        let bestTimes = unsafe state[2].pointer(as: Int64.self)
        let timeValid = unsafe state[2].valid
        let orders = unsafe input.arguments[1].pointer(as: type)
        let times = unsafe input.times
        var slots: [Int32] = []
        var rows: [Int32] = []
        input.forEachValid(in: 1) { slot, row in
            let order = unsafe orders[row]
            if unsafe valid[slot] != 0 {
                let old = unsafe best[slot]
                if !isBetter(order, old) {
                    // Equal orders: the earlier event wins; at equal times the row folded before.
                    guard unsafe !isBetter(old, order) && times[row] < bestTimes[slot] else {
                        return
                    }
                }
            }
            unsafe best[slot] = order
            unsafe valid[slot] = 1
            unsafe bestTimes[slot] = times[row]
            unsafe timeValid[slot] = 1
            slots.append(Int32(truncatingIfNeeded: slot))
            rows.append(Int32(truncatingIfNeeded: row))
        }
        self.slots = slots
        self.rows = rows
    }

    func copy<T: BitwiseCopyable>(
        _ argument: ArgumentValues, to state: StateColumn, _ type: T.Type
    ) {
        let target = unsafe state.pointer(as: type)
        let targetValid = unsafe state.valid
        let values = unsafe argument.pointer(as: type)
        let valid = unsafe argument.validPointer
        for (slot, row) in zip(slots, rows) {
            unsafe target[Int(slot)] = values[Int(row)]
            if let valid = unsafe valid {
                unsafe targetValid[Int(slot)] = valid[Int(row)]
            } else {
                unsafe targetValid[Int(slot)] = 1
            }
        }
    }
}

/// Spark's order of doubles: NaN equals NaN and is greatest, -0.0 equals 0.0.
@inline(__always)
func isLess(_ left: Double, _ right: Double) -> Bool {
    left < right || (right.isNaN && !left.isNaN)
}

/// Whether one string comes before (or for a maximum after) another.
func isBetter(_ new: Int32, _ old: Int32, _ strings: StateStrings, isMax: Bool) -> Bool {
    let order = strings.compare(new, old)
    return isMax ? order > 0 : order < 0
}

extension StateColumn {
    /// The order of the values of two slots, neither of which is null: negative, zero or positive.
    func compare(_ left: Int, _ right: Int, _ strings: StateStrings) -> Int {
        switch field.type.layout {
        case .bits: return compare(left, right, UInt8.self) { $0 < $1 }
        case .int32: return compare(left, right, Int32.self) { $0 < $1 }
        case .int64: return compare(left, right, Int64.self) { $0 < $1 }
        case .int128: return compare(left, right, Int128.self) { $0 < $1 }
        case .float64: return compare(left, right, Double.self) { isLess($0, $1) }
        case .dictionary:
            let numbers = unsafe pointer(as: Int32.self)
            return unsafe strings.compare(numbers[left], numbers[right])
        }
    }

    private func compare<T: BitwiseCopyable>(
        _ left: Int, _ right: Int, _ type: T.Type, _ isLess: (T, T) -> Bool
    ) -> Int {
        let values = unsafe pointer(as: type)
        if unsafe isLess(values[left], values[right]) { return -1 }
        return unsafe isLess(values[right], values[left]) ? 1 : 0
    }

    /// Copies the value of one slot, null or not, to another.
    func copy(_ source: Int, to target: Int) { copy(source, of: self, to: target) }

    /// Copies the value of a slot of a column of the same type, null or not.
    func copy(_ source: Int, of other: StateColumn, to target: Int) {
        unsafe valid[target] = other.valid[source]
        switch field.type.layout {
        case .bits: copy(source, of: other, to: target, UInt8.self)
        case .int32, .dictionary: copy(source, of: other, to: target, Int32.self)
        case .int64, .float64: copy(source, of: other, to: target, Int64.self)
        case .int128: copy(source, of: other, to: target, Int128.self)
        }
    }

    private func copy<T: BitwiseCopyable>(
        _ source: Int, of other: StateColumn, to target: Int, _ type: T.Type
    ) {
        let values = unsafe pointer(as: type)
        unsafe values[target] = other.pointer(as: type)[source]
    }
}
