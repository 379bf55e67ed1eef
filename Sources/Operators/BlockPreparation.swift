import Columnar
import Expressions
import KeyedState

/// Turns input blocks into prepared ones: filter, keys, window times, arguments.
///
/// Holds no state, so any number of threads may prepare at once.
struct BlockPreparation: Sendable {
    /// The aggregates under one `FILTER` condition, or under none.
    private struct Domain {
        let filter: BoundExpression?
        var arguments: [BoundExpression] = []
        var isTimed = false
    }

    /// Where an aggregate finds its rows and arguments.
    struct AggregateInput: Sendable {
        let domain: Int
        let arguments: [Int]
    }

    private let plan: AggregationPlan
    private let eventTimeColumn: Int?
    private let domains: [Domain]
    /// The columns that are read after the filter.
    private let isNeeded: [Bool]
    /// One for each aggregate of the plan.
    let aggregateInputs: [AggregateInput]

    init(plan: AggregationPlan, eventTimeColumn: Int?) {
        self.plan = plan
        self.eventTimeColumn = eventTimeColumn
        var domains = [Domain(filter: nil)]
        var inputs: [AggregateInput] = []
        for call in plan.aggregates {
            var domain = 0
            if let filter = call.filter {
                let known = domains.firstIndex { $0.filter?.text == filter.text }
                domain = known ?? domains.count
                if known == nil { domains.append(Domain(filter: filter)) }
            }
            let arguments = call.arguments.map { argument in
                if let known = domains[domain].arguments.firstIndex(where: {
                    $0.text == argument.text && $0.type == argument.type
                }) {
                    return known
                }
                domains[domain].arguments.append(argument)
                return domains[domain].arguments.count - 1
            }
            switch call.function {
            case .first, .last, .minBy, .maxBy: domains[domain].isTimed = true
            default: break
            }
            inputs.append(AggregateInput(domain: domain, arguments: arguments))
        }
        self.domains = domains
        aggregateInputs = inputs
        var needed = [Bool](repeating: false, count: plan.input.count)
        var expressions = plan.keys.map(\.expression)
        if let window = plan.window {
            expressions += [window.time] + [window.gap].compactMap(\.self)
        }
        for domain in domains {
            expressions += domain.arguments + [domain.filter].compactMap(\.self)
        }
        for index in expressions.flatMap(\.columns) { needed[index] = true }
        if let eventTimeColumn { needed[eventTimeColumn] = true }
        isNeeded = needed
    }

    func prepare(
        _ block: InputBlock, _ context: EvaluationContext
    ) throws(OperatorError) -> PreparedBlock {
        var selection = Selection(block, isNeeded)
        if let filter = plan.filter {
            selection.keep(try selection.select(filter, context))
        }
        let filtered = selection.count
        var windowTimes: Column?
        var sessionEnds: Buffer?
        if let window = plan.window {
            var times = try selection.evaluate(window.time, context)
            if let valid = times.validity, valid.setBitCount < times.count {
                selection.keep(valid)
                times = times.filter(valid)
            }
            if window.isSession {
                let ends = try self.sessionEnds(window, &selection, &times, context)
                sessionEnds = ends
            }
            windowTimes = times.withValidity(nil)
        }
        let keys = try evaluate(plan.keys.map(\.expression), selection, context)
        var prepared: [PreparedDomain] = []
        for domain in domains {
            prepared.append(try prepare(domain, selection, windowTimes, context))
        }
        return PreparedBlock(
            inputCount: block.batch.count, count: selection.count,
            rowsWithoutWindow: filtered - selection.count, firstSequence: block.firstSequence,
            rows: selection.rows, keys: keys, keyIDs: KeyIDs(keys, count: selection.count),
            windowTimes: windowTimes, sessionEnds: sessionEnds, domains: prepared)
    }

    private func evaluate(
        _ expressions: [BoundExpression], _ selection: Selection, _ context: EvaluationContext
    ) throws(OperatorError) -> [Column] {
        var columns: [Column] = []
        for expression in expressions {
            columns.append(try selection.evaluate(expression, context))
        }
        return columns
    }

    private func prepare(
        _ domain: Domain, _ selection: Selection, _ windowTimes: Column?,
        _ context: EvaluationContext
    ) throws(OperatorError) -> PreparedDomain {
        var own = selection
        own.rows = nil
        var positions: [Int32] = []
        if let filter = domain.filter {
            own.keep(try selection.select(filter, context))
            if let rows = own.rows {
                positions = [Int32](repeating: -1, count: selection.count)
                for (position, row) in rows.enumerated() { positions[Int(row)] = Int32(position) }
            }
        }
        var arguments: [ArgumentValues] = []
        for argument in domain.arguments {
            let column: Column
            do throws(ExpressionError) {
                column = try argument.evaluate(own.batch, context)
            } catch {
                let row = error.row.map { Int(own.rows?[$0] ?? Int32($0)) }
                throw selection.failure(error, row: row)
            }
            arguments.append(ArgumentValues(column))
        }
        var times = Buffer.empty
        if domain.isTimed {
            var column = eventTimeColumn.map { own.batch.columns[$0] }
            if column == nil, let windowTimes {
                column = own.rows.map { windowTimes.gather($0) } ?? windowTimes
            }
            times = orderingTimes(column, count: own.count)
        }
        return PreparedDomain(
            rows: own.rows, positions: positions, times: times, arguments: arguments)
    }

    /// The end of each row's own session, `time + gap`; rows whose gap is null or not positive are
    /// dropped.
    private func sessionEnds(
        _ window: WindowPlan, _ selection: inout Selection, _ times: inout Column,
        _ context: EvaluationContext
    ) throws(OperatorError) -> Buffer {
        var fixedGap: Int64 = 0
        var gaps: Column?
        if case .session(let gapMicros) = window.kind {
            fixedGap = gapMicros
        } else if let expression = window.gap {
            var column = try selection.evaluate(expression, context)
            let isPositive = Bitmap(
                (0..<column.count).map { !column.isNull($0) && column.int64s[$0] > 0 })
            if isPositive.setBitCount < column.count {
                selection.keep(isPositive)
                times = times.filter(isPositive)
                column = column.filter(isPositive)
            }
            gaps = column
        }
        var failed: Int?
        let starts = times.int64s
        let ends = Buffer(of: Int64.self, count: times.count) { output in
            for row in 0..<times.count {
                let gap = gaps.map { $0.int64s[row] } ?? fixedGap
                let (end, overflow) = starts[row].addingReportingOverflow(gap)
                if overflow, failed == nil { failed = row }
                output.append(end)
            }
        }
        if let failed { throw windowOutOfRange(selection.sequence(failed)) }
        return ends
    }
}

/// The event times by which rows are ordered: a null is before every time, no column means that
/// the sequence alone decides.
private func orderingTimes(_ column: Column?, count: Int) -> Buffer {
    guard let column else {
        return Buffer(of: Int64.self, count: count) { $0.append(repeating: 0, count: count) }
    }
    if column.validity == nil { return column.values }
    let times = column.int64s
    return Buffer(of: Int64.self, count: count) { output in
        for row in 0..<count { output.append(column.isNull(row) ? .min : times[row]) }
    }
}

/// The rows of a block that are still of interest.
private struct Selection {
    private let block: InputBlock
    private let isNeeded: [Bool]
    /// The rows of the block that are kept; `nil` when all are.
    var rows: [Int32]?
    /// Those rows; columns that nobody reads hold something else.
    private(set) var batch: RecordBatch

    init(_ block: InputBlock, _ isNeeded: [Bool]) {
        self.block = block
        self.isNeeded = isNeeded
        batch = block.batch
    }

    var count: Int { batch.count }

    /// Keeps the rows whose bit is set.
    mutating func keep(_ bits: Bitmap) {
        let kept = bits.setBitIndices()
        if kept.count == count { return }
        rows = rows.map { known in kept.map { known[Int($0)] } } ?? kept
        let columns = batch.columns.enumerated().map { index, column in
            isNeeded[index] ? column.gather(kept) : column.slice(0..<kept.count)
        }
        batch = RecordBatch(batch.schema, columns, count: kept.count)
    }

    func evaluate(
        _ expression: BoundExpression, _ context: EvaluationContext
    ) throws(OperatorError) -> Column {
        do throws(ExpressionError) {
            return try expression.evaluate(batch, context)
        } catch {
            throw failure(error, row: error.row)
        }
    }

    func select(
        _ filter: BoundExpression, _ context: EvaluationContext
    ) throws(OperatorError) -> Bitmap {
        do throws(ExpressionError) {
            return try filter.select(batch, context)
        } catch {
            throw failure(error, row: error.row)
        }
    }

    func sequence(_ row: Int) -> Int64 {
        block.firstSequence + Int64(rows.map { $0[row] } ?? Int32(row))
    }

    func failure(_ error: ExpressionError, row: Int?) -> OperatorError {
        OperatorError(.expressionFailed, "\(error)", sequence: row.map(sequence))
    }
}

func windowOutOfRange(_ sequence: Int64) -> OperatorError {
    OperatorError(
        .datetimeOverflow,
        "the row's window would start or end outside what a timestamp can hold; filter such "
            + "times out with `where`",
        sequence: sequence)
}

extension KeyIDs {
    /// Numbers the keys of a block.
    init(_ keys: [Column], count rows: Int) {
        if keys.isEmpty {
            self.init(ids: .empty, count: 1)
        } else if keys.count == 1, let dictionary = keys[0].dictionary,
            dictionary.count <= 4 * rows + 1_024
        {
            self.init(codesOf: keys[0], dictionary.count)
        } else {
            self.init(hashing: keys, rows)
        }
    }

    /// The codes of a string column as they are; a null is one more.
    private init(codesOf key: Column, _ dictionaryCount: Int) {
        guard key.validity != nil else {
            self.init(ids: key.values, count: dictionaryCount)
            return
        }
        let codes = key.int32s
        let ids = Buffer(of: Int32.self, count: key.count) { output in
            for row in 0..<key.count {
                output.append(key.isNull(row) ? Int32(dictionaryCount) : codes[row])
            }
        }
        self.init(ids: ids, count: dictionaryCount + 1)
    }

    /// A number for each distinct combination of values, in order of first sight.
    ///
    /// Strings count as their codes and doubles as their bits: finer than equality, which is
    /// allowed.
    private init(hashing keys: [Column], _ rows: Int) {
        let table = WordTable(width: 1 + keys.reduce(0) { $0 + ($1.type.byteWidth == 16 ? 2 : 1) })
        var key = [UInt64](repeating: 0, count: table.width)
        let ids = Buffer(of: Int32.self, count: rows) { output in
            for row in 0..<rows {
                key[0] = 0
                var word = 1
                for (index, column) in keys.enumerated() {
                    word = Self.encode(column, row, UInt64(index), into: &key, at: word)
                }
                // Safe: the array has the table's width.
                let slot = unsafe key.withUnsafeBufferPointer { words in
                    guard let base = words.baseAddress else { return Int32(0) }
                    return unsafe table.findOrInsert(base).slot
                }
                output.append(slot)
            }
        }
        self.init(ids: ids, count: table.count)
    }

    private static func encode(
        _ column: Column, _ row: Int, _ index: UInt64, into key: inout [UInt64], at word: Int
    ) -> Int {
        let isWide = column.type.layout == .int128
        if column.isNull(row) {
            key[0] |= 1 << index
            key[word] = 0
            if isWide { key[word + 1] = 0 }
            return word + (isWide ? 2 : 1)
        }
        switch column.type.layout {
        case .bits: key[word] = column.bits.map { $0[row] ? 1 : 0 } ?? 0
        case .int32, .dictionary: key[word] = UInt64(UInt32(bitPattern: column.int32s[row]))
        case .int64: key[word] = UInt64(bitPattern: column.int64s[row])
        case .float64: key[word] = column.doubles[row].bitPattern
        case .int128:
            let value = UInt128(truncatingIfNeeded: column.int128s[row])
            key[word] = UInt64(truncatingIfNeeded: value)
            key[word + 1] = UInt64(truncatingIfNeeded: value >> 64)
        }
        return word + (isWide ? 2 : 1)
    }
}
