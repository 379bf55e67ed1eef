import Columnar

/// The order of doubles in SQL: NaN equals NaN and is greater than every other; -0.0 equals 0.0.
@inlinable
public func isLess(_ left: Double, _ right: Double) -> Bool {
    left < right || (right.isNaN && !left.isNaN)
}

/// Equality of doubles in SQL: NaN equals NaN, -0.0 equals 0.0.
@inlinable
public func isEqual(_ left: Double, _ right: Double) -> Bool {
    left == right || (left.isNaN && right.isNaN)
}

extension Frame {
    func compare(
        _ comparison: Comparison, _ left: Operand, _ right: Operand, _ type: DataType
    ) -> Operand {
        let bits: Bitmap
        switch type {
        case .boolean: bits = compareBooleans(comparison, left, right)
        case .int, .date: bits = ordered(comparison, Lane<Int32>(left), Lane<Int32>(right))
        case .double: bits = compareDoubles(comparison, left, right)
        case .string, .binary: bits = compareStrings(comparison, left, right)
        default:
            bits =
                type.layout == .int128
                ? ordered(comparison, Lane<Int128>(left), Lane<Int128>(right))
                : ordered(comparison, Lane<Int64>(left), Lane<Int64>(right))
        }
        return .column(
            Column(bits: bits, validity: validity(left.validity, and: right.validity)))
    }

    // The order is total, so two kernels a type give all six comparisons. Each kernel is a
    // function of its own: only then does the compiler inline what the loop calls.

    private func ordered<T: LaneValue & Comparable>(
        _ comparison: Comparison, _ left: Lane<T>, _ right: Lane<T>
    ) -> Bitmap {
        switch comparison {
        case .equal: equal(left, right)
        case .notEqual: ~equal(left, right)
        case .less: less(left, right)
        case .lessOrEqual: ~less(right, left)
        case .greater: less(right, left)
        case .greaterOrEqual: ~less(left, right)
        }
    }

    @inline(never)
    private func equal<T: LaneValue & Comparable>(_ left: Lane<T>, _ right: Lane<T>) -> Bitmap {
        test(left, right, count) { $0 == $1 }
    }

    @inline(never)
    private func less<T: LaneValue & Comparable>(_ left: Lane<T>, _ right: Lane<T>) -> Bitmap {
        test(left, right, count) { $0 < $1 }
    }

    private func compareDoubles(
        _ comparison: Comparison, _ left: Operand, _ right: Operand
    ) -> Bitmap {
        if case .constant(.double(let constant)) = right, !constant.isNaN {
            return compare(comparison, Lane<Double>(left), constant)
        }
        if case .constant(.double(let constant)) = left, !constant.isNaN {
            return compare(comparison.mirrored, Lane<Double>(right), constant)
        }
        let (a, b) = (Lane<Double>(left), Lane<Double>(right))
        switch comparison {
        case .equal: return equalDoubles(a, b)
        case .notEqual: return ~equalDoubles(a, b)
        case .less: return lessDoubles(a, b)
        case .lessOrEqual: return ~lessDoubles(b, a)
        case .greater: return lessDoubles(b, a)
        case .greaterOrEqual: return ~lessDoubles(a, b)
        }
    }

    @inline(never)
    private func equalDoubles(_ left: Lane<Double>, _ right: Lane<Double>) -> Bitmap {
        test(left, right, count) { isEqual($0, $1) }
    }

    @inline(never)
    private func lessDoubles(_ left: Lane<Double>, _ right: Lane<Double>) -> Bitmap {
        test(left, right, count) { isLess($0, $1) }
    }

    /// Against a number, one comparison of the machine does: NaN in the column is greater, which
    /// the complements say.
    private func compare(
        _ comparison: Comparison, _ lane: Lane<Double>, _ constant: Double
    ) -> Bitmap {
        switch comparison {
        case .equal: equal(lane, constant)
        case .notEqual: ~equal(lane, constant)
        case .less: less(lane, constant)
        case .lessOrEqual: lessOrEqual(lane, constant)
        case .greater: ~lessOrEqual(lane, constant)
        case .greaterOrEqual: ~less(lane, constant)
        }
    }

    @inline(never)
    private func equal(_ lane: Lane<Double>, _ constant: Double) -> Bitmap {
        test(lane, count) { $0 == constant }
    }

    @inline(never)
    private func less(_ lane: Lane<Double>, _ constant: Double) -> Bitmap {
        test(lane, count) { $0 < constant }
    }

    @inline(never)
    private func lessOrEqual(_ lane: Lane<Double>, _ constant: Double) -> Bitmap {
        test(lane, count) { $0 <= constant }
    }

    private func compareBooleans(
        _ comparison: Comparison, _ left: Operand, _ right: Operand
    ) -> Bitmap {
        let a = left.trueRows(count: count)
        let b = right.trueRows(count: count)
        return Bitmap(wordsFor: count) { index in
            let (a, b) = (a.word(index), b.word(index))
            switch comparison {
            case .equal: return ~(a ^ b)
            case .notEqual: return a ^ b
            case .less: return ~a & b
            case .lessOrEqual: return ~a | b
            case .greater: return a & ~b
            case .greaterOrEqual: return a | ~b
            }
        }
    }

    private func compareStrings(
        _ comparison: Comparison, _ left: Operand, _ right: Operand
    ) -> Bitmap {
        if case .constant(let value) = right, let bytes = value.bytes {
            return compare(comparison, left, bytes)
        }
        if case .constant(let value) = left, let bytes = value.bytes {
            return compare(comparison.mirrored, right, bytes)
        }
        guard case .column(let a) = left, case .column(let b) = right,
            let x = a.dictionary, let y = b.dictionary
        else { preconditionFailure("strings are columns or constants") }
        let (codesA, codesB) = (a.int32s, b.int32s)
        var bits: [Bool] = []
        bits.reserveCapacity(count)
        for row in 0..<count {
            let order = unsafe byteOrder(
                x.unsafeBytes(at: Int(codesA[row])), y.unsafeBytes(at: Int(codesB[row])))
            bits.append(comparison.holds(order))
        }
        return Bitmap(bits)
    }

    private func compare(
        _ comparison: Comparison, _ operand: Operand, _ constant: [UInt8]
    ) -> Bitmap {
        unsafe testStrings(operand) { entry in
            unsafe constant.withUnsafeBytes {
                comparison.holds(unsafe byteOrder(entry, $0))
            }
        }
    }

    /// A bitmap of a condition on strings or bytes, computed an entry where the dictionary is smaller than
    /// the rows.
    func testStrings(
        _ operand: Operand, _ body: (UnsafeRawBufferPointer) -> Bool
    ) -> Bitmap {
        guard case .column(let column) = operand, let dictionary = column.dictionary else {
            guard case .constant(let value) = operand, let bytes = value.bytes else {
                preconditionFailure("strings are columns or constants")
            }
            return Bitmap(
                repeating: unsafe bytes.withUnsafeBytes { unsafe body($0) }, count: count)
        }
        let codes = column.int32s
        guard dictionary.count <= count else {
            return bitmap(count) { unsafe body(dictionary.unsafeBytes(at: Int(codes[$0]))) }
        }
        let entries = (0..<dictionary.count).map { unsafe body(dictionary.unsafeBytes(at: $0)) }
        // One entry, as after a filter by symbol, or none that holds: nothing to look up.
        if !entries.contains(true) { return Bitmap(repeating: false, count: count) }
        if !entries.contains(false) { return Bitmap(repeating: true, count: count) }
        return unsafe entries.withUnsafeBufferPointer { entries in
            // Safe: codes lie inside the dictionary, also those of null rows.
            bitmap(count) { unsafe entries[Int(codes[unchecked: $0])] }
        }
    }

    func equalNullSafe(_ left: Operand, _ right: Operand, _ type: DataType) -> Operand {
        let leftNull = left.nullRows(count: count)
        let rightNull = right.nullRows(count: count)
        let bothNull = leftNull & rightNull
        if left.isNullConstant || right.isNullConstant {
            return .column(Column(bits: bothNull))
        }
        guard case .column(let equal) = compare(.equal, left, right, type), let bits = equal.bits
        else { preconditionFailure("a comparison is a boolean column") }
        let comparable = equal.validity.map { $0 & bits } ?? bits
        return .column(Column(bits: comparable | bothNull))
    }
}

extension Value {
    /// What strings and bytes are compared by.
    fileprivate var bytes: [UInt8]? {
        switch self {
        case .string(let text): Array(text.utf8)
        case .binary(let bytes): bytes
        default: nil
        }
    }
}

extension Comparison {
    /// Whether the comparison holds for two values in an order: negative, zero or positive.
    func holds(_ order: Int) -> Bool {
        switch self {
        case .equal: order == 0
        case .notEqual: order != 0
        case .less: order < 0
        case .lessOrEqual: order <= 0
        case .greater: order > 0
        case .greaterOrEqual: order >= 0
        }
    }
}

/// The order of two byte strings: negative, zero or positive.
@inline(__always)
func byteOrder(_ left: UnsafeRawBufferPointer, _ right: UnsafeRawBufferPointer) -> Int {
    let common = min(left.count, right.count)
    for index in 0..<common {
        let (a, b) = unsafe (left[index], right[index])
        if a != b { return Int(a) - Int(b) }
    }
    return left.count - right.count
}
