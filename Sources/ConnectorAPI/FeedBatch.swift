public import Columnar

/// Where a feed goes on: a text of the feed's own, at most 64 KiB, which a log keeps with the rows.
public struct FeedPosition: Hashable, Sendable {
    /// The feed's own words.
    public let text: String

    /// A position in the feed's own words.
    public init(_ text: String) { self.text = text }
}

/// Rows of a feed, perhaps none, with the position right behind them and what was met on the way.
public struct FeedBatch: Sendable {
    /// The rows, of the feed's schema.
    public let rows: RecordBatch
    /// Where the feed goes on after this batch.
    public let position: FeedPosition
    /// The records of the input that did not parse, in input order.
    public let malformed: [MalformedRecord]
    /// How many records did not parse before these: the number of the first of them.
    public let malformedBefore: Int64
    /// The places where rows may be missing.
    public let gaps: [FeedGap]
    /// How many gaps there were before these: the number of the first of them.
    public let gapsBefore: Int64

    /// A batch with the position behind it.
    public init(
        rows: RecordBatch, position: FeedPosition, malformed: [MalformedRecord] = [],
        malformedBefore: Int64 = 0, gaps: [FeedGap] = [], gapsBefore: Int64 = 0
    ) {
        self.rows = rows
        self.position = position
        self.malformed = malformed
        self.malformedBefore = malformedBefore
        self.gaps = gaps
        self.gapsBefore = gapsBefore
    }
}
