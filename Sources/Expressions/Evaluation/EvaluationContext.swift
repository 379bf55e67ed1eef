/// What a batch tells expressions besides its rows.
public struct EvaluationContext: Sendable {
    /// The batch's timestamp, which `current_timestamp()` gives, in µs since the epoch.
    public let batchTimestampMicros: Int64

    /// The context of a batch.
    public init(batchTimestampMicros: Int64) { self.batchTimestampMicros = batchTimestampMicros }
}
