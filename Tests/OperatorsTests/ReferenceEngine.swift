import Columnar
import Expressions
import Operators

/// One input row with its sequence.
struct ReferenceRow {
    let values: [Value]
    let sequence: Int64
    let timeMicros: Int64?
}

/// A group of the reference: a key, a window and the rows in it, in log order.
struct ReferenceGroup {
    struct Name: Hashable {
        let keys: String
        let start: Int64
        let end: Int64
    }

    let keys: [Value]
    let keyText: String
    var start: Int64
    var end: Int64
    var rows: [ReferenceRow]

    init(keys: [Value], start: Int64, end: Int64, rows: [ReferenceRow]) {
        self.keys = keys
        keyText = "\(keys)"
        self.start = start
        self.end = end
        self.rows = rows
    }

    var name: Name { Name(keys: keyText, start: start, end: end) }
}

/// The semantics written down as plainly as possible: every group keeps its rows, every rule is a
/// loop over all of them.
///
/// Sessions are merged batch by batch in order of start, as Spark does.
struct ReferenceEngine {
    enum Window {
        case none
        case fixed(duration: Int64, slide: Int64, start: Int64)
        case session(gap: Int64)
    }

    struct Batch {
        var emitted: [ReferenceGroup] = []
        var rowsLate = 0
        var pairsLate = 0
        var lateGroups: Set<ReferenceGroup.Name> = []
    }

    let window: Window
    let mode: OutputMode
    let isWatermarked: Bool
    let keyColumns: [Int]
    var groups: [ReferenceGroup] = []

    /// Sessions drop late rows in every mode, other groups not in `complete`.
    var dropsLateRows: Bool {
        if case .session = window { true } else { mode != .complete }
    }

    /// The windows of a time by their definition: every grid start whose window holds it.
    static func windows(
        _ time: Int64, duration: Int64, slide: Int64, start: Int64
    ) -> [(start: Int64, end: Int64)] {
        var found: [(Int64, Int64)] = []
        let around = (time - start) / slide
        for number in (around - duration / slide - 2)...(around + 2) {
            let first = start + number * slide
            if first <= time && time < first + duration { found.append((first, first + duration)) }
        }
        return found
    }

    mutating func run(_ rows: [ReferenceRow], lateMs: Int64, evictionMs: Int64) -> Batch {
        var batch = Batch()
        var fresh: [ReferenceGroup] = []
        for row in rows {
            let keys = keyColumns.map { normalised(row.values[$0]) }
            var kept = 0
            var late = 0
            for (start, end) in windows(of: row) {
                let group = ReferenceGroup(keys: keys, start: start, end: end, rows: [row])
                if isWatermarked, dropsLateRows, end <= lateMs * 1_000 {
                    late += 1
                    batch.lateGroups.insert(group.name)
                } else {
                    kept += 1
                    fresh.append(group)
                }
            }
            batch.pairsLate += late
            if kept == 0 && late > 0 { batch.rowsLate += 1 }
        }
        add(fresh)
        // Rows come in order of sequence: a group that the batch changed ends with one of its rows.
        let first = rows.first?.sequence ?? .max
        let isComplete = { [isWatermarked, mode] (group: ReferenceGroup) in
            isWatermarked && mode != .complete && group.end <= evictionMs * 1_000
        }
        switch mode {
        case .append: batch.emitted = groups.filter(isComplete)
        case .update: batch.emitted = groups.filter { $0.rows.contains { $0.sequence >= first } }
        case .complete: batch.emitted = groups
        }
        groups.removeAll(where: isComplete)
        return batch
    }

    private func windows(of row: ReferenceRow) -> [(start: Int64, end: Int64)] {
        switch window {
        case .none: return [(0, .max)]
        case .fixed(let duration, let slide, let start):
            guard let time = row.timeMicros else { return [] }
            return Self.windows(time, duration: duration, slide: slide, start: start)
        case .session(let gap):
            guard let time = row.timeMicros else { return [] }
            return [(time, time + gap)]
        }
    }

    /// Adds groups of one row each to those they belong to.
    private mutating func add(_ fresh: [ReferenceGroup]) {
        guard case .session = window else {
            var places = Dictionary(
                uniqueKeysWithValues: groups.enumerated().map { ($1.name, $0) })
            for group in fresh {
                if let place = places[group.name] {
                    groups[place].rows += group.rows
                } else {
                    places[group.name] = groups.count
                    groups.append(group)
                }
            }
            return
        }
        var merged: [ReferenceGroup] = []
        for session in (groups + fresh).sorted(by: { $0.start < $1.start }) {
            if let index = merged.lastIndex(where: { $0.keyText == session.keyText }),
                session.start <= merged[index].end
            {
                merged[index].end = max(merged[index].end, session.end)
                merged[index].rows += session.rows
                merged[index].rows.sort { $0.sequence < $1.sequence }
            } else {
                merged.append(session)
            }
        }
        groups = merged
    }

    private func normalised(_ value: Value) -> Value {
        if case .double(let double) = value, double == 0 { return .double(0) }
        return value
    }
}

/// Aggregates over a group's rows, as plainly as possible.
struct ReferenceAggregates {
    let group: ReferenceGroup

    func column(_ index: Int) -> [Value] { group.rows.map { $0.values[index] } }

    func present(_ index: Int) -> [Value] { column(index).filter { !$0.isNull } }

    /// The rows with each combination of values once, none of them null, in the order of the first.
    func distinct(_ indices: Int...) -> ReferenceAggregates {
        var rows: [ReferenceRow] = []
        for row in group.rows where !indices.contains(where: { row.values[$0].isNull }) {
            let isKnown = rows.contains { known in
                indices.allSatisfy { index in
                    !sparkLess(known.values[index], row.values[index])
                        && !sparkLess(row.values[index], known.values[index])
                }
            }
            if !isKnown { rows.append(row) }
        }
        rows.sort { sparkLess($0.values[indices[0]], $1.values[indices[0]]) }
        return ReferenceAggregates(
            group: ReferenceGroup(keys: group.keys, start: group.start, end: group.end, rows: rows))
    }

    func count(_ index: Int) -> Value { .long(Int64(present(index).count)) }

    var countAll: Value { .long(Int64(group.rows.count)) }

    func doubles(_ index: Int) -> [Double] {
        present(index).map { value in
            switch value {
            case .double(let double): double
            case .long(let long): Double(long)
            case .int(let int): Double(int)
            default: .nan
            }
        }
    }

    func integers(_ index: Int) -> [Int128] {
        present(index).map { value in
            switch value {
            case .long(let long): Int128(long)
            case .int(let int): Int128(int)
            case .decimal(let unscaled, _): unscaled
            default: 0
            }
        }
    }

    func sumDouble(_ index: Int) -> Value {
        let values = doubles(index)
        return values.isEmpty ? .null : .double(values.reduce(0, +))
    }

    func sumLong(_ index: Int) -> Value {
        let values = integers(index)
        return values.isEmpty ? .null : .long(Int64(values.reduce(0, +)))
    }

    func sumDecimal(_ index: Int, scale: Int) -> Value {
        let values = integers(index)
        return values.isEmpty ? .null : .decimal(unscaled: values.reduce(0, +), scale: scale)
    }

    func avgDouble(_ index: Int) -> Value {
        let values = doubles(index)
        return values.isEmpty ? .null : .double(values.reduce(0, +) / Double(values.count))
    }

    func avgDecimal(_ index: Int, scale: Int) -> Value {
        let values = integers(index)
        if values.isEmpty { return .null }
        let sum = values.reduce(0, +) * 10_000
        let count = Int128(values.count)
        let rounded = (2 * Int128(sum.magnitude) + count) / (2 * count)
        return .decimal(unscaled: sum < 0 ? -rounded : rounded, scale: scale + 4)
    }

    func extremum(_ index: Int, isMax: Bool) -> Value {
        present(index).reduce(.null) { best, value in
            if best.isNull { return value }
            return (isMax ? sparkLess(best, value) : sparkLess(value, best)) ? value : best
        }
    }

    /// Rows by (event time, sequence); rows without a time come first.
    var ordered: [ReferenceRow] {
        group.rows.sorted {
            ($0.timeMicros ?? .min, $0.sequence) < ($1.timeMicros ?? .min, $1.sequence)
        }
    }

    func first(_ index: Int, ignoreNulls: Bool = false) -> Value {
        ordered.map { $0.values[index] }.first { !ignoreNulls || !$0.isNull } ?? .null
    }

    func last(_ index: Int, ignoreNulls: Bool = false) -> Value {
        ordered.map { $0.values[index] }.last { !ignoreNulls || !$0.isNull } ?? .null
    }

    func by(_ index: Int, order: Int, isMax: Bool) -> Value {
        var best: ReferenceRow?
        for row in ordered where !row.values[order].isNull {
            guard let known = best else {
                best = row
                continue
            }
            let isBetter =
                isMax
                ? sparkLess(known.values[order], row.values[order])
                : sparkLess(row.values[order], known.values[order])
            if isBetter { best = row }
        }
        return best?.values[index] ?? .null
    }

    /// Two passes: another way to the same number than the engine's.
    func variance(_ index: Int, isSample: Bool) -> Double? {
        let values = doubles(index)
        guard values.count > (isSample ? 1 : 0) else { return nil }
        let mean = values.reduce(0, +) / Double(values.count)
        let squares = values.map { ($0 - mean) * ($0 - mean) }.reduce(0, +)
        return squares / Double(isSample ? values.count - 1 : values.count)
    }
}

/// Spark's order of two values of one type, neither null.
func sparkLess(_ left: Value, _ right: Value) -> Bool {
    switch (left, right) {
    case (.boolean(let a), .boolean(let b)): return !a && b
    case (.int(let a), .int(let b)): return a < b
    case (.long(let a), .long(let b)): return a < b
    case (.date(let a), .date(let b)): return a < b
    case (.timestamp(let a), .timestamp(let b)): return a < b
    case (.double(let a), .double(let b)):
        if a.isNaN { return false }
        return b.isNaN || a < b
    case (.decimal(let a, _), .decimal(let b, _)): return a < b
    case (.string(let a), .string(let b)): return a.utf8.lexicographicallyPrecedes(b.utf8)
    default: preconditionFailure("values of one type")
    }
}
