import Columnar
import Expressions
import KeyedState
import Operators
import Testing

/// What is emitted and what state files hold depends on the rows and the batch boundaries alone.
@Suite struct DeterminismTests {
    /// Sums, means and deviations of doubles, whose bits depend on the order of folding.
    static let select = [
        "symbol", "sum(price) AS s", "avg(price) AS a", "stddev_samp(price) AS d",
        "var_pop(price) AS v", "sum(price * volume) AS turnover",
        "first(price) AS f", "last(note) AS l", "max(note) AS n",
        "min_by(note, price) AS b", "sum(price) FILTER (WHERE flag) AS x",
    ]

    static let windows = [
        "window(ts, '5 seconds')", "window(ts, '10 seconds', '3 seconds')",
        "session_window(ts, '1500 milliseconds')", "",
    ]

    /// Runs a few batches, with the given options.
    private func run(
        _ window: String, _ mode: OutputMode, _ options: QueryDriver.Options
    ) throws -> QueryDriver {
        var driver = try QueryDriver(
            QueryText(
                where: "volume <> 0 OR volume IS NULL",
                groupBy: window.isEmpty ? ["symbol"] : ["symbol", window],
                select: Self.select), mode: mode, input: RandomRows.schema, eventTime: "ts",
            delayMs: 3_000, options: options)
        var random = RandomRows(seed: 11)
        for batch in 0..<7 { try driver.add(random.rows(batch == 3 ? 0 : 50)) }
        return driver
    }

    @Test(arguments: windows, OutputMode.allCases)
    func blocksAndRestoresChangeNothing(window: String, mode: OutputMode) throws {
        if window.isEmpty && mode == .append { return }
        let whole = try run(window, mode, QueryDriver.Options())
        #expect(whole.outputs.contains { $0.rows.count > 0 })
        for (blockRows, restores) in [(1, true), (7, false), (.max, true)] {
            var options = QueryDriver.Options()
            options.blockRows = blockRows
            options.restores = restores
            let other = try run(window, mode, options)
            #expect(other.outputs.count == whole.outputs.count)
            for (left, right) in zip(other.outputs, whole.outputs) {
                #expect(left.rows.rows == right.rows.rows)
                #expect(left.counters.rowsLate == right.counters.rowsLate)
                #expect(left.counters.rowsDropped == right.counters.rowsDropped)
                #expect(left.counters.stateRowsUpdated == right.counters.stateRowsUpdated)
            }
            #expect(other.receipts == whole.receipts, "blocks of \(blockRows), \(restores)")
            #expect(other.lateSequences == whole.lateSequences)
        }
    }

    /// Other batch boundaries: the same rows in the end, bit for bit, as long as none is late.
    @Test(arguments: windows.dropLast())
    func batchesDoNotChangeResults(window: String) throws {
        func emitted(batchRows: Int) throws -> [[Value]] {
            var driver = try QueryDriver(
                QueryText(
                    groupBy: ["symbol", window],
                    select: ["\(window.prefix { $0 != "(" }).start AS ws"] + Self.select),
                mode: .append, input: RandomRows.schema, eventTime: "ts", delayMs: 20_000)
            var random = RandomRows(seed: 5, startMicros: 100_000_000)
            let rows = random.rows(400)
            var emitted: [[Value]] = []
            for first in stride(from: 0, to: rows.count, by: batchRows) {
                emitted += try driver.add(Array(rows[first..<min(first + batchRows, rows.count)]))
            }
            var last = rows[0]
            last[0] = seconds(1_000_000)
            emitted += try driver.add([last])
            #expect(driver.outputs.allSatisfy { $0.counters.rowsLate == 0 })
            return sortedRows(emitted)
        }
        let one = try emitted(batchRows: 400)
        #expect(one.count > 20)
        for batchRows in [7, 37, 250] { #expect(try emitted(batchRows: batchRows) == one) }
    }

    /// Statistics against the textbook's two passes; the engine's single pass differs in the last
    /// bits.
    @Test func deviationsAreThoseOfTwoPasses() throws {
        var driver = try QueryDriver(
            QueryText(
                groupBy: ["symbol"],
                select: [
                    "symbol", "stddev_samp(price) AS a", "stddev_pop(price) AS b",
                    "var_samp(price) AS c", "var_pop(price) AS d", "var_samp(volume) AS e",
                ]), mode: .complete, input: RandomRows.schema, eventTime: "ts", delayMs: nil)
        var random = RandomRows(seed: 3)
        let rows =
            random.rows(200) + [
                [.null, .string("one"), .double(4)] + Array(repeating: .null, count: 7)
            ]
        for row in try driver.add(rows) {
            let group = ReferenceGroup(
                keys: [row[0]], start: 0, end: 0,
                rows: rows.filter { $0[1] == row[0] }.map {
                    ReferenceRow(values: $0, sequence: 0, timeMicros: 0)
                })
            let all = ReferenceAggregates(group: group)
            let expected = [
                all.variance(2, isSample: true)?.squareRoot(),
                all.variance(2, isSample: false)?.squareRoot(),
                all.variance(2, isSample: true), all.variance(2, isSample: false),
                all.variance(3, isSample: true),
            ]
            for (value, expected) in zip(row.dropFirst(), expected) {
                guard case .double(let double) = value, let expected else {
                    #expect(value.isNull && expected == nil, "\(row[0])")
                    continue
                }
                #expect(abs(double - expected) <= 1e-12 * abs(expected))
            }
        }
    }

    @Test func doubleSumsAreInRowOrder() throws {
        var driver = try QueryDriver(
            QueryText(
                groupBy: ["symbol"], select: ["symbol", "sum(price) AS s", "avg(price) AS a"]),
            mode: .complete, input: RandomRows.schema, eventTime: "ts", delayMs: nil)
        var random = RandomRows(seed: 4)
        let rows = random.rows(300)
        for row in try driver.add(rows) {
            let all = ReferenceAggregates(
                group: ReferenceGroup(
                    keys: [row[0]], start: 0, end: 0,
                    rows: rows.filter { $0[1] == row[0] }.map {
                        ReferenceRow(values: $0, sequence: 0, timeMicros: 0)
                    }))
            #expect(Array(row.dropFirst()) == [all.sumDouble(2), all.avgDouble(2)])
        }
    }
}
