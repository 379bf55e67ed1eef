import Jobs
import Operators

/// A batch that failed: in which query, why, and what happens next.
public struct BatchError: Error, Sendable, CustomStringConvertible {
    /// The batch's number.
    public let batch: Int64
    /// The source offsets that it reads.
    public let offsets: Range<Int64>
    /// The query that failed, where one did.
    public let query: String?
    /// What failed.
    public let cause: any Error

    init(_ plan: BatchPlan, _ error: any Error) {
        batch = plan.batch
        offsets = plan.offsets
        let fault = error as? QueryFault
        query = fault?.query
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
            if let offset = cause.sequence, offsets.contains(offset) {
                place += ", row at offset \(offset)"
            }
        }
        let rows =
            offsets.isEmpty ? "" : " (offsets \(offsets.lowerBound) to \(offsets.upperBound))"
        return "\(place): \(reason.hasSuffix(".") ? reason : reason + ".") "
            + "Batch \(batch)\(rows) is not committed; the next run runs it again."
    }
}

/// A fault with the query in which it came up.
struct QueryFault: Error {
    let query: String
    let cause: any Error
}

extension QueryNode {
    /// Does a part of a batch's work; a fault tells that it was this query's.
    func asItsOwn<Result>(_ work: () throws -> Result) throws -> Result {
        do {
            return try work()
        } catch {
            throw QueryFault(query: query.name, cause: error)
        }
    }
}
