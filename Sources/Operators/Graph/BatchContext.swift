public import Columnar
public import Expressions
public import Storage

/// What an operator may know of the batch whose rows it works on: made once a batch.
///
/// Behind an operator that holds its watermark back, the watermarks are that operator's.
public struct BatchContext: Sendable {
    /// The batch's number.
    public let number: BatchID
    /// Rows at or before this time are late: the watermark that the batch before ran with; `nil`
    /// without a watermark.
    public let lateWatermark: EventTime?
    /// What ends at or before this time is complete: the watermark that this batch runs with; `nil`
    /// without a watermark.
    public let watermark: EventTime?
    /// What expressions see of the batch.
    public let evaluation: EvaluationContext

    /// What is known of a batch.
    public init(
        number: BatchID, lateWatermark: EventTime?, watermark: EventTime?,
        evaluation: EvaluationContext
    ) {
        self.number = number
        self.lateWatermark = lateWatermark
        self.watermark = watermark
        self.evaluation = evaluation
    }

    /// The late watermark as it is compared with event times: no row is at or before it without
    /// one.
    var lateMicros: Int64 { lateWatermark?.micros ?? .min }

    /// The watermark as it is compared with the ends of groups.
    var watermarkMicros: Int64 { watermark?.micros ?? .min }
}
