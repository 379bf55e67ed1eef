import Columnar
import Jobs
import Registry
import Testing

@testable import Serving

/// What a page is shown of rows that come and change.
@Suite struct LiveTableTests {
    private static func queries() throws -> [ServedQuery] {
        let text = """
            {"name": "j", "source": {"format": "log", "path": "log/t"},
             "watermark": {"eventTime": "event_time", "delayThreshold": "1 second"},
             "queries": [{"name": "q", "groupBy": ["symbol", "window(event_time, '1 second')"],
               "select": ["symbol", "window.start AS window_start", "first(price) AS open",
                          "max(price) AS high", "min(price) AS low", "last(price) AS close"],
               "outputMode": "append", "sinks": [{"format": "console"}]}]}
            """
        let job = try Job.load(
            Array(text.utf8), path: "j.json", environment: [:], registry: .all)
        let plan = try job.plan(
            inputSchema: Schema([
                Field("symbol", .string), Field("event_time", .timestamp), Field("price", .double),
            ]))
        return plan.queries.map { ServedQuery($0, table: nil) }
    }

    private static func rows(
        _ served: ServedQuery, _ rows: [(symbol: String, second: Int64, close: Double)]
    ) -> RecordBatch {
        RecordBatch(
            served.schema,
            rows: rows.map { row in
                [
                    .string(row.symbol), .timestamp(row.second * 1_000_000), .double(1),
                    .double(9), .double(0), .double(row.close),
                ]
            })
    }

    private static func text(_ rows: [LiveTable.Row]?) -> [String]? {
        rows?.map { String(decoding: $0.text, as: UTF8.self) + ($0.isFinal ? "!" : "") }
    }

    @Test func rolesOfColumns() throws {
        let served = try #require(try Self.queries().first)
        #expect(served.view == .candles)
        #expect(served.symbolColumn == 0)
        #expect(served.timeColumn == 1)
        #expect(served.intervalMs == 1_000)
        #expect(served.isGrouped)
    }

    @Test func manyChangesAreReadOnce() throws {
        let queries = try Self.queries()
        var table = LiveTable(queries, keep: 10)
        for close in 1...5 {
            table.show(0, batch: 1, Self.rows(queries[0], [("A", 1, Double(close))]))
        }
        table.show(0, batch: 1, Self.rows(queries[0], [("B", 1, 7)]))
        let all = table.changes(of: 0, symbols: nil, since: 0, rowsMax: 10)
        #expect(
            Self.text(all) == ["[\"A\",1000,1.0,9.0,0.0,5.0]", "[\"B\",1000,1.0,9.0,0.0,7.0]"])
        #expect(Self.text(table.changes(of: 0, symbols: ["B"], since: 0, rowsMax: 10))?.count == 1)
        #expect(
            Self.text(table.changes(of: 0, symbols: nil, since: table.sequence, rowsMax: 9)) == [])
        #expect(table.changes(of: 0, symbols: nil, since: 0, rowsMax: 1) == nil)
    }

    @Test func aFinalDoesNotChange() throws {
        let queries = try Self.queries()
        var table = LiveTable(queries, keep: 10)
        table.show(0, batch: 1, Self.rows(queries[0], [("A", 1, 1)]))
        table.commit(0, batch: 1, Self.rows(queries[0], [("A", 1, 2)]))
        let seen = table.sequence
        table.show(0, batch: 2, Self.rows(queries[0], [("A", 1, 3)]))
        table.commit(0, batch: 1, Self.rows(queries[0], [("A", 1, 2)]))
        #expect(table.changes(of: 0, symbols: nil, since: seen, rowsMax: 10)?.isEmpty == true)
        #expect(Self.text(table.finals(of: 0, symbol: "A")) == ["[\"A\",1000,1.0,9.0,0.0,2.0]!"])
        #expect(table.count == 1)
    }

    @Test func whoIsTooFarBehindBeginsAnew() throws {
        let queries = try Self.queries()
        var table = LiveTable(queries, keep: 8)
        for second in 1...40 {
            table.commit(
                0, batch: Int64(second), Self.rows(queries[0], [("A", Int64(second), 1)]))
        }
        #expect(table.changes(of: 0, symbols: nil, since: 1, rowsMax: 100) == nil)
        #expect(table.changes(of: 0, symbols: ["B"], since: 1, rowsMax: 100)?.isEmpty == true)
        let recent = table.changes(of: 0, symbols: nil, since: table.sequence - 3, rowsMax: 100)
        #expect(recent?.map(\.start) == [38_000, 39_000, 40_000])
        #expect((8...10).contains(table.count))
    }

    @Test func anOpenWindowThatNeverCameIsLetGo() throws {
        let queries = try Self.queries()
        var table = LiveTable(queries, keep: 8)
        table.show(0, batch: 1, Self.rows(queries[0], [("A", 1, 1), ("A", 5, 1)]))
        table.removeOverdue(watermarkMs: 2_000)
        #expect(table.newest(of: 0, symbols: nil, rowsMax: 10).map(\.start) == [5_000])
    }

    @Test func whatWasLostIsSaid() throws {
        let queries = try Self.queries()
        var table = LiveTable(queries, keep: 8)
        table.commit(0, batch: 1, Self.rows(queries[0], [("A", 1, 1)]))
        let seen = table.sequence
        table.lose(0)
        #expect(table.changes(of: 0, symbols: nil, since: seen, rowsMax: 10) == nil)
        #expect(
            table.changes(of: 0, symbols: nil, since: table.sequence, rowsMax: 10)?.isEmpty == true)
        #expect(table.count == 0)
    }

    @Test func numbersThatAPageCannotHoldAreText() {
        let schema = Schema([
            Field("a", .long), Field("b", .double), Field("c", .decimal(precision: 38, scale: 18)),
            Field("d", .timestamp), Field("e", .string), Field("f", .boolean), Field("g", .date),
        ])
        var text = RowText(
            RecordBatch(
                schema,
                rows: [
                    [
                        .long(1 << 53), .double(1e300), .decimal(unscaled: 5, scale: 18),
                        .timestamp(-1), .string("\"\u{1}é"), .boolean(true), .date(0),
                    ],
                    [
                        .long((1 << 53) + 1), .double(.nan), .null, .null, .null, .null, .null,
                    ],
                    [.long(-1), .double(-.infinity), .null, .null, .null, .null, .null],
                ]))
        let lines = (0..<3).map { String(decoding: text.text($0), as: UTF8.self) }
        #expect(
            lines[0]
                == "[9007199254740992,1e+300,\"0.000000000000000005\",-1,\"\\\"\\u0001é\",true,"
                + "\"1970-01-01\"]")
        #expect(lines[1] == "[\"9007199254740993\",\"NaN\",null,null,null,null,null]")
        #expect(lines[2] == "[-1,\"-Infinity\",null,null,null,null,null]")
    }

    @Test func thePaceFollowsTheCost() {
        var pace = Pace(processors: 2, nowNanos: 0, busyNanos: 0)
        #expect(pace.pauseNanos == 0)
        var (now, busy): (UInt64, UInt64) = (0, 0)
        for _ in 0..<5 {
            now += 300_000_000
            busy += 100_000_000
            pace.look(nowNanos: now, busyNanos: busy)
        }
        #expect(pace.pauseNanos == 250_000_000)
        for _ in 0..<5 {
            now += 300_000_000
            pace.look(nowNanos: now, busyNanos: busy)
        }
        #expect(pace.pauseNanos == 0)
    }
}
