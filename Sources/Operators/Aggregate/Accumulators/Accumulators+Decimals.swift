import Columnar
import KeyedState

/// `sum` of decimals, exact in 128 bits.
///
/// State: `sum` unscaled, null until there is a value.
///
/// A sum that the result's precision cannot hold is an error when the group is emitted, as Spark's
/// ANSI mode; one that 128 bits cannot hold is an error at once.
struct DecimalSumAccumulator: Accumulator {
    let scale: Int
    let result: DataType
    let text: String
    let stateFields: [Field]

    init(scale: Int, result: DataType, text: String) {
        self.scale = scale
        self.result = result
        self.text = text
        stateFields = [
            Field("sum", .decimal(precision: DataType.decimalPrecisionMax, scale: scale))
        ]
    }

    func fold(_ input: FoldInput, _ state: [StateColumn]) throws(OperatorError) {
        let valid = unsafe state[0].valid
        let failed = addDecimals(input, state[0]) { slot in unsafe valid[slot] = 1 }
        if let failed {
            throw outOfRange(text, DataType.decimalPrecisionMax, input.sequence(failed))
        }
    }

    func merge(
        _ source: Int, into target: Int, _ state: [StateColumn], _ strings: StateStrings
    ) throws(OperatorError) {
        let sums = unsafe state[0].pointer(as: Int128.self)
        let valid = unsafe state[0].valid
        guard unsafe valid[source] != 0 else { return }
        try unsafe addDecimal(sums, source, into: target, text)
        unsafe valid[target] = 1
    }

    func finish(
        _ slots: [Int32], _ state: [StateColumn], _ strings: StateStrings
    ) throws(OperatorError) -> Column {
        let sums = unsafe state[0].pointer(as: Int128.self)
        let valid = unsafe state[0].valid
        return try decimals(slots, result, text) { slot in
            unsafe valid[slot] == 0 ? .null : unsafe .value(sums[slot])
        }
    }
}

/// `avg` of decimals: an exact sum over a count, rounded half up at the result's scale.
///
/// State: `sum` unscaled, `count`.
struct DecimalAverageAccumulator: Accumulator {
    let scale: Int
    let result: DataType
    let text: String
    let stateFields: [Field]

    init(scale: Int, result: DataType, text: String) {
        self.scale = scale
        self.result = result
        self.text = text
        let sum = DataType.decimal(precision: DataType.decimalPrecisionMax, scale: scale)
        stateFields = [
            Field("sum", sum, isNullable: false), Field("count", .long, isNullable: false),
        ]
    }

    func fold(_ input: FoldInput, _ state: [StateColumn]) throws(OperatorError) {
        let counts = unsafe state[1].pointer(as: Int64.self)
        let failed = addDecimals(input, state[0]) { slot in unsafe counts[slot] += 1 }
        if let failed {
            throw outOfRange(text, DataType.decimalPrecisionMax, input.sequence(failed))
        }
    }

    func merge(
        _ source: Int, into target: Int, _ state: [StateColumn], _ strings: StateStrings
    ) throws(OperatorError) {
        let counts = unsafe state[1].pointer(as: Int64.self)
        try unsafe addDecimal(state[0].pointer(as: Int128.self), source, into: target, text)
        unsafe counts[target] += counts[source]
    }

    func finish(
        _ slots: [Int32], _ state: [StateColumn], _ strings: StateStrings
    ) throws(OperatorError) -> Column {
        let sums = unsafe state[0].pointer(as: Int128.self)
        let counts = unsafe state[1].pointer(as: Int64.self)
        var resultScale = scale
        if case .decimal(_, let scale) = result { resultScale = scale }
        let factor = powerOfTen(resultScale - scale)
        return try decimals(slots, result, text) { slot in
            let count = unsafe counts[slot]
            if count == 0 { return .null }
            let quotient = unsafe divideHalfUp(sums[slot], times: factor, by: count)
            return quotient.map { .value($0) } ?? .overflow
        }
    }
}

/// What a decimal aggregate of a group came to.
private enum DecimalResult {
    case null
    case value(Int128)
    case overflow
}

/// Adds the first argument's decimals to their groups; the first row whose sum does not fit in
/// 128 bits, if there is one.
private func addDecimals(
    _ input: FoldInput, _ state: StateColumn, _ added: (_ slot: Int) -> Void
) -> Int? {
    let sums = unsafe state.pointer(as: Int128.self)
    var failed: Int?
    @inline(__always)
    func add(_ slot: Int, _ row: Int, _ value: Int128) {
        let (sum, overflow) = unsafe sums[slot].addingReportingOverflow(value)
        if overflow, failed == nil { failed = row }
        unsafe sums[slot] = sum
    }
    if input.arguments[0].type.layout == .int64 {
        let values = unsafe input.arguments[0].pointer(as: Int64.self)
        input.forEachValid(in: 0) { slot, row in
            unsafe add(slot, row, Int128(values[row]))
            added(slot)
        }
    } else {
        let values = unsafe input.arguments[0].pointer(as: Int128.self)
        input.forEachValid(in: 0) { slot, row in
            unsafe add(slot, row, values[row])
            added(slot)
        }
    }
    return failed
}

@unsafe
private func addDecimal(
    _ sums: UnsafeMutablePointer<Int128>, _ source: Int, into target: Int, _ text: String
) throws(OperatorError) {
    // Safe: the caller passes live slots.
    let (sum, overflow) = unsafe sums[target].addingReportingOverflow(sums[source])
    if overflow { throw outOfRange(text, DataType.decimalPrecisionMax, nil) }
    unsafe sums[target] = sum
}

/// A decimal column computed slot by slot; a value with more digits than `type` has is an error.
private func decimals(
    _ slots: [Int32], _ type: DataType, _ text: String, _ result: (_ slot: Int) -> DecimalResult
) throws(OperatorError) -> Column {
    guard case .decimal(let precision, _) = type else {
        preconditionFailure("an aggregate of decimals gives a decimal")
    }
    let bound = powerOfTen(precision)
    var builder = ColumnBuilder(type, capacity: slots.count)
    for slot in slots {
        switch result(Int(slot)) {
        case .null: builder.appendNull()
        case .value(let unscaled) where unscaled.magnitude < bound.magnitude:
            builder.append(unscaled: unscaled)
        case .value, .overflow: throw outOfRange(text, precision, nil)
        }
    }
    return builder.finish()
}

/// `value * factor / count`, rounded half up (away from zero at the half), or `nil` when the
/// result does not fit.
private func divideHalfUp(_ value: Int128, times factor: Int128, by count: Int64) -> Int128? {
    let divisor = UInt128(count.magnitude)
    let product = value.magnitude.multipliedFullWidth(by: factor.magnitude)
    guard product.high < divisor else { return nil }
    var (quotient, remainder) = divisor.dividingFullWidth(product)
    if remainder >= divisor - remainder { quotient += 1 }
    guard let magnitude = Int128(exactly: quotient) else { return nil }
    return value < 0 ? -magnitude : magnitude
}

private func powerOfTen(_ exponent: Int) -> Int128 {
    precondition((0...DataType.decimalPrecisionMax).contains(exponent), "at most 38 digits")
    return (0..<exponent).reduce(1) { power, _ in power * 10 }
}

private func outOfRange(_ text: String, _ precision: Int, _ sequence: Int64?) -> OperatorError {
    OperatorError(
        .numericValueOutOfRange,
        "\(text) needs more than \(precision) digits; cast the argument to a decimal of a "
            + "smaller scale, or to double",
        sequence: sequence)
}
