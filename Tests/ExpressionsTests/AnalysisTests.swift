import Columnar
import Expressions
import Testing

/// The columns of a tick, as jobs have them.
let ticks = Schema([
    Field("symbol", .string, isNullable: false), Field("price", .double), Field("volume", .long),
    Field("event_time", .timestamp), Field("bid", .decimal(precision: 18, scale: 4)),
    Field("lots", .int),
])

func analyzed(_ query: QueryText, eventTime: String? = "event_time") throws -> QueryPlan {
    try analyze(query, input: ticks, eventTime: eventTime)
}

func aggregation(_ query: QueryText) throws -> AggregationPlan {
    guard case .aggregation(let plan) = try analyzed(query) else {
        throw ExpressionErrors([.init(.unsupportedFeature, "not an aggregation", at: 0..<0)])
    }
    return plan
}

/// The errors of a query that must not be understood.
func faults(_ query: QueryText) -> [ExpressionError] {
    do {
        _ = try analyzed(query)
        return []
    } catch let errors as ExpressionErrors {
        return errors.errors
    } catch {
        return []
    }
}

@Suite struct AnalysisTests {
    @Test func candles() throws {
        let plan = try aggregation(
            QueryText(
                where: "price > 0 AND volume > 0",
                groupBy: ["symbol", "window(event_time, '1 minute')"],
                select: [
                    "symbol", "window.start AS window_start", "window.end AS window_end",
                    "first(price) AS open", "max(price) AS high", "min(price) AS low",
                    "last(price) AS close", "sum(volume) AS volume",
                    "sum(price * volume) / sum(volume) AS vwap", "count(*) AS trades",
                    "to_date(window.start) AS date",
                ]))
        #expect(
            plan.outputSchema.description
                == "symbol string NOT NULL, window_start timestamp NOT NULL, "
                + "window_end timestamp NOT NULL, open double, high double, low double, "
                + "close double, volume long, vwap double, trades long NOT NULL, "
                + "date date NOT NULL")
        #expect(plan.keys.map(\.name) == ["symbol"])
        #expect(
            plan.window?.kind
                == .sliding(
                    durationMicros: 60_000_000, slideMicros: 60_000_000, startMicros: 0))
        #expect(plan.window?.isOnEventTime == true)
        #expect(
            plan.aggregates.map(\.text) == [
                "first(price)", "max(price)", "min(price)", "last(price)", "sum(volume)",
                "sum((price * volume))", "count(*)",
            ])
        #expect(
            plan.groupSchema.names == [
                "symbol", "window.start", "window.end", "agg0", "agg1", "agg2", "agg3", "agg4",
                "agg5", "agg6",
            ])
    }

    @Test func projectionsExpandStars() throws {
        guard
            case .projection(let plan) = try analyzed(
                QueryText(
                    where: "price > 0", select: ["*", "price * volume AS notional", "lots + 1"]))
        else {
            Issue.record("not a projection")
            return
        }
        #expect(plan.outputSchema.names == ticks.names + ["notional", "(lots + 1)"])
        #expect(plan.outputSchema[0] == ticks[0])
        #expect(plan.filter?.columns == [1])
        #expect(plan.output[6].expression.columns == [1, 2])
    }

    /// An aggregate's text, its function, its result type and its arguments' types.
    static let aggregates: [(String, AggregateFunction, DataType, [DataType])] = [
        ("count(*)", .countAll, .long, []), ("count(1)", .countAll, .long, []),
        ("count(price)", .count, .long, [.double]),
        ("count(price, lots)", .count, .long, [.double, .int]),
        ("count_if(price > 1)", .countAll, .long, []),
        ("sum(lots)", .sum, .long, [.long]), ("sum(volume)", .sum, .long, [.long]),
        ("sum(price)", .sum, .double, [.double]),
        (
            "sum(bid)", .sum, .decimal(precision: 28, scale: 4),
            [.decimal(precision: 28, scale: 4)]
        ),
        ("avg(lots)", .avg, .double, [.double]), ("mean(price)", .avg, .double, [.double]),
        (
            "avg(bid)", .avg, .decimal(precision: 22, scale: 8),
            [.decimal(precision: 18, scale: 4)]
        ),
        ("min(symbol)", .min, .string, [.string]),
        ("max(event_time)", .max, .timestamp, [.timestamp]),
        ("first(price)", .first(ignoreNulls: false), .double, [.double]),
        ("first_value(price, true)", .first(ignoreNulls: true), .double, [.double]),
        (
            "last(bid) IGNORE NULLS", .last(ignoreNulls: true), .decimal(precision: 18, scale: 4),
            [.decimal(precision: 18, scale: 4)]
        ),
        ("max_by(symbol, price)", .maxBy, .string, [.string, .double]),
        ("min_by(price, event_time)", .minBy, .double, [.double, .timestamp]),
        ("stddev(lots)", .stddevSamp, .double, [.double]),
        ("stddev_pop(bid)", .stddevPop, .double, [.double]),
        ("variance(price)", .varSamp, .double, [.double]),
        ("var_pop(price)", .varPop, .double, [.double]),
        ("bool_and(price > 1)", .min, .boolean, [.boolean]),
    ]

    @Test(arguments: aggregates) func aggregatesHaveSparksTypes(
        text: String, function: AggregateFunction, type: DataType, arguments: [DataType]
    ) throws {
        let plan = try aggregation(QueryText(select: ["\(text) AS x"]))
        let call = try #require(plan.aggregates.first)
        #expect(plan.aggregates.count == 1 && plan.keys.isEmpty && plan.window == nil)
        #expect(call.function == function && call.type == type)
        #expect(call.arguments.map(\.type) == arguments)
        #expect(call.isNullable == (function != .count && function != .countAll))
        #expect((call.filter != nil) == text.hasPrefix("count_if"))
    }

    @Test func equalAggregatesAreComputedOnce() throws {
        let plan = try aggregation(
            QueryText(
                groupBy: ["symbol"],
                select: [
                    "symbol", "sum( PRICE )/count(*) AS a", "(Sum(price) + 1) AS b",
                    "sum(price) FILTER (WHERE volume > 5) AS c",
                ],
                having: "sum(`price`) > 0 AND a > 1"))
        #expect(
            plan.aggregates.map(\.text) == [
                "sum(price)", "count(*)", "sum(price) FILTER (WHERE (volume > 5))",
            ])
        #expect(plan.having?.columns == [1, 2])
        #expect(plan.aggregates[2].filter?.columns == [2])
    }

    @Test func groupsAreNamedByExpressionAliasOrOrdinal() throws {
        let plan = try aggregation(
            QueryText(
                groupBy: ["upper(symbol) AS s", "day", "3"],
                select: [
                    "S", "to_date(event_time) AS day", "lots % 10 AS bucket",
                    "UPPER(symbol) || '!' AS t", "count(*) AS n",
                ]))
        #expect(plan.keys.map(\.name) == ["s", "day", "bucket"])
        #expect(plan.output.map { $0.expression.columns } == [[0], [1], [2], [0], [3]])
        #expect(plan.groupSchema.names == ["s", "day", "bucket", "agg0"])
    }

    @Test func windowsOfAllKinds() throws {
        func window(_ text: String, _ select: String) throws -> WindowPlan? {
            try aggregation(QueryText(groupBy: [text, "symbol"], select: [select, "symbol"])).window
        }
        #expect(
            try window("window(event_time, '1 minute', '10 seconds', '-5s')", "window.start")?.kind
                == .sliding(
                    durationMicros: 60_000_000, slideMicros: 10_000_000, startMicros: -5_000_000))
        #expect(
            try window("window(event_time, INTERVAL '2' HOUR) AS w", "w.end AS e")?.kind
                == .sliding(
                    durationMicros: 7_200_000_000, slideMicros: 7_200_000_000, startMicros: 0))
        #expect(
            try window("session_window(event_time, '5 minutes')", "session_window.end")?.kind
                == .session(gapMicros: 300_000_000))
        let dynamic = try window(
            "session_window(event_time, CASE WHEN symbol = 'IBM' THEN '5 seconds' ELSE "
                + "INTERVAL '1' MINUTE END)", "session_window.start")
        #expect(dynamic?.kind == .dynamicSession && dynamic?.gap?.type == .long)
        #expect(try window("window(event_time, '1 day')", "window_time(window) AS x") != nil)
        #expect(
            try window("window(event_time, '1 day')", "window(EVENT_TIME, '1 day').start") != nil)
        let shifted = try window("window(event_time + INTERVAL '1' HOUR, '1h')", "window.start")
        #expect(shifted?.isOnEventTime == false)
    }

    @Test(arguments: [
        "window(event_time, '0 seconds')", "window(event_time, '-1 minute')",
        "window(event_time, '1 minute', '2 minutes')", "window(event_time, '1 minute', '0s')",
        "window(event_time, '1 minute', '30s', '30s')", "window(event_time, '1 month')",
        "window(event_time, '1 minit')", "window(price, '1 minute')", "window(event_time)",
        "window(event_time, 60)", "window(nosuch, '1 minute')",
        "window(event_time, '1 day', '1us')",
        "session_window(event_time, '0s')", "session_window(event_time, price)",
        "session_window(event_time, '1 month')",
    ]) func windowsThatCannotBe(text: String) {
        #expect(
            faults(QueryText(groupBy: [text], select: ["count(*)"])).map(\.part) == [.groupBy(0)])
    }

    /// A query, and the code of its one error.
    static let faulty: [(QueryText, ExpressionError.Code)] = [
        (QueryText(groupBy: ["symbol"], select: ["price"]), .missingAggregation),
        (QueryText(groupBy: ["symbol"], select: ["*"]), .missingAggregation),
        (QueryText(select: ["price", "count(*)"]), .missingAggregation),
        (QueryText(groupBy: ["symbol"], select: ["sum(max(price))"]), .nestedAggregate),
        (QueryText(groupBy: ["sum(price)"], select: ["1 AS x"]), .misplacedAggregate),
        (QueryText(where: "sum(price) > 1", select: ["price"]), .misplacedAggregate),
        (QueryText(where: "price", select: ["price"]), .datatypeMismatch),
        (QueryText(select: ["price AS a", "lots AS A"]), .columnAlreadyExists),
        (QueryText(select: ["*", "lots"]), .columnAlreadyExists),
        (QueryText(select: []), .parseSyntaxError),
        (QueryText(groupBy: ["symbol"], select: ["window.start"]), .unresolvedColumn),
        (
            QueryText(groupBy: ["window(event_time, '1m')"], select: ["window"]),
            .datatypeMismatch
        ),
        (
            QueryText(groupBy: ["window(event_time, '1m')"], select: ["window.begin"]),
            .unresolvedColumn
        ),
        (
            QueryText(
                groupBy: ["window(event_time, '1m')", "window(event_time, '2m')"],
                select: ["window.start"]), .invalidWindow
        ),
        (QueryText(groupBy: ["symbol"], select: ["sum(symbol, 1)"]), .wrongNumArgs),
        (QueryText(groupBy: ["symbol"], select: ["sum(event_time)"]), .datatypeMismatch),
        (QueryText(groupBy: ["symbol"], select: ["count(DISTINCT *)"]), .distinctAggregate),
        (
            QueryText(groupBy: ["symbol"], select: ["symbol"], having: "price > 1"),
            .missingAggregation
        ),
    ]

    @Test(arguments: faulty) func refused(query: QueryText, code: ExpressionError.Code) {
        let errors = faults(query)
        #expect(errors.map(\.code) == [code], "\(errors)")
    }

    @Test func columnsWithTheNamesOfInternalOnes() throws {
        let input = Schema([
            Field("agg0", .int), Field("window.start", .int), Field("t", .timestamp),
        ])
        let plan = try analyze(
            QueryText(
                groupBy: ["agg0", "`window.start`", "window(t, '1m')"],
                select: ["agg0", "`window.start`", "window.end AS e", "count(*) AS n"]),
            input: input, eventTime: "t")
        guard case .aggregation(let aggregation) = plan else { return }
        #expect(aggregation.groupSchema.count == 5)
        #expect(aggregation.output.map { $0.expression.columns } == [[0], [1], [3], [4]])
    }
}
