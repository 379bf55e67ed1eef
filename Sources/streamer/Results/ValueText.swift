import Columnar

/// A value as Spark casts it to a string; timestamps in UTC. NULL is the empty string.
func valueText(_ value: Value) -> String {
    switch value {
    case .null: ""
    case .boolean(let value): value ? "true" : "false"
    case .int(let value): String(value)
    case .long(let value): String(value)
    case .double(let value): doubleText(value)
    case .decimal(let unscaled, let scale): decimalText(unscaled, scale: scale)
    case .string(let value): value
    case .date(let days): CivilDate(daysSinceEpoch: Int(days)).description
    case .timestamp(let micros): formatTimestamp(micros: micros)
    }
}

/// A timestamp of a whole millisecond.
func timestampText(ms: Int64) -> String {
    let (micros, overflow) = ms.multipliedReportingOverflow(by: 1_000)
    return overflow ? "\(ms) ms" : formatTimestamp(micros: micros)
}
