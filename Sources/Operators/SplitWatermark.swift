import KeyedState

/// Over what a watermark takes the largest event time.
public enum WatermarkScope: String, Sendable, CaseIterable {
    /// Over all rows of the source (Spark's way): its fastest split decides.
    case source
    /// Over those of each split, of which the slowest that is not idle decides.
    case split
}

/// What a split has shown up to the end of the last batch.
public struct SplitWatermark: Sendable, Equatable {
    /// The largest event time, ms.
    public internal(set) var maxEventTimeMs: Int64
    /// When the newest of its rows came, ms, where the source knows.
    public internal(set) var newestReceiptMs: Int64?
    /// Whether it has been silent so long that it no longer holds the others back.
    public internal(set) var isIdle = false

    /// A split, as a checkpoint remembers it.
    public init(maxEventTimeMs: Int64, newestReceiptMs: Int64? = nil) {
        self.maxEventTimeMs = maxEventTimeMs
        self.newestReceiptMs = newestReceiptMs
    }
}

/// What a batch had of a split.
public struct SplitTimes: Sendable, Equatable {
    /// The event times of its rows.
    public var times = EventTimeStatistics()
    /// When the newest of them came, ms, where the source knows.
    public var newestReceiptMs: Int64?

    /// Nothing.
    public init() {}
}

extension [Lane: SplitWatermark] {
    /// Takes in a batch: a split with rows counts, again or from now on.
    mutating func take(in seen: [Lane: SplitTimes]) {
        for (lane, seen) in seen where seen.times.count > 0 {
            var split = self[lane] ?? SplitWatermark(maxEventTimeMs: .min)
            split.maxEventTimeMs = Swift.max(split.maxEventTimeMs, seen.times.maxMs)
            split.newestReceiptMs =
                [split.newestReceiptMs, seen.newestReceiptMs].compactMap(\.self).max()
            split.isIdle = false
            self[lane] = split
        }
    }
}
