import Columnar

/// The values of a node on a frame: one a row, or one for all rows.
enum Operand {
    case column(Column)
    case constant(Value)

    /// The values as a column.
    func column(_ type: DataType, count: Int) -> Column {
        switch self {
        case .column(let column): column
        case .constant(let value): Column(repeating: value, type, count: count)
        }
    }

    /// Where a row is not null; `nil` when none is.
    ///
    /// A null constant is dealt with before.
    var validity: Bitmap? {
        if case .column(let column) = self { column.validity } else { nil }
    }

    var isNullConstant: Bool {
        if case .constant(.null) = self { true } else { false }
    }

    func value(at row: Int) -> Value {
        switch self {
        case .column(let column): column.value(at: row)
        case .constant(let value): value
        }
    }

    /// The rows that are true; null is not.
    func trueRows(count: Int) -> Bitmap {
        switch self {
        case .column(let column):
            guard let bits = column.bits else { preconditionFailure("a condition is a boolean") }
            return column.validity.map { $0 & bits } ?? bits
        case .constant(.boolean(let value)): return Bitmap(repeating: value, count: count)
        case .constant: return Bitmap(repeating: false, count: count)
        }
    }

    /// The rows that are false; null is not.
    func falseRows(count: Int) -> Bitmap {
        switch self {
        case .column(let column):
            guard let bits = column.bits else { preconditionFailure("a condition is a boolean") }
            return column.validity.map { $0 & ~bits } ?? ~bits
        case .constant(.boolean(let value)): return Bitmap(repeating: !value, count: count)
        case .constant: return Bitmap(repeating: false, count: count)
        }
    }

    /// The rows that are null.
    func nullRows(count: Int) -> Bitmap {
        if isNullConstant { return Bitmap(repeating: true, count: count) }
        return validity.map { ~$0 } ?? Bitmap(repeating: false, count: count)
    }
}

extension Bitmap {
    /// The index of the first set bit.
    var firstSetBit: Int? {
        for index in 0..<wordCount {
            let word = word(index)
            if word != 0 { return index * 64 + word.trailingZeroBitCount }
        }
        return nil
    }
}
