import Columnar
import Expressions
import KeyedState
import Operators
import Storage
import TestSupport

// Times, durations and counts at the ends of what 64 bits hold: everything that is computed with them
// gives a value or an error. The bytes only choose.

/// Computes an expression, or runs a windowed aggregation, with times as the bytes choose them.
func fuzzTimes(_ bytes: [UInt8]) {
    var choice = TimeChoice(SeededGenerator(seed: Checksum.xxh3(bytes)))
    let rows = choice.rows()
    if Bool.random(using: &choice.random) {
        evaluateTimes(choice.expression(), rows)
    } else {
        runWindows(&choice)
    }
}

private let timeSchema = Schema([
    Field("ts", .timestamp), Field("day", .date), Field("n", .long), Field("i", .int),
    Field("x", .double), Field("key", .string),
])

private func evaluateTimes(_ text: String, _ rows: RecordBatch) {
    guard let bound = try? BoundExpression(parsing: text, input: timeSchema) else { return }
    for row in 0..<rows.count {
        let result = try? bound.evaluate(
            rows.slice(row..<row + 1), EvaluationContext(batchTimestampMicros: .max))
        // A value must have a text, too.
        _ = result.map { "\($0.value(at: 0))" }
    }
}

private func runWindows(_ choice: inout TimeChoice) {
    let query = QueryText(
        groupBy: ["key", choice.window()],
        select: [
            "key", "unix_micros(window.start) AS s", "window.end AS e", "count(*) AS c",
            "min(ts) AS a", "max(n) AS b", "first(x) AS f",
            choice.expression(of: "max(ts)") + " AS g",
        ])
    guard
        case .aggregation(let plan)? = try? analyze(query, input: timeSchema, eventTime: "ts")
    else { return }
    let mode = [OutputMode.append, .update, .complete].randomElement(using: &choice.random)
    let operation = Aggregate(
        plan: plan, mode: mode ?? .append, eventTimeColumn: 0, watermarked: true,
        // A row may lie in 100,000 windows: as many groups take seconds, and none of them is another case.
        limits: OperatorLimits(stateRowsMax: 20_000))
    var tracker = WatermarkTracker(inputs: [.init(delayMs: choice.delayMs())])
    var lastMs: Int64 = 0
    for number in 0..<Int64.random(in: 1...4, using: &choice.random) {
        let rows = choice.rows()
        let context = BatchContext(
            number: BatchID(number), lateWatermark: EventTime(Milliseconds(lastMs)),
            watermark: EventTime(Milliseconds(tracker.watermarkMs)),
            evaluation: EvaluationContext(batchTimestampMicros: choice.time()))
        lastMs = tracker.watermarkMs
        var output = OutputRows()
        do {
            let block = InputBlock(batch: rows, firstSequence: number << 32)
            let prepared = try operation.prepare(block, port: 0, context)
            try operation.fold(prepared, port: 0, context, into: &output)
            try operation.finish(context, into: &output)
        } catch {
            // A batch that fails ends the run of a job.
            return
        }
        _ = operation.deadlines
        var seen = EventTimeStatistics()
        seen.add(
            rows.columns[0], limitMs: Bool.random(using: &choice.random) ? choice.number() : nil)
        tracker.endBatch([seen])
        _ = operation.wantsEmptyBatch(
            EventTime(Milliseconds(tracker.watermarkMs)), after: EventTime(Milliseconds(lastMs)))
    }
}

/// Chooses times, most of them at an edge.
private struct TimeChoice {
    var random: SeededGenerator

    init(_ random: SeededGenerator) { self.random = random }

    private static let edges: [Int64] = [
        0, 1, -1, .min, .max, 1 << 62, -(1 << 62), 1 << 61,
        // The first and the last microsecond of the years 1 and 9999, and the ones beyond.
        -62_135_596_800_000_000, -62_135_596_800_000_001, 253_402_300_799_999_999,
        253_402_300_800_000_000,
        // As seconds and as milliseconds.
        .max / 1_000, .min / 1_000, .max / 1_000_000, .min / 1_000_000, 253_402_300_799,
        Int64(Int32.max), Int64(Int32.min), 86_400_000_000, 1_767_600_000_000_000,
        106_751_991 * 86_400_000_000,
    ]

    mutating func number() -> Int64 {
        let edge = Self.edges.randomElement(using: &random) ?? 0
        return edge &+ Int64.random(in: -3...3, using: &random)
    }

    mutating func time() -> Int64 { number() }

    mutating func delayMs() -> Int64 { max(0, number()) }

    mutating func rows() -> RecordBatch {
        RecordBatch(
            timeSchema,
            rows: (0..<Int.random(in: 1...5, using: &random)).map { _ in
                [
                    .timestamp(time()), .date(Int32(truncatingIfNeeded: number())),
                    .long(number()), .int(Int32(truncatingIfNeeded: number())),
                    .double(Double(number())),
                    .string(["a", "b"].randomElement(using: &random) ?? ""),
                ]
            })
    }

    private static let units = [
        "year", "month", "week", "day", "hour", "minute", "second", "millisecond", "microsecond",
    ]

    mutating func interval() -> String {
        let unit = Self.units.randomElement(using: &random) ?? ""
        switch Int.random(in: 0..<4, using: &random) {
        case 0: return "\(Int.random(in: 1...90, using: &random)) \(unit)"
        case 1:
            let days = [53_375_995, 53_375_996, 106_751_991, 106_751_992, 3_652_059]
            return "\(days.randomElement(using: &random) ?? 1) days"
        case 2: return "\(number().magnitude) microseconds"
        default: return "\(number()) \(unit)"
        }
    }

    mutating func window() -> String {
        switch Int.random(in: 0..<6, using: &random) {
        case 0: "window(ts, '\(interval())')"
        case 1: "window(ts, '\(interval())', '\(interval())')"
        case 2: "window(ts, '\(interval())', '\(interval())', '\(interval())')"
        case 3: "session_window(ts, '\(interval())')"
        case 4:
            "session_window(ts, CASE WHEN key = 'a' THEN '\(interval())' ELSE '\(interval())' END)"
        default: "window(\(expression(of: "ts")), '\(interval())')"
        }
    }

    private static let functions = [
        "date_trunc('U', ts)", "trunc(day, 'U')", "EXTRACT(U FROM ts)", "year(ts)", "quarter(ts)",
        "month(day)", "weekofyear(ts)", "dayofweek(day)", "dayofyear(ts)", "day(ts)", "hour(ts)",
        "minute(ts)", "second(ts)", "date_add(day, i)", "date_sub(day, i)", "day + i", "day - i",
        "datediff(day, to_date(ts))", "unix_micros(ts)", "unix_millis(ts)", "unix_seconds(ts)",
        "unix_date(day)", "timestamp_micros(n)", "timestamp_millis(n)", "timestamp_seconds(n)",
        "timestamp_seconds(x)", "date_from_unix_date(i)", "to_date(ts)", "to_timestamp(day)",
        "ts + INTERVAL 'D'", "ts - INTERVAL 'D'", "day + INTERVAL 'D'", "day - INTERVAL 'D'",
        "CAST(n AS TIMESTAMP)", "CAST(x AS TIMESTAMP)", "CAST(i AS TIMESTAMP)",
        "CAST(ts AS LONG)", "CAST(ts AS INT)", "CAST(ts AS DOUBLE)", "CAST(ts AS DECIMAL(38,6))",
        "CAST(ts AS STRING)", "CAST(day AS STRING)", "CAST(CAST(ts AS STRING) AS TIMESTAMP)",
        "CAST(CAST(day AS STRING) AS DATE)", "CAST(CAST(n AS DECIMAL(20,0)) AS TIMESTAMP)",
        "ts > TIMESTAMP '9999-12-31'", "ts BETWEEN to_timestamp(day) AND timestamp_micros(n)",
        "coalesce(timestamp_micros(n), ts)", "greatest(ts, timestamp_micros(n))",
    ]

    /// The shapes of expressions, for a test that they are ones.
    static var allFunctions: [String] {
        functions.map { filled($0, unit: "month", interval: "1 day") }
    }

    private static func filled(_ text: String, unit: String, interval: String) -> String {
        text.replacing("'U'", with: "'\(unit)'").replacing("(U ", with: "(\(unit) ")
            .replacing("'D'", with: "'\(interval)'")
    }

    mutating func expression(of time: String = "ts") -> String {
        let text = Self.functions.randomElement(using: &random) ?? ""
        let unit = Self.units.randomElement(using: &random) ?? ""
        return Self.filled(text, unit: unit, interval: interval()).replacing("ts", with: time)
    }
}

/// The expressions that the target of times chooses from, and those of them that do not bind.
public func unboundTimeExpressions() -> [String] {
    TimeChoice.allFunctions.filter {
        (try? BoundExpression(parsing: $0, input: timeSchema)) == nil
    }
}
