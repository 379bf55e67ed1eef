public import Columnar

/// A value as Spark casts it to a string; timestamps in UTC.
///
/// NULL is the empty string.
public func valueText(_ value: Value) -> String { value.text ?? "" }

/// A timestamp of a whole millisecond.
public func timestampText(ms: Int64) -> String {
    let (micros, overflow) = ms.multipliedReportingOverflow(by: 1_000)
    return overflow ? "\(ms) ms" : formatTimestamp(micros: micros)
}
