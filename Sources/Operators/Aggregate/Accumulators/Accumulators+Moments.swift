import Columnar
import KeyedState

/// Variance and standard deviation, sample and population, by Welford's update in row order, with
/// the formulas of Spark's `CentralMomentAgg`.
///
/// State: `n`, `avg`, `m2`, all doubles.
struct MomentAccumulator: Accumulator {
    enum Statistic: Sendable {
        case stddevSamp
        case stddevPop
        case varSamp
        case varPop
    }

    let statistic: Statistic
    let stateFields = [
        Field("n", .double, isNullable: false), Field("avg", .double, isNullable: false),
        Field("m2", .double, isNullable: false),
    ]

    init(_ statistic: Statistic) { self.statistic = statistic }

    func fold(_ input: FoldInput, _ state: [StateColumn]) {
        let counts = unsafe state[0].pointer(as: Double.self)
        let averages = unsafe state[1].pointer(as: Double.self)
        let squares = unsafe state[2].pointer(as: Double.self)
        let values = unsafe input.arguments[0].pointer(as: Double.self)
        input.forEachValid(in: 0) { slot, row in
            let count = unsafe counts[slot] + 1
            let delta = unsafe values[row] - averages[slot]
            let step = delta / count
            unsafe counts[slot] = count
            unsafe averages[slot] += step
            unsafe squares[slot] += delta * (delta - step)
        }
    }

    func merge(
        _ source: Int, into target: Int, _ state: [StateColumn], _ strings: StateStrings
    ) {
        let counts = unsafe state[0].pointer(as: Double.self)
        let averages = unsafe state[1].pointer(as: Double.self)
        let squares = unsafe state[2].pointer(as: Double.self)
        let left = unsafe counts[target]
        let right = unsafe counts[source]
        guard right > 0 else { return }
        guard left > 0 else {
            for column in state { column.copy(source, to: target) }
            return
        }
        let count = left + right
        let delta = unsafe averages[source] - averages[target]
        let step = delta / count
        unsafe counts[target] = count
        unsafe averages[target] += step * right
        unsafe squares[target] =
            squares[target] + squares[source] + delta * step * left * right
    }

    func finish(
        _ slots: [Int32], _ state: [StateColumn], _ strings: StateStrings
    ) -> Column {
        let counts = unsafe state[0].pointer(as: Double.self)
        let squares = unsafe state[2].pointer(as: Double.self)
        let isSample = statistic == .stddevSamp || statistic == .varSamp
        let isDeviation = statistic == .stddevSamp || statistic == .stddevPop
        return doubles(slots) { slot in
            let count = unsafe counts[slot]
            // One value has no sample variance: Spark gives null.
            guard count > (isSample ? 1 : 0) else { return nil }
            let variance = unsafe squares[slot] / (isSample ? count - 1 : count)
            return isDeviation ? variance.squareRoot() : variance
        }
    }
}
