public import JSON

/// Where the time of a batch went, stage by stage.
///
/// `busy` is what all threads together spent in a stage, waiting for the disk included. `wall` is
/// the batch's own time: while stages run side by side, it is shared out among them as threads were
/// busy with them, so that the stages add up to the whole batch.
public struct BatchProfile: Sendable, Equatable {
    /// A part of a batch's work.
    public enum Stage: String, Sendable, CaseIterable {
        /// Reading, checking and decoding the source's rows.
        case read
        /// Filters, keys, windows and arguments of aggregates.
        case expressions
        /// Finding groups, folding rows into them, computing what is emitted.
        case grouping
        /// Encoding what changed in the state.
        case state
        /// Encoding results and handing them to the sinks.
        case sinks
        /// Writing offsets and commits.
        case checkpoint
        /// Waiting until the disk has what was written.
        case syncs
        /// Planning and bookkeeping.
        case other
    }

    private var busyNanos = [UInt64](repeating: 0, count: Stage.allCases.count)
    private var wallNanos = [UInt64](repeating: 0, count: Stage.allCases.count)

    /// An empty profile.
    public init() {}

    /// What all threads spent in a stage, ns.
    public func busy(_ stage: Stage) -> UInt64 { busyNanos[stage.place] }

    /// A stage's share of the wall time, ns.
    public func wall(_ stage: Stage) -> UInt64 { wallNanos[stage.place] }

    /// The wall time of all stages, ns.
    public var wallTotal: UInt64 { wallNanos.reduce(0, +) }

    /// What all threads spent in all stages, ns.
    public var busyTotal: UInt64 { busyNanos.reduce(0, +) }

    /// Adds wall time in which some stages ran, shared out as threads were busy with them.
    mutating func add(wall: UInt64, _ busy: [(stage: Stage, nanos: UInt64)]) {
        let total = busy.reduce(0.0) { $0 + Double($1.nanos) }
        var left = wall
        for (stage, nanos) in busy {
            busyNanos[stage.place] += nanos
            let share = total > 0 ? Double(wall) * (Double(nanos) / total) : 0
            let taken = min(left, UInt64(share))
            wallNanos[stage.place] += taken
            left -= taken
        }
        // What rounding left over.
        if let stage = busy.last?.stage { wallNanos[stage.place] += left }
    }

    /// Makes the stages add up to so much wall time: what is missing was bookkeeping, what is too
    /// much ran beside another batch.
    mutating func fit(wall: UInt64) {
        let total = wallTotal
        guard total > wall else { return add(wall: wall - total, [(.other, wall - total)]) }
        var left = wall
        for place in wallNanos.indices {
            wallNanos[place] = UInt64(Double(wallNanos[place]) * (Double(wall) / Double(total)))
            wallNanos[place] = min(left, wallNanos[place])
            left -= wallNanos[place]
        }
        // What rounding left over.
        wallNanos[Stage.other.place] += left
    }

    /// Adds another batch's times.
    public mutating func add(_ other: BatchProfile) {
        for place in busyNanos.indices {
            busyNanos[place] += other.busyNanos[place]
            wallNanos[place] += other.wallNanos[place]
        }
    }

    /// Milliseconds by stage.
    public var json: JSONValue {
        let stages = { (nanos: [UInt64]) in
            JSONValue.object(
                Stage.allCases.map {
                    ($0.rawValue, .double(Double(nanos[$0.place] / 1_000) / 1_000))
                })
        }
        return .object([("busyMs", stages(busyNanos)), ("wallMs", stages(wallNanos))])
    }
}

extension BatchProfile.Stage {
    fileprivate var place: Int { Self.allCases.firstIndex(of: self) ?? 0 }
}
