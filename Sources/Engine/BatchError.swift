public import ConnectorAPI
import Jobs
import KeyedState
import Operators

/// A batch that failed: in which query, why, and what happens next.
public struct BatchError: Error, Sendable, CustomStringConvertible {
    /// The batch's number.
    public let batch: Int64
    /// What it reads of each source.
    public let offsets: [OffsetRange]
    /// The query that failed, where one did.
    public let query: String?
    /// What failed.
    public let cause: any Error

    private let sourceNames: [String]
    /// Where the rows are from that the fault came up with.
    private let lane: Lane?

    init(_ plan: BatchPlan, sources: [String], _ error: any Error) {
        batch = plan.batch
        offsets = plan.offsets
        sourceNames = sources
        let fault = error as? BatchFault
        query = fault?.query
        lane = fault?.lane
        cause = fault?.cause ?? error
    }

    /// The batch, the query and the row, the cause, and what happens next, in one line.
    public var description: String {
        var place = "batch \(batch)"
        if let query { place += ", query '\(query)'" }
        var reason = "\(cause)"
        if let cause = cause as? OperatorError {
            reason = cause.reason
            // The rows that another query emits have no offset of their own.
            if let offset = cause.sequence, let lane,
                offsets[lane.source][lane.split]?.contains(offset) ?? false
            {
                place += ", row at offset \(offset)\(lane.split.ofIt)"
                if sourceNames.count > 1 { place += " of source '\(sourceNames[lane.source])'" }
            }
        }
        let ranges = zip(sourceNames, offsets).flatMap { name, range in
            range.splits.map { split, offsets in
                (sourceNames.count > 1 ? "\(name) " : "")
                    + (split == .only ? "" : "\(split) ")
                    + "\(offsets.lowerBound) to \(offsets.upperBound)"
            }
        }
        let rows = ranges.isEmpty ? "" : " (offsets \(ranges.joined(separator: ", ")))"
        return "\(place): \(reason.hasSuffix(".") ? reason : reason + ".") "
            + "Batch \(batch)\(rows) is not committed; the next run runs it again."
    }
}

extension Lane {
    /// A split of a source.
    init(source: Int, _ split: SplitID) {
        self.init(source: source, group: split.group, number: split.number)
    }

    /// The split that it is.
    var split: SplitID { SplitID(group, number) }
}

/// A fault with the query and the rows that it came up with.
struct BatchFault: Error {
    var query: String?
    var lane: Lane?
    let cause: any Error
}

extension GraphNode {
    /// Runs a part of a batch's work; wraps any error with this query, and the lane whose rows they
    /// were.
    func attributingErrors<Result>(lane: Lane? = nil, _ work: () throws -> Result) throws -> Result
    {
        do {
            return try work()
        } catch {
            throw BatchFault(query: query.name, lane: lane, cause: error)
        }
    }
}
