import Columnar
import Expressions
import Testing

@Suite struct EvaluationTests {
    static let context = EvaluationContext(batchTimestampMicros: 1_723_161_600_250_000)

    /// Ticks with nulls, NaN, zeros and repeated symbols, from a fixed sequence.
    static func batch(_ count: Int) -> RecordBatch {
        var state: UInt64 = 42
        func next(_ bound: UInt64) -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return (state >> 33) % bound
        }
        let symbols = ["IBM", "AAPL", "MSFT", "", "é"]
        var rows: [[Value]] = []
        for _ in 0..<count {
            let price = [-1.5, 0, -0.0, 2.25, 1e10, .nan, .infinity][Int(next(7))]
            rows.append([
                .string(symbols[Int(next(5))]), next(5) == 0 ? .null : .double(price),
                next(5) == 0 ? .null : .long(Int64(next(9)) - 4),
                next(9) == 0 ? .null : .timestamp(Int64(next(1 << 40)) * 1_000),
                next(6) == 0
                    ? .null : .decimal(unscaled: Int128(next(1_000_000)) - 500_000, scale: 4),
                next(6) == 0 ? .null : .int(Int32(next(11)) - 5),
            ])
        }
        return RecordBatch(ticks, rows: rows)
    }

    @Test(arguments: [
        "price > 0 AND volume > 0", "price * volume", "price + lots", "volume / 4", "-price",
        "price <> 0 AND volume / price > 1", "volume = 0 OR lots % volume = 0",
        "CASE WHEN volume = 0 THEN -1 WHEN price > 1 THEN lots div volume ELSE volume END",
        "CASE WHEN price > 1 THEN symbol WHEN lots > 0 THEN 'x' END",
        "CASE WHEN price > 1 THEN price WHEN lots > 0 THEN bid ELSE volume END",
        "coalesce(price, volume, 7)", "coalesce(try_divide(lots, volume), 0)",
        "nullif(symbol, 'IBM')",
        "symbol = 'IBM'", "symbol IN ('IBM', 'é', NULL)", "symbol < 'M'", "symbol || '-' || lots",
        "symbol LIKE '%M%'", "upper(symbol)", "length(symbol)", "substring(symbol, 2)",
        "bid * 2", "bid / 3", "bid + bid", "bid > 10", "CAST(bid AS DOUBLE)", "round(bid, 1)",
        "greatest(price, volume)", "least(symbol, 'K')", "greatest(lots, 0)", "price <=> volume",
        "price IS NULL", "NOT (price > 1)", "price > 1 OR lots > 1", "isnan(price)",
        "to_date(event_time)", "date_trunc('hour', event_time)", "hour(event_time)",
        "CAST(price AS STRING)", "TRY_CAST(price AS INT)", "if(lots > 0, event_time, NULL)",
        "current_timestamp()", "event_time + INTERVAL '1' DAY", "ln(price)", "abs(lots)",
        "try_add(lots, 2147483640)", "1 + 2", "NULL IS NULL", "CAST(NULL AS DOUBLE)",
    ]) func slicesGiveWhatTheWholeGives(text: String) throws {
        let batch = Self.batch(700)
        let expression = try BoundExpression(parsing: text, input: ticks)
        let whole = try expression.evaluate(batch, Self.context)
        #expect(whole.type == expression.type && whole.count == batch.count)
        if !expression.isNullable { #expect(whole.nullCount == 0) }
        for cuts in [[0, 1, 3, 64, 65, 130, 700], [0, 699, 700], [0, 0, 257, 700]] {
            var values: [Value] = []
            for (start, end) in zip(cuts, cuts.dropFirst()) {
                let slice = try expression.evaluate(batch.slice(start..<end), Self.context)
                values += (0..<slice.count).map { slice.value(at: $0) }
            }
            #expect(values == (0..<whole.count).map { whole.value(at: $0) })
        }
        // Rows in any order, one entry of the dictionary unused.
        let picked = batch.gather([5, 5, 0, 17])
        let some = try expression.evaluate(picked, Self.context)
        #expect((0..<4).map { some.value(at: $0) } == [5, 5, 0, 17].map { whole.value(at: $0) })
    }

    @Test func selectionIsWhereTheConditionIsTrue() throws {
        let batch = Self.batch(300)
        let expression = try BoundExpression(parsing: "price > 0 AND volume > 0", input: ticks)
        let selected = try expression.select(batch, Self.context)
        let column = try expression.evaluate(batch, Self.context)
        for row in 0..<300 { #expect(selected[row] == (column.value(at: row) == .boolean(true))) }
        let never = try BoundExpression(parsing: "NULL AND true", input: ticks)
        #expect(try never.select(batch, Self.context).setBitCount == 0)
    }

    @Test func branchesThatARowDoesNotTakeCannotFail() throws {
        let batch = RecordBatch(
            Schema([Field("a", .int), Field("s", .string)]),
            rows: [[.int(0), .string("x")], [.int(2), .string("5")], [.null, .string("y")]])
        func values(_ text: String) throws -> [Value] {
            let column = try BoundExpression(parsing: text, input: batch.schema)
                .evaluate(batch, Self.context)
            return (0..<3).map { column.value(at: $0) }
        }
        #expect(try values("a <> 0 AND 10 div a > 1") == [.boolean(false), .boolean(true), .null])
        #expect(try values("a = 0 OR 10 div a > 1") == [.boolean(true), .boolean(true), .null])
        #expect(try values("if(a = 0, -1, 10 div a)") == [.long(-1), .long(5), .null])
        #expect(
            try values("CASE WHEN a > 0 THEN CAST(s AS INT) ELSE 0 END")
                == [.int(0), .int(5), .int(0)])
        #expect(throws: ExpressionError.self) { try values("coalesce(a, CAST(s AS INT))") }
        #expect(throws: ExpressionError.self) { try values("10 div a > 1 AND a <> 0") }
    }

    @Test func theBatchTimestampIsTheContexts() throws {
        let one = Self.batch(1)
        let now = try BoundExpression(parsing: "current_timestamp()", input: ticks)
        #expect(
            try now.evaluate(one, Self.context).value(at: 0) == .timestamp(1_723_161_600_250_000))
        let day = try BoundExpression(parsing: "current_date() + 1", input: ticks)
        #expect(try day.evaluate(one, Self.context).value(at: 0) == .date(19_945))
    }

    @Test func theOrderOfDoublesIsTotal() {
        #expect(isEqual(.nan, -.nan) && isEqual(-0.0, 0.0))
        #expect(isLess(.infinity, .nan) && !isLess(.nan, .nan) && !isLess(-0.0, 0.0))
    }

    /// Whatever a row holds, an expression gives a value or throws; it never traps.
    @Test(arguments: [
        "hour(t)", "second(t)", "date_trunc('week', t)", "date_trunc('hour', t)", "to_date(t)",
        "t + INTERVAL '1' DAY", "t - INTERVAL 1 month", "t + INTERVAL 178956970 years",
        "year(y)", "week(y)", "trunc(y, 'year')", "y + 1", "y - INTERVAL 1 month", "datediff(y, y)",
        "CAST(y AS TIMESTAMP)", "unix_millis(t)", "timestamp_millis(l)", "timestamp_seconds(l)",
        "CAST(l AS TIMESTAMP)", "CAST(d AS TIMESTAMP)", "CAST(w AS TIMESTAMP)", "w + w", "w - w",
        "w * w", "w / w", "w % w", "pmod(w, -w)", "w div w", "w / 0.000001", "w + 0.5", "-w",
        "round(w, -38)", "round(w, -40)", "floor(w)", "abs(w)", "CAST(w AS DECIMAL(38,38))",
        "CAST(w AS DOUBLE)", "-l", "abs(l)", "l div -1", "l % -1", "pmod(l, -1)", "round(l, -19)",
        "round(l, -1)", "round(d, 400)", "round(d, -400)", "round(d, 2)", "floor(d)",
        "CAST(d AS INT)",
        "CAST(d AS LONG)", "CAST(d AS DECIMAL(38,10))", "CAST(d AS STRING)", "pow(d, d)",
        "substring(s, i)", "substring(s, i, i)", "i % -1", "-i", "date_add(y, i)",
        "CAST(s AS DECIMAL(38,0))", "CAST(s AS DOUBLE)", "CAST(s AS TIMESTAMP)", "CAST(s AS DATE)",
        "CAST(s AS INT)", "date_from_unix_date(i)",
    ]) func extremesNeverTrap(text: String) throws {
        let schema = Schema([
            Field("i", .int), Field("l", .long), Field("d", .double),
            Field("w", .decimal(precision: 38, scale: 0)), Field("s", .string),
            Field("t", .timestamp), Field("y", .date),
        ])
        let ends = Int128("99999999999999999999999999999999999999") ?? 0
        let strings = [
            "1e10000", "-1e-10000", "9999999-12-31", "-9999999-01-01T00:00:00",
            "1e99999999999999999",
            String(repeating: "9", count: 400), "٣", "",
        ]
        var rows: [[Value]] = []
        for (index, edge) in [Int64.min, .max, -1, 0, 1].enumerated() {
            rows.append([
                .int(Int32(clamping: edge)), .long(edge),
                .double(
                    [
                        -.greatestFiniteMagnitude, .greatestFiniteMagnitude,
                        -.leastNonzeroMagnitude,
                        .nan, -.infinity,
                    ][index]),
                .decimal(unscaled: [-ends, ends, -1, 0, 1][index], scale: 0),
                .string(strings[index]),  // From the first whole day that a timestamp can be in.
                .timestamp(max(edge, .min + microsPerDay)), .date(Int32(clamping: edge)),
            ])
        }
        for string in strings {
            rows.append([.null, .null, .null, .null, .string(string), .null, .null])
        }
        guard let expression = try? BoundExpression(parsing: text, input: schema) else {
            #expect(text == "t + INTERVAL 178956970 years", "only that does not fit")
            return
        }
        let batch = RecordBatch(schema, rows: rows)
        var failures = 0
        for row in 0..<batch.count {
            do {
                let value = try expression.evaluate(batch.slice(row..<row + 1), Self.context)
                #expect(value.count == 1)
            } catch { failures += 1 }
        }
        let whole = try? expression.evaluate(batch, Self.context)
        #expect((whole == nil) == (failures > 0))
    }
}
