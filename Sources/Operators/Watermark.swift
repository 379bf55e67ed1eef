public import Columnar
public import KeyedState

/// How the watermarks of several inputs become one.
public enum WatermarkPolicy: String, Sendable, CaseIterable {
    /// The slowest input decides (Spark's default).
    case min
    /// The fastest input decides.
    case max
}

/// Counts, smallest, largest and mean event time of some rows, in milliseconds.
public struct EventTimeStatistics: Sendable, Equatable {
    /// Rows that have an event time.
    public private(set) var count: Int64 = 0
    /// The smallest event time; meaningless without rows.
    public private(set) var minMs: Int64 = .max
    /// The largest event time; meaningless without rows.
    public private(set) var maxMs: Int64 = .min
    private var sumMs: Int128 = 0

    /// Statistics of no rows.
    public init() {}

    /// The mean event time; meaningless without rows.
    public var avgMs: Int64 { count == 0 ? 0 : Int64(sumMs / Int128(count)) }

    /// Takes in the event times of a timestamp column.
    ///
    /// Each is cut to whole milliseconds toward the past, as Spark does before it compares; nulls
    /// have no event time.
    ///
    /// With `limitMs`, rows further ahead than that are left out.
    ///
    /// - Returns: how many rows were left out for the limit.
    @discardableResult
    public mutating func add(_ times: Column, limitMs: Int64? = nil) -> Int {
        precondition(times.type == .timestamp, "event times are timestamps")
        let values = times.int64s
        if times.validity == nil {
            var all = EventTimeStatistics()
            all.addAll(values)
            if all.count == 0 || all.maxMs <= limitMs ?? .max {
                add(all)
                return 0
            }
        }
        let bound = limitMs.map(Self.bound) ?? .max
        var beyond = 0
        for row in 0..<times.count where !times.isNull(row) {
            if limitMs != nil, values[row] >= bound {
                beyond += 1
                continue
            }
            let ms = floorDivide(values[row], 1_000)
            add(min: ms, max: ms, sum: Int128(ms), count: 1)
        }
        return beyond
    }

    /// The rows of a timestamp column that `add` takes in under a limit, and those beyond it; rows
    /// without event time are within.
    public static func rows(
        of times: Column, limitMs: Int64
    ) -> (within: [Int32], beyond: [Int32]) {
        let values = times.int64s
        let bound = Self.bound(limitMs)
        var within: [Int32] = []
        var beyond: [Int32] = []
        for row in 0..<times.count {
            if times.isNull(row) || values[row] < bound {
                within.append(Int32(row))
            } else {
                beyond.append(Int32(row))
            }
        }
        return (within, beyond)
    }

    /// The first time (µs) beyond a limit in whole milliseconds.
    private static func bound(_ limitMs: Int64) -> Int64 {
        let (next, overflow) = limitMs.addingReportingOverflow(1)
        let (bound, isBeyond) = next.multipliedReportingOverflow(by: 1_000)
        return overflow || isBeyond ? .max : bound
    }

    /// Takes in other rows' statistics.
    public mutating func add(_ other: EventTimeStatistics) {
        add(min: other.minMs, max: other.maxMs, sum: other.sumMs, count: other.count)
    }

    private mutating func addAll(_ values: Span<Int64>) {
        guard !values.isEmpty else { return }
        var smallest = Int64.max
        var largest = Int64.min
        var sum: Int128 = 0
        for row in values.indices {
            let ms = floorDivide(values[row], 1_000)
            smallest = Swift.min(smallest, ms)
            largest = Swift.max(largest, ms)
            sum &+= Int128(ms)
        }
        add(min: smallest, max: largest, sum: sum, count: Int64(values.count))
    }

    private mutating func add(min: Int64, max: Int64, sum: Int128, count: Int64) {
        minMs = Swift.min(minMs, min)
        maxMs = Swift.max(maxMs, max)
        sumMs += sum
        self.count += count
    }
}

/// Where the watermark of a job stands: Spark's rules (section 2 of the semantics).
///
/// Each input with a watermark keeps the largest event time it has seen; its own watermark is that
/// minus its delay. The job's is the smallest (or largest) of them, where an input that has seen
/// nothing counts as 0; it starts at 0 and never moves back. All times are in milliseconds.
public struct WatermarkTracker: Sendable, Equatable {
    /// One input with a watermark.
    public struct Input: Sendable, Equatable {
        /// How late a row may be.
        public let delayMs: Int64
        /// The largest event time seen up to the end of the last batch; `nil` before the first row.
        public internal(set) var maxEventTimeMs: Int64?
        /// Whether the input has been silent so long that it no longer holds the others back.
        public internal(set) var isIdle = false
        /// What each split has shown, from its first row on, where the slowest of them decides.
        ///
        /// `nil` where the largest event time of all rows does.
        public internal(set) var splits: [Lane: SplitWatermark]?

        /// An input, with the largest event time that a checkpoint remembers of it, or of each of
        /// its splits.
        public init(
            delayMs: Int64, maxEventTimeMs: Int64? = nil, splits: [Lane: SplitWatermark]? = nil
        ) {
            precondition(delayMs >= 0, "a watermark delay must not be negative")
            self.delayMs = delayMs
            self.maxEventTimeMs = maxEventTimeMs
            self.splits = splits
        }

        /// The input's own watermark, `nil` before the first row.
        public var watermarkMs: Int64? { decidingTimeMs.map(behind) }

        /// A time less the delay, as far as a 64-bit number says.
        public func behind(_ timeMs: Int64) -> Int64 {
            let (value, overflow) = timeMs.subtractingReportingOverflow(delayMs)
            return overflow ? .min : value
        }

        /// The largest event time of the slowest split that is not idle; if all are, the largest of
        /// all rows.
        private var decidingTimeMs: Int64? {
            let active = splits?.values.filter { !$0.isIdle }.map(\.maxEventTimeMs)
            return active?.min() ?? maxEventTimeMs
        }
    }

    /// How the inputs' watermarks become one; frozen in the checkpoint.
    public let policy: WatermarkPolicy
    /// The inputs, in the job's order.
    public private(set) var inputs: [Input]
    /// The watermark that the next batch runs with.
    public private(set) var watermarkMs: Int64

    /// A tracker at its start, or as a checkpoint remembers it.
    public init(inputs: [Input], policy: WatermarkPolicy = .min, watermarkMs: Int64 = 0) {
        self.inputs = inputs
        self.policy = policy
        self.watermarkMs = Swift.max(0, watermarkMs)
    }

    /// Ends a batch: takes in what each input saw in it and moves the watermark, never back.
    ///
    /// - Parameters:
    ///   - seen: one for each input; one without rows changes nothing.
    ///   - splits: by input what each of its splits saw, for inputs whose slowest split decides.
    /// - Returns: the watermark that the next batch runs with.
    @discardableResult
    public mutating func endBatch(
        _ seen: [EventTimeStatistics], splits: [[Lane: SplitTimes]] = []
    ) -> Int64 {
        precondition(seen.count == inputs.count, "statistics for each input")
        for (index, seen) in splits.enumerated() { inputs[index].splits?.take(in: seen) }
        for (index, statistics) in seen.enumerated() where statistics.count > 0 {
            let known = inputs[index].maxEventTimeMs ?? .min
            inputs[index].maxEventTimeMs = Swift.max(known, statistics.maxMs)
            inputs[index].isIdle = false
        }
        return move()
    }

    /// Says that an input has been silent too long (or not): an idle input no longer counts for
    /// the policy while another is not idle.
    public mutating func setIdle(_ input: Int, _ isIdle: Bool) { inputs[input].isIdle = isIdle }

    /// Says which splits of an input have been silent too long: an idle split no longer counts while
    /// another is not idle.
    public mutating func setIdle(_ input: Int, splits idle: Set<Lane>) {
        guard let known = inputs[input].splits?.keys else { return }
        for lane in known { inputs[input].splits?[lane]?.isIdle = idle.contains(lane) }
    }

    /// Moves the watermark up to at least this time, for an idle timeout that closes the last
    /// windows; a smaller one changes nothing.
    public mutating func raise(toMs time: Int64) { watermarkMs = Swift.max(watermarkMs, time) }

    /// Chooses by the policy again: after `setIdle`.
    @discardableResult
    public mutating func move() -> Int64 {
        let active = inputs.filter { !$0.isIdle }
        let watermarks = active.map { $0.watermarkMs ?? 0 }
        let chosen = policy == .min ? watermarks.min() : watermarks.max()
        watermarkMs = Swift.max(watermarkMs, chosen ?? watermarkMs)
        return watermarkMs
    }
}
