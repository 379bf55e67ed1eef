public import Columnar

/// Rows about a feed's rows, to be published in a table beside the others': records that did not
/// parse, or gaps.
///
/// `kind`, `feed` and `firstNumber` name the publication: after a crash the same one may come again,
/// with the same or more rows, and takes the place of what was published under its name.
public struct SideRows: Sendable {
    /// The tables beside a log.
    public enum Kind: String, Sendable, CaseIterable {
        /// Records that did not parse (`MalformedRecord`).
        case malformed
        /// Places where rows may be missing (`FeedGap`).
        case gaps
    }

    /// The table.
    public let kind: Kind
    /// The feed's identity, or a name of its own for one that keeps no position.
    public let feed: String
    /// How many rows the feed had in the table before.
    public let firstNumber: Int64
    /// The rows.
    public let rows: RecordBatch
}
