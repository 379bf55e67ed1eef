import Jobs
import Operators

/// A batch that failed: in which query, why, and what happens next.
public struct BatchError: Error, Sendable, CustomStringConvertible {
    /// The batch's number.
    public let batch: Int64
    /// The offsets that it reads of each source.
    public let offsets: [Range<Int64>]
    /// The query that failed, where one did.
    public let query: String?
    /// What failed.
    public let cause: any Error

    private let sourceNames: [String]
    private let source: Int?

    init(_ plan: BatchPlan, sources: [String], _ error: any Error) {
        batch = plan.batch
        offsets = plan.offsets
        sourceNames = sources
        let fault = error as? BatchFault
        query = fault?.query
        source = fault?.source
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
            if let offset = cause.sequence, let source, offsets[source].contains(offset) {
                place += ", row at offset \(offset)"
                if sourceNames.count > 1 { place += " of source '\(sourceNames[source])'" }
            }
        }
        let ranges = zip(sourceNames, offsets).filter { !$1.isEmpty }.map { name, range in
            (sourceNames.count > 1 ? "\(name) " : "")
                + "\(range.lowerBound) to \(range.upperBound)"
        }
        let rows = ranges.isEmpty ? "" : " (offsets \(ranges.joined(separator: ", ")))"
        return "\(place): \(reason.hasSuffix(".") ? reason : reason + ".") "
            + "Batch \(batch)\(rows) is not committed; the next run runs it again."
    }
}

/// A fault with the query and the source whose rows it came up with.
struct BatchFault: Error {
    var query: String?
    var source: Int?
    let cause: any Error
}

extension GraphNode {
    /// Runs a part of a batch's work; wraps any error with this query, and the source whose rows they
    /// were.
    func attributingErrors<Result>(source: Int? = nil, _ work: () throws -> Result) throws -> Result
    {
        do {
            return try work()
        } catch {
            throw BatchFault(query: query.name, source: source, cause: error)
        }
    }
}
