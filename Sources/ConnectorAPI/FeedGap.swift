public import Columnar

/// A place in a feed's order where rows may be missing: a log must not look whole when it is not.
public struct FeedGap: Sendable, Hashable {
    /// Why, in one word: `reconnect`, `restart`, `sequence`.
    public let reason: String
    /// The newest event time before the gap, where it is known.
    public var from: EventTime?
    /// The oldest event time behind the gap, where it is known.
    public var to: EventTime?
    /// The number of the connection behind the gap.
    public var connection: Int64?
    /// The symbol whose rows may be missing; `nil` is all of them.
    public var symbol: String?
    /// The last id before the gap, where ids are known.
    public var fromID: Int64?
    /// The first id behind the gap.
    public var toID: Int64?
    /// How many rows are missing, where it is known.
    public var missing: Int64?
    /// What else is known, in printable characters.
    public var detail = ""

    /// A gap of which only the reason is known so far.
    public init(_ reason: String) { self.reason = reason }

    /// The columns of the `gaps` table.
    public static let schema = Schema([
        Field("feed", .string, isNullable: false),
        Field("number", .long, isNullable: false),
        Field("reason", .string, isNullable: false),
        Field("conn", .long),
        Field("symbol", .string),
        Field("from_seq", .long),
        Field("to_seq", .long),
        Field("missing", .long),
        Field("from_time", .timestamp),
        Field("to_time", .timestamp),
        Field("detail", .string, isNullable: false),
    ])

    /// Gaps as rows of the `gaps` table.
    ///
    /// - Parameters:
    ///   - gaps: the gaps, in order.
    ///   - feed: the feed's identity.
    ///   - firstNumber: how many gaps the feed had before.
    /// - Returns: a row of ``schema`` for each gap.
    public static func batch(_ gaps: [FeedGap], feed: String, firstNumber: Int64) -> RecordBatch {
        RecordBatch(
            schema,
            rows: gaps.enumerated().map { index, gap in
                [
                    .string(feed), .long(firstNumber + Int64(index)), .string(gap.reason),
                    gap.connection.map { .long($0) } ?? .null,
                    gap.symbol.map { .string($0) } ?? .null,
                    gap.fromID.map { .long($0) } ?? .null, gap.toID.map { .long($0) } ?? .null,
                    gap.missing.map { .long($0) } ?? .null,
                    gap.from.map { .timestamp($0.micros) } ?? .null,
                    gap.to.map { .timestamp($0.micros) } ?? .null, .string(gap.detail),
                ]
            })
    }
}
