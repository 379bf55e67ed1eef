import Columnar
import Expressions
import Testing

@Suite struct ErrorTests {
    /// An expression, the code of its error, the faulty part of it, and a word of the message.
    static let single: [(String, ExpressionError.Code, String, String)] = [
        ("", .parseSyntaxError, "", "end of the text"),
        ("price +", .parseSyntaxError, "", "Expected an expression"),
        ("price price price", .parseSyntaxError, "price", "Expected"),
        ("(price", .parseSyntaxError, "", "')'"),
        ("'abc", .parseSyntaxError, "'abc", "not closed"),
        ("`abc", .parseSyntaxError, "`abc", "backticks"),
        ("price # 2", .parseSyntaxError, "#", "'#'"),
        ("1abc", .parseSyntaxError, "1abc", "backticks"),
        ("CASE END", .parseSyntaxError, "END", "WHEN"),
        ("CAST(price AS integr)", .parseSyntaxError, "integr", "types are"),
        ("price NOT 5", .parseSyntaxError, "5", "Expected"),
        (
            "99999999999999999999999999999999999999999", .invalidLiteral,
            "99999999999999999999999999999999999999999", "38 digits"
        ),
        ("DATE '2024-02-30'", .invalidLiteral, "DATE '2024-02-30'", "not a date"),
        ("pirce > 0", .unresolvedColumn, "pirce", "'price'"),
        ("Volume + nosuch", .unresolvedColumn, "nosuch", "Valid columns are symbol, price"),
        ("rond(price)", .unresolvedRoutine, "rond", "'round'"),
        ("abs(price, 1)", .wrongNumArgs, "abs(price, 1)", "1 argument"),
        ("symbol + event_time", .datatypeMismatch, "symbol + event_time", "two numbers"),
        ("CASE WHEN price THEN 1 END", .datatypeMismatch, "price", "boolean"),
        ("event_time = 5", .datatypeMismatch, "event_time = 5", "need one type"),
        ("NULL", .datatypeMismatch, "NULL", "CAST(NULL AS type)"),
        ("INTERVAL '1' DAY", .datatypeMismatch, "INTERVAL '1' DAY", "added to"),
        ("price + INTERVAL '1' DAY", .datatypeMismatch, "price", "timestamp or a date"),
        ("date_trunc('minit', event_time)", .invalidParameterValue, "'minit'", "minute"),
        ("symbol LIKE 'a!b' ESCAPE '!'", .invalidFormat, "'a!b'", "escape"),
        (
            "window(event_time, '1 minute')", .invalidWindow, "window(event_time, '1 minute')",
            "groupBy"
        ),
        ("upper(DISTINCT symbol)", .parseSyntaxError, "upper(DISTINCT symbol)", "no aggregate"),
    ]

    @Test(arguments: single) func oneClearError(
        text: String, code: ExpressionError.Code, place: String, words: String
    ) throws {
        let errors = faults(QueryText(select: [text]))
        let error = try #require(errors.first)
        #expect(errors.count == 1, "\(errors)")
        #expect(error.code == code, "\(error)")
        let utf8 = Array(text.utf8)
        #expect(String(decoding: utf8[error.position], as: UTF8.self) == place)
        #expect(error.message.contains(words), "\(error)")
        #expect(error.part == .select(0))
    }

    @Test func suggestionsAreTheNearestName() {
        #expect(faults(QueryText(select: ["pirce"])).first?.suggestion == "price")
        #expect(faults(QueryText(select: ["summ(price)"])).first?.suggestion == "sum")
        #expect(faults(QueryText(select: ["zzzzzzzz"])).first?.suggestion == nil)
    }

    @Test func allErrorsOfAQueryInOneGo() {
        let errors = faults(
            QueryText(
                where: "pirce > 0 AND sum(volume) > 1",
                groupBy: ["symbl", "window(event_time, 'x')"],
                select: [
                    "symbol", "nosuch(price) + nofun(1)", "first(DISTINCT volume)", "price +",
                ],
                having: "count(*) > "))
        let found = errors.map { "\($0.part?.description ?? "?") \($0.code.rawValue)" }
        #expect(
            found == [
                "where UNRESOLVED_COLUMN", "where INVALID_WHERE_CONDITION",
                "groupBy[0] UNRESOLVED_COLUMN", "groupBy[1] INVALID_INTERVAL_FORMAT",
                "select[1] UNRESOLVED_ROUTINE",
                "select[1] UNRESOLVED_ROUTINE", "select[2] UNSUPPORTED_DISTINCT",
                "select[3] PARSE_SYNTAX_ERROR", "having PARSE_SYNTAX_ERROR",
            ])
    }

    /// What follows from a fault is no fault of its own.
    @Test func aFaultyGroupingExpressionIsOneFault() {
        for key in ["symbl", "uper(symbol)", "max(price)"] {
            let errors = faults(
                QueryText(groupBy: [key], select: ["symbol", "max(price) AS high"]))
            #expect(errors.map(\.part) == [.groupBy(0)], "\(errors)")
        }
    }

    @Test func havingNeedsGroups() {
        let errors = faults(QueryText(select: ["symbol", "price"], having: "price > 1"))
        #expect(errors.map(\.part) == [.having], "\(errors)")
        #expect(errors.first?.message.contains("'where'") == true)
        #expect(faults(QueryText(select: ["max(price) AS m"], having: "count(*) > 1")) == [])
    }

    @Test func textsAreBounded() {
        let deep = String(repeating: "(", count: 5_000) + "1" + String(repeating: ")", count: 5_000)
        let chain = Array(repeating: "1", count: 5_000).joined(separator: " + ")
        let signs = String(repeating: "- ", count: 5_000) + "price"
        let nots = String(repeating: "NOT ", count: 5_000) + "true"
        let cases = String(repeating: "CASE WHEN ", count: 3_000)
        for text in [deep, chain, signs, nots, cases] {
            #expect(faults(QueryText(select: [text])).map(\.code) == [.limitExceeded])
        }
        let long = "'" + String(repeating: "x", count: 70_000) + "'"
        #expect(faults(QueryText(select: [long])).map(\.code) == [.limitExceeded])
        let wide = (0..<5_000).map(String.init).joined(separator: ", ")
        #expect(faults(QueryText(select: ["lots IN (\(wide)) AS x"])) == [])
    }

    @Test func rowErrorsNameRowExpressionAndRemedy() throws {
        let batch = RecordBatch(
            Schema([Field("a", .int), Field("b", .int), Field("s", .string)]),
            rows: [
                [.int(1), .null, .string("1")], [.int(.max), .int(0), .string("x1")],
            ])
        func message(_ text: String) throws -> ExpressionError? {
            let expression = try BoundExpression(parsing: text, input: batch.schema)
            do {
                _ = try expression.evaluate(batch, EvaluationContext(batchTimestampMicros: 0))
                return nil
            } catch { return error }
        }
        let overflow = try #require(try message("2 * (a + 1)"))
        #expect(overflow.code == .arithmeticOverflow && overflow.row == 1)
        #expect(
            overflow.message == "Overflow of int in '(a + 1)', where "
                + "a = 2147483647. To get NULL instead, use try_add, or cast to a wider type.")
        #expect(overflow.position == 5..<10)
        let division = try #require(try message("a div b"))
        #expect(division.message.contains("try_divide") && division.message.contains("b = 0"))
        let cast = try #require(try message("CASE WHEN b IS NOT NULL THEN CAST(s AS INT) END"))
        #expect(cast.code == .castInvalidInput && cast.row == 1 && cast.message.contains("'x1'"))
        #expect(try message("CASE WHEN b IS NULL THEN CAST(s AS INT) END") == nil)
        let pattern = try #require(try message("s LIKE concat('\\\\', s)"))
        #expect(pattern.code == .invalidFormat && pattern.message.contains("escapes nothing"))
    }

    @Test func namesAreComparedWithoutCase() throws {
        let input = Schema([Field("Price", .double), Field("price", .double), Field("a b", .int)])
        #expect(throws: ExpressionErrors.self) {
            try BoundExpression(parsing: "PRICE", input: input)
        }
        #expect(try BoundExpression(parsing: "`A b` + 1", input: input).text == "(`a b` + 1)")
        #expect(try BoundExpression(parsing: "SYMBOL", input: ticks).columns == [0])
    }
}
