import Columnar
import Expressions
import Operators
import Testing

/// Overflow, odd values, limits and failing rows.
@Suite struct AggregateFaultTests {
    static let input = Schema([
        Field("k", .string), Field("n", .long), Field("x", .double),
        Field("d", .decimal(precision: 38, scale: 0)), Field("ts", .timestamp),
    ])

    private func driver(
        _ select: [String], where filter: String? = nil, groupBy: [String] = ["k"],
        limits: OperatorLimits = OperatorLimits()
    ) throws -> QueryDriver {
        try QueryDriver(
            QueryText(where: filter, groupBy: groupBy, select: select), mode: .complete,
            input: Self.input, eventTime: "ts", delayMs: nil, limits: limits)
    }

    private func row(
        _ k: String?, n: Int64? = nil, x: Double? = nil, d: Int128? = nil, ts: Int64 = 0
    ) -> [Value] {
        [
            k.map { .string($0) } ?? .null, n.map { .long($0) } ?? .null,
            x.map { .double($0) } ?? .null,
            d.map { .decimal(unscaled: $0, scale: 0) } ?? .null, seconds(ts),
        ]
    }

    @Test func longSumOverflowNamesTheRow() throws {
        var driver = try driver(["sum(n) AS s"])
        try driver.add([row("a", n: .max), row("b", n: 1)])
        let error = #expect(throws: OperatorError.self) {
            try driver.add([row("b", n: 5), row("a", n: 1), row("a", n: 1)])
        }
        #expect(error?.code == .arithmeticOverflow)
        #expect(error?.sequence == 3)
        #expect(error?.message.contains("sum(n)") == true)
    }

    @Test func distinctSumsMayOverflowToo() throws {
        var driver = try driver(["sum(DISTINCT n) AS s"])
        #expect(try driver.add([row("a", n: .max), row("a", n: .max)]) == [[.long(.max)]])
        let error = #expect(throws: OperatorError.self) { try driver.add([row("a", n: 1)]) }
        #expect(error?.code == .arithmeticOverflow)
        #expect(error?.sequence == nil)
    }

    /// Beyond 2^53 two longs may be one double.
    @Test func distinctLongsAreToldApartAsLongs() throws {
        var driver = try driver(["count(DISTINCT n) AS c", "avg(DISTINCT n) AS a"])
        let large: Int64 = 1 << 53
        let rows = try driver.add([row("a", n: large), row("a", n: large + 1), row("a", n: large)])
        #expect(rows == [[.long(2), .double(Double(large))]])
    }

    /// What is no text is kept as text.
    @Test func distinctBytes() throws {
        var options = QueryDriver.Options()
        options.restores = true
        var driver = try QueryDriver(
            QueryText(groupBy: ["k"], select: ["count(DISTINCT b, k) AS c"]), mode: .complete,
            input: Schema([Field("k", .string), Field("b", .binary)]), eventTime: nil,
            delayMs: nil, options: options)
        let rows: [[UInt8]] = [[0xff], [0xff, 0], [], [0xff], [0x66, 0x66]]
        for count in [4, 4] {
            let found = try driver.runBatch(rows.map { [.string("a"), .binary($0)] })
            #expect(found == [[.long(Int64(count))]])
        }
    }

    @Test(arguments: [
        "count(DISTINCT *)", "first(DISTINCT n)", "min_by(DISTINCT n, x)",
        "count_if(DISTINCT n > 0)",
    ])
    func distinctIsRefusedWhereItMeansNothing(call: String) {
        let error = #expect(throws: ExpressionErrors.self) { try driver(["\(call) AS c"]) }
        #expect(error?.errors.contains { $0.code == .distinctAggregate } == true, "\(error)")
    }

    @Test func decimalSumOverflowIsAnError() throws {
        let large: Int128 = 99_999_999_999_999_999_999_999_999_999_999_999_999
        var driver = try driver(["sum(d) AS s"])
        #expect(try driver.add([row("a", d: large)]) == [[.decimal(unscaled: large, scale: 0)]])
        let error = #expect(throws: OperatorError.self) { try driver.add([row("a", d: 1)]) }
        #expect(error?.code == .numericValueOutOfRange)
        var average = try self.driver(["avg(d) AS s"])
        let tooWide = #expect(throws: OperatorError.self) { try average.add([row("a", d: large)]) }
        #expect(tooWide?.code == .numericValueOutOfRange)
    }

    @Test func nanIsGreatestAndZerosAreEqual() throws {
        var driver = try driver(["min(x) AS a", "max(x) AS b", "max_by(n, x) AS c"])
        let rows = try driver.add([
            row("a", n: 1, x: 3), row("a", n: 2, x: .nan), row("a", n: 3, x: .infinity),
            row("a", n: 4, x: -.nan, ts: -1),
        ])
        #expect(rows == [[.double(3), .double(.nan), .long(4)]])
        var zeros = try self.driver(["min(x) AS a", "max(x) AS b", "min_by(n, x) AS c"])
        let zero = try zeros.add([
            row("a", n: 1, x: 0, ts: 5), row("a", n: 2, x: -0.0, ts: 4),
            row("a", n: 3, x: 0, ts: 4),
        ])
        #expect(zero == [[.double(0), .double(0), .long(2)]])
    }

    @Test func groupsOfNothingButNulls() throws {
        var driver = try driver([
            "count(*) AS a", "count(n) AS b", "sum(n) AS c", "avg(x) AS d", "min(x) AS e",
            "sum(d) AS f", "avg(d) AS g", "first(x) AS h", "first(x, true) AS i",
            "max_by(n, x) AS j", "stddev_pop(x) AS k",
        ])
        let rows = try driver.add([row(nil), row(nil)])
        #expect(rows == [[.long(2), .long(0)] + Array(repeating: .null, count: 9)])
    }

    @Test func aGlobalAggregateHasARowWithoutRows() throws {
        var driver = try driver(["count(*) AS a", "sum(n) AS b"], groupBy: [])
        #expect(try driver.add([]) == [[.long(0), .null]])
        #expect(try driver.add([row("a", n: 3)]) == [[.long(1), .long(3)]])
        #expect(try driver.add([]) == [[.long(1), .long(3)]])
    }

    @Test func havingAndOrderOfOutput() throws {
        var driver = try QueryDriver(
            QueryText(
                groupBy: ["k", "window(ts, '10 seconds')"],
                select: ["k", "window.start AS s", "count(*) AS c"], having: "count(*) > 1"),
            mode: .complete, input: Self.input, eventTime: "ts", delayMs: nil)
        let rows = try driver.add(
            [("b", 11), ("b", 12), ("a", 15), ("a", 16), ("\u{e9}", 1), ("\u{e9}", 1), ("z", 2)]
                .map { row($0.0, ts: $0.1) } + [row(nil, ts: 13), row(nil, ts: 14)])
        #expect(
            rows == [
                [.string("\u{e9}"), seconds(0), .long(2)], [.null, seconds(10), .long(2)],
                [.string("a"), seconds(10), .long(2)], [.string("b"), seconds(10), .long(2)],
            ])
    }

    /// Arguments are computed only for rows that `where` and `FILTER` let through.
    @Test func filteredRowsAreNotEvaluated() throws {
        var driver = try driver(
            ["sum(10 / n) AS a", "sum(100 div (n - 1)) FILTER (WHERE n > 1) AS b"],
            where: "n <> 0")
        let rows = try driver.add([row("a", n: 0), row("a", n: 1), row("a", n: 5)])
        #expect(rows == [[.double(12), .long(25)]])
        var failing = try self.driver(["sum(10 / n) AS a"], where: "k = 'a'")
        let error = #expect(throws: OperatorError.self) {
            try failing.add([row("b", n: 0), row("a", n: 1), row("b", n: 0), row("a", n: 0)])
        }
        #expect(error?.code == .expressionFailed)
        #expect(error?.sequence == 3)
    }

    @Test func theStateIsBounded() throws {
        var driver = try driver(["count(*) AS c"], limits: OperatorLimits(stateRowsMax: 2))
        try driver.add([row("a"), row("b"), row("a")])
        let error = #expect(throws: OperatorError.self) { try driver.add([row("b"), row("c")]) }
        #expect(error?.code == .stateTooLarge)
        #expect(error?.message.contains("maxStateRows") == true)
        #expect(error?.sequence == 4)
    }

    @Test(arguments: [Int64.max, .min, .max - 30_000_000, .min + 30_000_000])
    func windowsOutsideTimeAreAnError(time: Int64) throws {
        for window in ["window(ts, '1 minute')", "window(ts, '1 minute', '7 seconds')"] {
            var driver = try driver(["count(*) AS c"], groupBy: [window])
            var late = row("a")
            late[4] = .timestamp(time)
            let rows = [row("a"), late]
            let error = #expect(throws: OperatorError.self) { try driver.add(rows) }
            #expect(error?.code == .datetimeOverflow)
            #expect(error?.sequence == 1)
        }
    }

    @Test func projectionsFilterThenCompute() throws {
        guard
            case .projection(let plan) = try analyze(
                QueryText(where: "n <> 0", select: ["k", "10 div n AS q"]), input: Self.input,
                eventTime: nil)
        else { preconditionFailure("no aggregates") }
        let query = Project(plan: plan)
        let context = EvaluationContext(batchTimestampMicros: 0)
        let batch = RecordBatch(Self.input, rows: [row("a", n: 0), row("b", n: 3), row("c", n: 5)])
        let block = InputBlock(batch: batch, firstSequence: 40)
        #expect(
            try query.reshape(block, context).batch.rows
                == [[.string("b"), .long(3)], [.string("c"), .long(2)]])
        guard
            case .projection(let failing) = try analyze(
                QueryText(where: "n <> 3", select: ["10 div (n - 5) AS q"]), input: Self.input,
                eventTime: nil)
        else { preconditionFailure("no aggregates") }
        let error = #expect(throws: OperatorError.self) {
            try Project(plan: failing).reshape(block, context)
        }
        #expect(error?.sequence == 42)
    }
}
