import Columnar
import CommandLine
import Expressions

/// A place in a log as a user says it: an offset, or an event time in UTC.
enum LogPosition {
    /// The offset of a row.
    case offset(Int64)
    /// An event time in microseconds.
    case time(Int64)

    /// Reads `120000`, `2026-01-05`, `2026-01-05 14:30`, `2026-01-05T14:30:00.250Z`.
    init?(_ text: String) {
        if let offset = wholeNumber(text) {
            guard offset >= 0 else { return nil }
            self = .offset(offset)
        } else if let micros = eventTimeMicros(text) {
            self = .time(micros)
        } else {
            return nil
        }
    }

    /// Whether one place is after another whatever the log; places of two kinds are not.
    func isAfter(_ other: LogPosition) -> Bool {
        switch (self, other) {
        case (.offset(let mine), .offset(let theirs)), (.time(let mine), .time(let theirs)):
            mine > theirs
        default: false
        }
    }
}

extension Arguments {
    /// The place that an option names, or `nil` when it is not given.
    func position(_ name: String) throws(UsageError) -> LogPosition? {
        guard let text = text(name) else { return nil }
        guard let position = LogPosition(text) else {
            throw fault(
                "--\(name) \(shown(text)): expected an offset or a time in UTC, such as "
                    + "2026-01-05T14:30:00Z")
        }
        return position
    }
}

/// The microseconds since the epoch of a time as a job's expressions read it, in UTC unless it
/// names a zone; `nil` when the text is no time.
func eventTimeMicros(_ text: String) -> Int64? {
    // Quotes and escapes would end the literal; no time has any.
    guard !text.utf8.contains(where: { $0 == UInt8(ascii: "'") || $0 == UInt8(ascii: "\\") })
    else { return nil }
    let query = QueryText(select: ["try_cast('\(text)' AS timestamp) AS time"])
    let row = RecordBatch(Schema([]), [], count: 1)
    guard case .projection(let plan)? = try? analyze(query, input: row.schema, eventTime: nil),
        let value = try? plan.output[0].expression.evaluate(
            row, EvaluationContext(batchTimestampMicros: 0)),
        case .timestamp(let micros) = value.value(at: 0)
    else { return nil }
    return micros
}
