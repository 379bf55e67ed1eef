/// What a row must have in one column: a value between two bounds, which belong to it.
///
/// Null is in no such range. NaN is greater than any number: a range without upper bound has it.
public struct ColumnRange: Sendable, Equatable {
    /// The index of the column in the schema of the rows.
    public var column: Int
    /// The smallest value, of the column's type; nil when any is small enough.
    public var lower: Value?
    /// The largest value, of the column's type; nil when any is large enough.
    public var upper: Value?

    /// The values from `lower` to `upper`.
    public init(column: Int, from lower: Value? = nil, through upper: Value? = nil) {
        self.column = column
        self.lower = lower
        self.upper = upper
    }

    /// Whether a value is in the range; of another type than a bound's it may be.
    public func mayHold(_ value: Value) -> Bool {
        guard !value.isNull else { return false }
        if let lower, let isBelow = value.precedes(lower), isBelow { return false }
        if let upper, let isAbove = upper.precedes(value), isAbove { return false }
        return true
    }
}

extension Value {
    /// Whether this value comes before another one in the order of their type; nil when they are
    /// of two types, or one is null.
    public func precedes(_ other: Value) -> Bool? {
        switch (self, other) {
        case (.boolean(let a), .boolean(let b)): !a && b
        case (.int(let a), .int(let b)), (.date(let a), .date(let b)): a < b
        case (.long(let a), .long(let b)), (.timestamp(let a), .timestamp(let b)): a < b
        // NaN is greater than any number.
        case (.double(let a), .double(let b)): a < b || (b.isNaN && !a.isNaN)
        case (.decimal(let a, let scale), .decimal(let b, let other)) where scale == other: a < b
        case (.string(let a), .string(let b)): a.utf8.lexicographicallyPrecedes(b.utf8)
        case (.binary(let a), .binary(let b)): a.lexicographicallyPrecedes(b)
        default: nil
        }
    }
}
