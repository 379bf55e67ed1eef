import Columnar
import Expressions
import Operators
import Testing

/// Queries over random rows against the reference: which groups are emitted when, with which
/// values, what is late.
@Suite struct ReferenceTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let window: String
        let kind: ReferenceEngine.Window
        let mode: OutputMode
        let delayMs: Int64?
        let startMicros: Int64
        let seed: UInt64

        var testDescription: String {
            "\(window) \(mode) delay \(delayMs ?? -1) start \(startMicros) seed \(seed)"
        }
    }

    static let windows: [(String, ReferenceEngine.Window)] = [
        ("window(ts, '5 seconds')", .fixed(duration: 5_000_000, slide: 5_000_000, start: 0)),
        (
            "window(ts, '10 seconds', '3 seconds')",
            .fixed(duration: 10_000_000, slide: 3_000_000, start: 0)
        ),
        (
            "window(ts, '7 seconds', '2 seconds', '1 second')",
            .fixed(duration: 7_000_000, slide: 2_000_000, start: 1_000_000)
        ),
        ("session_window(ts, '1500 milliseconds')", .session(gap: 1_500_000)),
        ("", .none),
    ]

    static let cases: [Case] = windows.flatMap { text, kind in
        OutputMode.allCases.flatMap { mode in
            [(2_000, 0), (6_000, -200_000_000), (nil, 100_000_000)].compactMap {
                (delay: Int64?, start: Int64) -> Case? in
                if mode == .append && (delay == nil || text.isEmpty) { return nil }
                return Case(
                    window: text, kind: kind, mode: mode, delayMs: delay, startMicros: start,
                    seed: UInt64(start.magnitude) + UInt64(delay ?? 1))
            }
        }
    }

    /// Exact whatever the order of folding, so that sessions may be compared too.
    static let select = [
        "count(*) AS c", "count(price, volume) AS c2", "sum(volume) AS sv", "sum(n) AS sn",
        "sum(amount) AS sa", "avg(amount) AS aa", "avg(wide) AS aw", "sum(wide) AS sw",
        "min(price) AS p0", "max(price) AS p1", "min(note) AS n0", "max(note) AS n1",
        "min(flag) AS f0", "max(flag) AS f1", "min(day) AS d0", "max(day) AS d1",
        "min(wide) AS w0", "max(wide) AS w1", "min(ts) AS t0", "max(ts) AS t1",
        "first(price) AS p2", "last(price) AS p3", "first(note) AS n2", "last(note) AS n3",
        "first(price, true) AS p4", "last(wide, true) AS w2", "first(flag) AS f2",
        "last(day) AS d2", "min_by(note, price) AS b0", "max_by(price, note) AS b1",
        "max_by(wide, n) AS b2", "min_by(flag, ts) AS b3", "max_by(ts, wide) AS b4",
        "sum(volume) FILTER (WHERE volume > 0) AS x0", "count(*) FILTER (WHERE flag) AS x1",
        "last(note) FILTER (WHERE n >= 2) AS x2",
        "count(DISTINCT price) AS u0", "count(DISTINCT note, flag) AS u1",
        "sum(DISTINCT volume) AS u2", "sum(DISTINCT price) AS u3", "avg(DISTINCT n) AS u4",
        "sum(DISTINCT amount) AS u5", "avg(DISTINCT wide) AS u6", "max(DISTINCT day) AS u7",
        "count(DISTINCT note) FILTER (WHERE flag) AS u8",
    ]

    /// In the order of `select`.
    static func expected(_ group: ReferenceGroup) -> [Value] {
        let all = ReferenceAggregates(group: group)
        let filtered = { (keep: (ReferenceRow) -> Bool) in
            ReferenceAggregates(
                group: ReferenceGroup(
                    keys: group.keys, start: group.start, end: group.end,
                    rows: group.rows.filter(keep)))
        }
        let positive = filtered {
            if case .long(let volume) = $0.values[3] { volume > 0 } else { false }
        }
        let flagged = filtered { $0.values[6] == .boolean(true) }
        let large = filtered { if case .int(let n) = $0.values[9] { n >= 2 } else { false } }
        let both = filtered { !$0.values[2].isNull && !$0.values[3].isNull }
        return [
            all.countAll, both.countAll, all.sumLong(3), all.sumLong(9),
            all.sumDecimal(4, scale: 2), all.avgDecimal(4, scale: 2), all.avgDecimal(8, scale: 3),
            all.sumDecimal(8, scale: 3),
            all.extremum(2, isMax: false), all.extremum(2, isMax: true),
            all.extremum(5, isMax: false), all.extremum(5, isMax: true),
            all.extremum(6, isMax: false), all.extremum(6, isMax: true),
            all.extremum(7, isMax: false), all.extremum(7, isMax: true),
            all.extremum(8, isMax: false), all.extremum(8, isMax: true),
            all.extremum(0, isMax: false), all.extremum(0, isMax: true),
            all.first(2), all.last(2), all.first(5), all.last(5),
            all.first(2, ignoreNulls: true), all.last(8, ignoreNulls: true), all.first(6),
            all.last(7), all.by(5, order: 2, isMax: false), all.by(2, order: 5, isMax: true),
            all.by(8, order: 9, isMax: true), all.by(6, order: 0, isMax: false),
            all.by(0, order: 8, isMax: true), positive.sumLong(3), flagged.countAll,
            large.last(5),
            all.distinct(2).countAll, all.distinct(5, 6).countAll, all.distinct(3).sumLong(3),
            all.distinct(2).sumDouble(2), all.distinct(9).avgDouble(9),
            all.distinct(4).sumDecimal(4, scale: 2), all.distinct(8).avgDecimal(8, scale: 3),
            all.extremum(7, isMax: true), flagged.distinct(5).countAll,
        ]
    }

    @Test(arguments: cases)
    func everyBatchEmitsWhatTheReferenceEmits(_ test: Case) throws {
        let isWindowed = !test.window.isEmpty
        let keys = isWindowed ? ["window.start AS ws", "window.end AS we", "symbol"] : ["symbol"]
        let isSession = if case .session = test.kind { true } else { false }
        let select =
            (isSession
                ? ["session_window.start AS ws", "session_window.end AS we", "symbol"] : keys)
            + Self.select
        var options = QueryDriver.Options()
        options.blockRows = 17
        options.restores = true
        var driver = try QueryDriver(
            QueryText(
                where: "n IS NULL OR n <> 0",
                groupBy: isWindowed ? ["symbol", test.window] : ["symbol"], select: select),
            mode: test.mode, input: RandomRows.schema, eventTime: "ts", delayMs: test.delayMs,
            options: options)
        var reference = ReferenceEngine(
            window: test.kind, mode: test.mode, isWatermarked: test.delayMs != nil && isWindowed,
            keyColumns: [1])
        var random = RandomRows(seed: test.seed, startMicros: test.startMicros)
        var sequence: Int64 = 0
        var totalLate = 0
        for batch in 0..<10 {
            let rows = batch % 5 == 4 ? [] : random.rows(23 + batch)
            let numbered = rows.enumerated().map { index, values in
                ReferenceRow(
                    values: values, sequence: sequence + Int64(index), timeMicros: micros(values[0])
                )
            }.filter { $0.values[9] != .int(0) }
            sequence += Int64(rows.count)
            let lateMs = driver.lastRanWithMs
            let evictionMs = driver.tracker.watermarkMs
            let emitted = try driver.runBatch(rows)
            let expected = reference.run(numbered, lateMs: lateMs, evictionMs: evictionMs)
            let expectedRows = expected.emitted.map { group in
                (isWindowed ? [.timestamp(group.start), .timestamp(group.end)] : []) + group.keys
                    + Self.expected(group)
            }
            compare(emitted, expectedRows, columns: driver.outputs[batch].rows.schema.names)
            let output = driver.outputs[batch]
            #expect(output.counters.rowsLate == expected.rowsLate)
            #expect(output.pairsLate == expected.pairsLate)
            #expect(output.counters.rowsDropped == expected.lateGroups.count)
            #expect(output.counters.stateRows == reference.groups.count)
            totalLate += expected.pairsLate
        }
        if test.delayMs == 2_000, test.mode != .complete, isWindowed, test.startMicros >= 0 {
            #expect(totalLate > 0, "the case is meant to have late rows")
        }
    }

    private func micros(_ value: Value) -> Int64? {
        if case .timestamp(let micros) = value { micros } else { nil }
    }

    private func compare(_ rows: [[Value]], _ expected: [[Value]], columns: [String]) {
        let left = sortedRows(rows)
        let right = sortedRows(expected)
        #expect(left.count == right.count)
        for (row, expectedRow) in zip(left, right) where row != expectedRow {
            for (index, name) in columns.enumerated() where row[index] != expectedRow[index] {
                Issue.record(
                    "\(name): \(row[index]), expected \(expectedRow[index]) in \(row.prefix(3))")
            }
        }
    }

    /// Windows by their definition, around zero and at both ends of a window.
    @Test(
        arguments: [
            (10, 10, 0), (10, 3, 0), (10, 10, 5), (10, 4, -3), (7, 7, 6), (1, 1, 0), (60, 1, 0),
        ] as [(Int64, Int64, Int64)])
    func windowsOfATime(duration: Int64, slide: Int64, start: Int64) throws {
        let text =
            "window(ts, '\(duration) seconds', '\(slide) seconds', '\(start) seconds')"
        var driver = try QueryDriver(
            QueryText(
                groupBy: [text, "ts"], select: ["ts", "window.start AS ws", "window.end AS we"]),
            mode: .complete, input: Schema([Field("ts", .timestamp)]), eventTime: nil,
            delayMs: nil)
        let unit: Int64 = 1_000_000
        let times = (-12...12).flatMap { [$0 * unit - 1, $0 * unit, $0 * unit + 1] }
        let rows = try driver.runBatch(times.map { [.timestamp($0)] })
        var expected: [(start: Int64, end: Int64, time: Int64)] = []
        for time in times {
            let windows = ReferenceEngine.windows(
                time, duration: duration * unit, slide: slide * unit, start: start * unit)
            expected += windows.map { ($0.start, $0.end, time) }
        }
        expected.sort { ($0.start, $0.end, $0.time) < ($1.start, $1.end, $1.time) }
        let expectedRows = expected.map {
            [Value.timestamp($0.time), .timestamp($0.start), .timestamp($0.end)]
        }
        #expect(rows == expectedRows)
    }
}
