import Columnar

extension Frame {
    func cast(_ node: Node, _ operand: Operand, isTry: Bool) throws(ExpressionError) -> Operand {
        let source = node.arguments[0].type
        if node.type == .string { return try castToString(node, operand, from: source) }
        if source == .string { return try castFromString(node, operand, isTry: isTry) }
        if node.type == .boolean { return castToBoolean(operand, from: source) }
        let (values, failures) = castValues(operand, from: source, to: node.type)
        var valid = operand.validity
        if source == .double, node.type.isDecimal {
            // Spark: what is no number becomes NULL, what is too large is an error.
            let finite = test(Lane<Double>(operand), count) { $0.isFinite }
            valid = validity(valid, and: finite.setBitCount == count ? nil : finite)
        }
        return try finish(node, values, failures, [operand], validity: valid, isTry: isTry)
    }

    /// Casts between the types whose values lie in a values buffer, and from booleans.
    private func castValues(
        _ operand: Operand, from source: DataType, to target: DataType
    ) -> (Buffer, Bitmap?) {
        switch source {
        case .boolean: castBooleans(operand, to: target)
        case .int: castIntegers(Lane<Int32>(operand), to: target)
        case .long: castIntegers(Lane<Int64>(operand), to: target)
        case .double: castDoubles(Lane(operand), to: target)
        case .decimal(_, let scale): castDecimals(wide(operand), scale: scale, to: target)
        case .date: castDates(Lane(operand), to: target)
        case .timestamp: castTimestamps(Lane(operand), to: target)
        case .string, .binary: preconditionFailure("strings and bytes have casts of their own")
        }
    }

    private func castBooleans(_ operand: Operand, to target: DataType) -> (Buffer, Bitmap?) {
        let bits = operand.trueRows(count: count)
        switch target {
        case .int: return fill(count) { (bits[$0] ? 1 as Int32 : 0, false) }
        case .long: return fill(count) { (bits[$0] ? 1 as Int64 : 0, false) }
        case .double: return fill(count) { (bits[$0] ? 1 as Double : 0, false) }
        case .decimal(let precision, let scale):
            return decimalBuffer(target) {
                rescaled(bits[$0] ? 1 : 0, by: scale, precision: precision)
            }
        default: preconditionFailure("no such cast")
        }
    }

    private func castIntegers<T: LaneValue & FixedWidthInteger & SignedInteger>(
        _ lane: Lane<T>, to target: DataType
    ) -> (Buffer, Bitmap?) {
        switch target {
        case .int:
            return map(lane, count) {
                (Int32(truncatingIfNeeded: $0), Int32(exactly: $0) == nil)
            }
        case .long: return map(lane, count) { (Int64($0), false) }
        case .double: return map(lane, count) { (double(Int64($0)), false) }
        case .decimal(let precision, let scale):
            return withRows(lane) { value in
                decimalBuffer(target) {
                    rescaled(Int128(value($0)), by: scale, precision: precision)
                }
            }
        case .timestamp:
            // Spark stays at the bounds here instead of failing.
            return map(lane, count) {
                let (micros, overflow) = Int64($0).multipliedReportingOverflow(by: 1_000_000)
                return (overflow ? ($0 < 0 ? .min : .max) : micros, false)
            }
        default: preconditionFailure("no such cast")
        }
    }

    private func castDoubles(_ lane: Lane<Double>, to target: DataType) -> (Buffer, Bitmap?) {
        switch target {
        // Truncated toward zero; NaN and what lies outside fails.
        case .int:
            return map(lane, count) {
                let fits = $0 > -2_147_483_649 && $0 < 2_147_483_648
                return (fits ? Int32($0) : 0, !fits)
            }
        case .long:
            return map(lane, count) {
                let fits = $0 >= -0x1p63 && $0 < 0x1p63
                return (fits ? Int64($0) : 0, !fits)
            }
        case .timestamp:
            return map(lane, count) {
                let micros = $0 * 1_000_000
                let fits = micros >= -0x1p63 && micros < 0x1p63
                return (fits ? Int64(micros) : 0, !fits)
            }
        case .decimal(let precision, let scale):
            return withRows(lane) { value in
                decimalBuffer(target) {
                    decimal(of: value($0), precision: precision, scale: scale)
                }
            }
        default: preconditionFailure("no such cast")
        }
    }

    private func castDecimals(
        _ lane: Lane<Int128>, scale: Int, to target: DataType
    ) -> (Buffer, Bitmap?) {
        switch target {
        case .int:
            return map(lane, count) {
                let whole = $0 / powerOfTen(scale)
                return (Int32(truncatingIfNeeded: whole), Int32(exactly: whole) == nil)
            }
        case .long:
            return map(lane, count) {
                let whole = $0 / powerOfTen(scale)
                return (Int64(truncatingIfNeeded: whole), Int64(exactly: whole) == nil)
            }
        case .double: return map(lane, count) { (double(of: $0, scale: scale), false) }
        case .timestamp:
            return map(lane, count) {
                let (scaled, overflow) = $0.multipliedReportingOverflow(by: 1_000_000)
                let micros = scaled / powerOfTen(scale)
                return (
                    Int64(truncatingIfNeeded: micros), overflow || Int64(exactly: micros) == nil
                )
            }
        case .decimal(let precision, let newScale):
            return withRows(lane) { value in
                decimalBuffer(target) {
                    rescaled(value($0), by: newScale - scale, precision: precision)
                }
            }
        default: preconditionFailure("no such cast")
        }
    }

    private func castDates(_ lane: Lane<Int32>, to target: DataType) -> (Buffer, Bitmap?) {
        precondition(target == .timestamp, "no such cast")
        return map(lane, count) {
            let (micros, overflow) = Int64($0).multipliedReportingOverflow(by: microsPerDay)
            return (micros, overflow)
        }
    }

    private func castTimestamps(_ lane: Lane<Int64>, to target: DataType) -> (Buffer, Bitmap?) {
        switch target {
        case .date:
            return map(lane, count) {
                (Int32(truncatingIfNeeded: floorDivide($0, microsPerDay)), false)
            }
        case .long: return map(lane, count) { (floorDivide($0, 1_000_000), false) }
        case .int:
            return map(lane, count) {
                let seconds = floorDivide($0, 1_000_000)
                return (Int32(truncatingIfNeeded: seconds), Int32(exactly: seconds) == nil)
            }
        case .double: return map(lane, count) { (Double($0) / 1_000_000, false) }
        case .decimal(let precision, let scale):
            return withRows(lane) { value in
                decimalBuffer(target) {
                    rescaled(Int128(value($0)), by: scale - 6, precision: precision)
                }
            }
        default: preconditionFailure("no such cast")
        }
    }

    private func castToBoolean(_ operand: Operand, from source: DataType) -> Operand {
        let bits: Bitmap
        switch source.layout {
        case .int32: bits = test(Lane<Int32>(operand), count) { $0 != 0 }
        case .float64: bits = test(Lane<Double>(operand), count) { $0 != 0 }
        case .int128: bits = test(Lane<Int128>(operand), count) { $0 != 0 }
        default: bits = test(Lane<Int64>(operand), count) { $0 != 0 }
        }
        return .column(Column(bits: bits, validity: operand.validity))
    }
}

/// The decimal nearest to a double as it is written, rounded half up; `nil` when it does not fit.
func decimal(of value: Double, precision: Int, scale: Int) -> Int128? {
    guard value.isFinite, let number = DecimalText(value.description),
        let unscaled = number.unscaled(scale: scale),
        unscaled.magnitude < powerOfTen(precision).magnitude
    else { return nil }
    return unscaled
}

/// The double nearest to a decimal.
func double(of unscaled: Int128, scale: Int) -> Double {
    // Exact numerator and power of ten: one correctly rounded division.
    if unscaled.magnitude < 1 << 53, scale <= 22 {
        return Double(Int64(unscaled)) / exactPowersOfTen[scale]
    }
    return Double(formatDecimal(unscaled, scale: scale)) ?? .nan
}

/// 10⁰ … 10²², which doubles hold exactly.
let exactPowersOfTen: [Double] = (0...22).map { exponent in
    (0..<exponent).reduce(1.0) { power, _ in power * 10 }
}
