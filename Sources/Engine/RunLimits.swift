public import Columnar
public import ConnectorAPI

/// What ends a run besides the trigger.
public struct RunLimits: Sendable {
    /// The most batches to commit.
    public var maxBatches: Int?
    /// Read no row at or after the first one with this event time, and end before it.
    public var untilTime: EventTime?
    /// Read no row of each source from its position on, and end before it.
    public var untilOffsets: [SourceOffsets]?
    /// Whether no more rows can come, as when a bounded feed is through: a source with an idle
    /// timeout is then idle as soon as everything of it is read.
    public var sourceIsComplete = false
    /// Whether all feeds of a run that ends by itself have ended, if there are any: a watermark that
    /// closes windows at the end does so when everything is read.
    public var feedsHaveEnded = false
    /// Whether every watermark does.
    public var closesWindows = false
    /// What the user says of batches of which a sink cannot find out whether it has them.
    public var assume: Assumption?

    /// No limits.
    public init() {}
}

/// How far sources can be read.
struct Availability {
    /// One past the last row that may be read of each source.
    var ends: [SourceOffsets]
    /// One past the newest row of each source.
    var latest: [SourceOffsets]
}

extension JobSources {
    /// How far limits let a run read now.
    func availability(_ limits: RunLimits) throws -> Availability {
        let latest = try latest()
        var ends = latest
        if let offsets = limits.untilOffsets {
            ends = zip(ends, offsets).map { $0.limited(to: $1) }
        }
        if let time = limits.untilTime {
            ends = try zip(ends, all).map { $0.limited(to: try $1.offsets(atOrAfter: time)) }
        }
        return Availability(ends: ends, latest: latest)
    }

    /// Whether everything that limits let a run read has been read up to a position.
    func isAtLimit(_ limits: RunLimits, at next: [SourceOffsets]) throws -> Bool {
        if let offsets = limits.untilOffsets, zip(next, offsets).allSatisfy({ $0.hasReached($1) }) {
            return true
        }
        guard limits.untilTime != nil else { return false }
        let available = try availability(limits)
        return all.indices.allSatisfy { source in
            let (ends, latest) = (available.ends[source], available.latest[source])
            return next[source].hasReached(ends)
                && ends.bySplit.allSatisfy { split, end in latest[split].map { end < $0 } ?? false }
        }
    }
}
