/// The distinct strings of one column take more bytes than its 32-bit offsets can tell.
public struct StringsTooLarge: Error, Hashable, Sendable, CustomStringConvertible {
    /// The column, where it is known.
    public let column: String?

    /// A column with too many bytes.
    public init(column: String? = nil) { self.column = column }

    /// What is wrong and what helps.
    public var description: String {
        "the distinct strings of \(column.map { "the column '\($0)'" } ?? "one column") take more "
            + "than 2 GiB, the most that a column can hold; take fewer rows at a time"
    }
}
