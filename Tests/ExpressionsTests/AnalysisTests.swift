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
}
