/// What a batch reads of a source: in every split the offsets from `start` up to, not including,
/// `end`.
///
/// Invariant: both list the same splits, none of which ends before it starts. A split that is new
/// in a batch stands in the batch's start, with its earliest offset as it was then: the range alone
/// names every row of the batch.
public struct OffsetRange: Hashable, Sendable {
    /// Where the batch starts.
    public let start: SourceOffsets
    /// Where it ends.
    public let end: SourceOffsets

    /// The range between two positions that list the same splits; anything else is a bug of the
    /// caller.
    public init(from start: SourceOffsets, to end: SourceOffsets) {
        guard let range = OffsetRange(validating: start, end) else {
            preconditionFailure("there is no range from \(start) to \(end)")
        }
        self = range
    }

    /// A range of a source of one split.
    public init(only offsets: Range<Int64>) {
        start = SourceOffsets(only: offsets.lowerBound)
        end = SourceOffsets(only: offsets.upperBound)
    }

    /// The range without rows at a position.
    public init(emptyAt position: SourceOffsets) {
        start = position
        end = position
    }

    private init?(validating start: SourceOffsets, _ end: SourceOffsets) {
        guard start.bySplit.count == end.bySplit.count,
            end.bySplit.allSatisfy({ split, offset in start[split].map { $0 <= offset } ?? false })
        else { return nil }
        self.start = start
        self.end = end
    }

    /// The range between two positions that were read from text.
    ///
    /// - Throws: ``ConnectorError`` (`badOffsets`) when a text is no position, or the two are no
    ///   range.
    public init(parsing start: String, to end: String) throws(ConnectorError) {
        let (first, last) = (try SourceOffsets(parsing: start), try SourceOffsets(parsing: end))
        guard let range = OffsetRange(validating: first, last) else {
            throw ConnectorError(
                "badOffsets",
                "there are no rows from \(first) to \(last): both must have the same splits, and "
                    + "none may end before it starts", fault: .damage)
        }
        self = range
    }

    /// Whether there is no offset in it.
    public var isEmpty: Bool { start == end }

    /// How many offsets there are in it, as far as a 64-bit number says.
    public var count: Int64 { start.distance(to: end) }

    /// The offsets of a source of one split, `nil` when there are others.
    public var only: Range<Int64>? {
        guard let start = start.only, let end = end.only else { return nil }
        return start..<end
    }

    /// The splits that have offsets in the range, in their order.
    public var splits: [(split: SplitID, offsets: Range<Int64>)] {
        if let only { return only.isEmpty ? [] : [(.only, only)] }
        return end.splits.compactMap { split in
            guard let offsets = self[split], !offsets.isEmpty else { return nil }
            return (split, offsets)
        }
    }

    /// The offsets of a split, `nil` when the range does not list it.
    public subscript(split: SplitID) -> Range<Int64>? {
        guard let first = start[split], let last = end[split] else { return nil }
        return first..<last
    }
}
