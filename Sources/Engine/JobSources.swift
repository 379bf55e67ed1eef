import Columnar
import ConnectorAPI
import Jobs
import Storage

/// The sources of a job, in its order.
struct JobSources: Sendable {
    let all: [any Source]
    private let specs: [JobSource]
    private let time: any TimeSource

    init(_ sources: [any Source], of job: Job, _ time: any TimeSource) {
        precondition(sources.count == job.sources.count, "a source for each of the job's")
        all = sources
        specs = job.sources
        self.time = time
    }

    /// Their names in checkpoints.
    var names: [String] { specs.map(\.name) }

    /// The most offsets of each that a batch reads, where the job says.
    var maxOffsets: [Int64?] { specs.map(\.maxOffsetsPerTrigger) }

    /// One past the newest row of each.
    func latest() throws -> [SourceOffsets] { try all.map { try $0.latest() } }

    /// Positions, with the splits that have rows and are new at their earliest.
    func addingNewSplits(
        to positions: [SourceOffsets], of ends: [SourceOffsets]
    ) throws -> [SourceOffsets] {
        try all.indices.map { index in
            let (next, end) = (positions[index], ends[index])
            let isNew = end.bySplit.contains { split, offset in offset > 0 && next[split] == nil }
            return isNew ? next.filled(from: try all[index].earliest()) : next
        }
    }

    /// Where a batch ends that may read these ranges, by the sources' own limits.
    func limited(_ ranges: [OffsetRange]) throws -> [OffsetRange] {
        try zip(all, ranges).map { source, range in
            range.isEmpty ? range : OffsetRange(from: range.start, to: try source.end(of: range))
        }
    }

    /// How much there is to read from some positions to others.
    func unread(from positions: [SourceOffsets], to ends: [SourceOffsets]) -> Unread {
        all.indices.map { all[$0].unread(from: positions[$0], to: ends[$0]) }.reduce(.nothing, +)
    }

    /// Checks that ranges can be read.
    func require(_ ranges: [OffsetRange]) throws {
        for (source, range) in zip(all, ranges) { try source.require(range) }
    }

    /// Says to each where the job goes on, and what a commit recorded of what stands before.
    func resume(at positions: [SourceOffsets], tails: [String: String]) throws {
        for (index, position) in positions.enumerated() {
            try all[index].resume(at: position, tail: tails[specs[index].name])
        }
    }

    /// What stands in each before a position, by name.
    func tails(at positions: [SourceOffsets]) throws -> [String: String] {
        var tails: [String: String] = [:]
        for (index, position) in positions.enumerated() {
            tails[specs[index].name] = try all[index].tail(at: position)
        }
        return tails
    }

    /// Says to each that a batch which ends there is committed.
    func release(before positions: [SourceOffsets]) throws {
        for (source, position) in zip(all, positions) { try source.release(before: position) }
    }

    /// Waits until some source has rows beyond a position, or until a deadline; may return early.
    ///
    /// Of several sources one is waited for at a time, in turns of `turnNanos`: whoever is told to
    /// go on looks at all of them.
    func waitForRows(
        beyond seen: [SourceOffsets], turnNanos: UInt64, until deadline: MonotonicTime
    ) {
        if all.count == 1 { return all[0].wait(beyond: seen[0], until: deadline) }
        let now = time.now
        let turn = Int(now.nanos / max(1, turnNanos) % UInt64(all.count))
        all[turn].wait(beyond: seen[turn], until: min(deadline, now.advanced(byNanos: turnNanos)))
    }
}

extension JobSources {
    /// Where a new job begins to read each source.
    func first(_ starting: [StartingOffsets]) throws -> [SourceOffsets] {
        try all.indices.map { index in
            try first(starting[index], inSource: index, mayGrow: specs[index].feed != nil)
        }
    }

    /// The positions again that a new job begins at, where rows may have come since that they
    /// depend on; `isComplete` says that none can.
    func first(
        _ starting: [StartingOffsets], again known: [SourceOffsets], isComplete: Bool
    ) throws -> [SourceOffsets] {
        try all.indices.map { index in
            switch starting[index] {
            case .earliest, .latest, .sourceDecides: known[index]
            case .at, .time:
                try first(
                    starting[index], inSource: index,
                    mayGrow: specs[index].feed != nil && !isComplete)
            }
        }
    }

    /// Where a new job begins to read a source; one that a feed fills may yet grow to an offset.
    private func first(
        _ starting: StartingOffsets, inSource index: Int, mayGrow: Bool
    ) throws -> SourceOffsets {
        let source = all[index]
        switch starting {
        case .earliest: return try source.earliest()
        case .latest: return try source.latest()
        case .sourceDecides: return try source.start()
        case .time(let time): return try source.offsets(atOrAfter: time)
        case .at(let position):
            let (earliest, latest) = (try source.earliest(), try source.latest())
            for split in position.splits {
                guard let offset = position[split] else { continue }
                guard let first = earliest[split], let last = latest[split] else {
                    throw EngineError(.noSuchOffset, noSuchSplit(split, offset, in: source))
                }
                guard offset >= first, offset <= last || mayGrow else {
                    throw EngineError(
                        .noSuchOffset,
                        "\(source.description): startingOffsets is \(offset)\(split.ofIt), but the "
                            + "source has the offsets \(first) to \(last); begin at one of them, "
                            + "at \"earliest\" or at \"latest\"")
                }
            }
            return position.filled(from: earliest)
        }
    }

    private func noSuchSplit(
        _ split: SplitID, _ offset: Int64, in source: any Source
    ) -> String {
        guard split == .only else {
            return "\(source.description): startingOffsets has \(split), which the source has not"
        }
        return "\(source.description): startingOffsets is the offset \(offset), but the source has "
            + "several splits with offsets of their own; begin at a time, at \"earliest\" or at "
            + "\"latest\", or fill a log from it with \"feed\" and read that"
    }

    /// Refuses sources without one order of all rows, which `trigger` needs.
    func requireOneOrder(for trigger: String) throws {
        for source in all where source.columns.hasSplits {
            throw EngineError(
                .severalSplits,
                "\(source.description): \(trigger) needs a source with one order of all rows, and "
                    + "this one has several splits; fill a log from it with \"feed\" and read that")
        }
    }
}
