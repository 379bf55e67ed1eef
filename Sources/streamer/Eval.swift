import Columnar
import CommandLine
import Expressions
import JSON
import Storage
import TickLog

/// `streamer eval`: what expressions are for the rows of a log.
let evalVerb = Verb(
    name: "eval",
    summary: "evaluate expressions over the rows of a log",
    details: """
        For trying out what a job's `select` or `where` will say: the type of each expression, its
        text in one spelling, and its value for each row; where a row makes it fail, the error.
        Without a limit, the first 20 rows are taken.
        """,
    positionals: [
        .required("LOG", "the log's folder"), .list("EXPRESSION", "expressions over its columns"),
    ],
    options: [
        .limit("limit", "how many rows"),
        .choice(
            "format", ["table", "json"], "json is one object an expression", fallback: "table",
            environment: "STREAMER_FORMAT"),
    ],
    examples: [
        "streamer eval log/ticks 'price * volume' \"date_trunc('minute', event_time)\"",
        "streamer eval log/ticks 'bid / ask > 0.999' --limit 1000 --format json",
    ],
    body: eval)

private func eval(_ arguments: Arguments, _ console: Console) throws -> ExitCode {
    let log = try openLog(at: Path(arguments.word("LOG")))
    let offsets = try log.range(from: nil, to: nil).prefix(arguments.limit("limit", fallback: 20))
    let context = EvaluationContext(batchTimestampMicros: 0)
    let blocks = try log.plan(offsets, columns: nil, rowsMax: 65_536).map { try $0.load().batch }
    var code = ExitCode.done
    for text in arguments.list("EXPRESSION") {
        let answer = Answer(text, over: blocks, log.schema, context)
        if answer.fault != nil { code = .failed }
        if arguments.format == .json {
            console.print(answer.json.text())
        } else {
            answer.print(on: console)
        }
    }
    return code
}

/// What one expression is over some rows.
private struct Answer {
    /// Its value in a row, as text; `nil` is NULL.
    enum Outcome {
        case value(String?)
        case error(ExpressionError)
    }

    let text: String
    /// The bound expression, or why it cannot be bound.
    let expression: BoundExpression?
    let fault: ExpressionErrors?
    let outcomes: [Outcome]

    init(
        _ text: String, over blocks: [RecordBatch], _ schema: Schema, _ context: EvaluationContext
    ) {
        self.text = text
        do {
            let expression = try BoundExpression(parsing: text, input: schema)
            self.expression = expression
            fault = nil
            outcomes = blocks.flatMap { Self.outcomes(expression, $0, context) }
        } catch {
            expression = nil
            fault = error
            outcomes = []
        }
    }

    /// A row that fails stops an evaluation, so that each is then evaluated alone.
    private static func outcomes(
        _ expression: BoundExpression, _ rows: RecordBatch, _ context: EvaluationContext
    ) -> [Outcome] {
        do {
            let column = try expression.evaluate(rows, context)
            return (0..<rows.count).map { row in
                let value = column.value(at: row)
                return .value(value.isNull ? nil : valueText(value))
            }
        } catch {
            guard rows.count > 1 else { return [.error(error)] }
            return (0..<rows.count).flatMap { row in
                outcomes(expression, rows.slice(row..<row + 1), context)
            }
        }
    }

    var json: JSONValue {
        guard let expression else {
            return .object([
                ("expression", .string(text)),
                ("error", .string(fault?.errors.first?.code.rawValue ?? "")),
                ("message", .string(fault?.description ?? "")),
            ])
        }
        return .object([
            ("expression", .string(expression.text)),
            ("type", .string(expression.type.description)),
            ("values", .array(outcomes.map(Self.json))),
        ])
    }

    private static func json(_ outcome: Outcome) -> JSONValue {
        switch outcome {
        case .value(let text): text.map { .string($0) } ?? .null
        case .error(let error): .object([("error", .string(error.code.rawValue))])
        }
    }

    func print(on console: Console) {
        guard let expression else {
            for error in fault?.errors ?? [] { console.error("\(text): \(error)") }
            return
        }
        console.print(
            console.styled("\(expression.text): \(expression.type)", .bold, on: console.output))
        for outcome in outcomes {
            switch outcome {
            case .value(let text): console.print("  " + escapingControls(text ?? "NULL"))
            case .error(let error): console.print("  \(error)")
            }
        }
    }
}
