public import Columnar

/// The place of a row among those of its key.
public struct RowPosition: Hashable, Comparable, Sendable {
    /// Its event time.
    public let time: EventTime
    /// Where it is from.
    public let lane: Lane
    /// Its offset there.
    public let offset: Int64

    /// A place.
    public init(time: EventTime, lane: Lane, offset: Int64) {
        self.time = time
        self.lane = lane
        self.offset = offset
    }

    /// The order of event time, then lane, then offset.
    public static func < (left: RowPosition, right: RowPosition) -> Bool {
        if left.time != right.time { return left.time < right.time }
        if left.lane != right.lane { return left.lane < right.lane }
        return left.offset < right.offset
    }
}
