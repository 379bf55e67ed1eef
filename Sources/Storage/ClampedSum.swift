// Numbers that stand in files add up to whatever their writer likes: sums over them stop at the end
// of the type instead of trapping.

extension FixedWidthInteger {
    /// The sum, or the end of the type that it would lie beyond.
    public func addingClamped(_ other: Self) -> Self {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? (other < 0 ? .min : .max) : sum
    }

    /// The product, or the end of the type that it would lie beyond.
    public func multipliedClamped(by other: Self) -> Self {
        let (product, overflow) = multipliedReportingOverflow(by: other)
        return overflow ? ((self < 0) == (other < 0) ? .max : .min) : product
    }

    /// Adds, and stops at the end of the type.
    public mutating func addClamped(_ other: Self) { self = addingClamped(other) }
}

extension Sequence {
    /// The sum of a number of each element, which stops at the end of the type.
    public func clampedSum<Number: FixedWidthInteger>(_ number: (Element) -> Number) -> Number {
        reduce(0) { $0.addingClamped(number($1)) }
    }
}
