public import Columnar

extension BoundExpression {
    /// What every row has for which the expression, a condition, is true: a value of each of these
    /// columns in its range.
    ///
    /// A reader may leave out rows that are outside of one. Of a condition that can fail there is
    /// none: a row that is left out could not fail. One range a column, in the columns' order.
    public var ranges: [ColumnRange] {
        guard type == .boolean, !node.canFail else { return [] }
        return node.ranges.values.sorted { $0.column < $1.column }
    }
}

extension Node {
    /// The ranges that hold wherever this condition is true, by column.
    fileprivate var ranges: [Int: ColumnRange] {
        switch operation {
        case .and:
            return arguments.reduce(into: [:]) { all, argument in
                all.merge(argument.ranges) { $0.intersection($1) }
            }
        case .or:
            let sides = arguments.map(\.ranges)
            return sides.dropFirst().reduce(sides.first ?? [:]) { all, side in
                all.compactMapValues { range in side[range.column].map { range.union($0) } }
            }
        case .column(let index):
            return Self.range(index, from: .boolean(true), through: .boolean(true))
        case .not: return arguments[0].rangesWhereFalse
        case .compare(let comparison):
            let (left, right) = (arguments[0], arguments[1])
            return Self.ranges(comparison, left, right)
                ?? Self.ranges(comparison.mirrored, right, left) ?? [:]
        case .equalNullSafe:
            let (left, right) = (arguments[0], arguments[1])
            return Self.ranges(.equal, left, right) ?? Self.ranges(.equal, right, left) ?? [:]
        case .isIn: return rangesOfList
        default: return [:]
        }
    }

    /// The same wherever this condition is false.
    private var rangesWhereFalse: [Int: ColumnRange] {
        switch operation {
        case .column(let index):
            Self.range(index, from: .boolean(false), through: .boolean(false))
        case .isNull:
            if case .column(let index) = arguments[0].operation { Self.range(index) } else { [:] }
        case .not: arguments[0].ranges
        default: [:]
        }
    }

    /// Of a column compared with a constant; nil when it is something else.
    private static func ranges(
        _ comparison: Comparison, _ column: Node, _ constant: Node
    ) -> [Int: ColumnRange]? {
        guard let value = constant.constant, !value.isNull, let place = column.comparedColumn,
            let bound = place.value(value)
        else { return nil }
        return switch comparison {
        case .equal: range(place.index, from: bound, through: bound)
        case .less, .lessOrEqual: range(place.index, through: bound)
        case .greater, .greaterOrEqual: range(place.index, from: bound)
        case .notEqual: range(place.index)
        }
    }

    /// From the smallest to the largest of the constants, where the list has nothing else.
    private var rangesOfList: [Int: ColumnRange] {
        var all: ColumnRange?
        for candidate in arguments.dropFirst() {
            // Nothing is equal to null.
            if let value = candidate.constant, value.isNull { continue }
            guard let found = Self.ranges(.equal, arguments[0], candidate)?.values.first else {
                return [:]
            }
            all = all?.union(found) ?? found
        }
        return all.map { [$0.column: $0] } ?? [:]
    }

    private static func range(
        _ column: Int, from lower: Value? = nil, through upper: Value? = nil
    ) -> [Int: ColumnRange] {
        [column: ColumnRange(column: column, from: lower, through: upper)]
    }

    /// The column whose values this node compares: itself, or one of ints read as longs.
    private var comparedColumn: ComparedColumn? {
        switch operation {
        case .column(let index): ComparedColumn(index: index, isInt: false)
        case .cast where type == .long && arguments[0].type == .int:
            if case .column(let index) = arguments[0].operation {
                ComparedColumn(index: index, isInt: true)
            } else {
                nil
            }
        default: nil
        }
    }
}

/// A column that is compared with constants.
private struct ComparedColumn {
    let index: Int
    /// Whether it is of ints, and the constants are longs.
    let isInt: Bool

    /// The constant in the column's type; nil when that has no such value.
    func value(_ constant: Value) -> Value? {
        guard isInt else { return constant }
        guard case .long(let long) = constant else { return nil }
        return Int32(exactly: long).map { .int($0) }
    }
}

extension ColumnRange {
    /// The values that are in both ranges of a column.
    fileprivate func intersection(_ other: ColumnRange) -> ColumnRange {
        ColumnRange(
            column: column, from: Self.pick(lower, other.lower) { $0.precedes($1) == true },
            through: Self.pick(upper, other.upper) { $1.precedes($0) == true })
    }

    /// A range that has the values of both.
    fileprivate func union(_ other: ColumnRange) -> ColumnRange {
        var lower: Value?
        if let mine = self.lower, let its = other.lower {
            lower = its.precedes(mine) == true ? its : mine
        }
        var upper: Value?
        if let mine = self.upper, let its = other.upper {
            upper = mine.precedes(its) == true ? its : mine
        }
        return ColumnRange(column: column, from: lower, through: upper)
    }

    /// The one that binds; the second when `isWeaker` says so of the first.
    private static func pick(
        _ first: Value?, _ second: Value?, _ isWeaker: (Value, Value) -> Bool
    ) -> Value? {
        guard let first, let second else { return first ?? second }
        return isWeaker(first, second) ? second : first
    }
}
