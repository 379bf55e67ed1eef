import Columnar
import Storage

/// How much there is to read: rows of some sources, and bytes of others.
public struct Unread: Sendable, Hashable {
    /// Rows of sources whose offsets count rows; `nil` without such a source.
    public let rows: Int64?
    /// Bytes of sources whose offsets count bytes; `nil` without such a source.
    public let bytes: Int64?

    /// So many rows.
    public init(rows: Int64) { (self.rows, bytes) = (rows, nil) }

    /// So many bytes of text.
    public init(bytes: Int64) { (rows, self.bytes) = (nil, bytes) }

    private init(_ rows: Int64?, _ bytes: Int64?) { (self.rows, self.bytes) = (rows, bytes) }

    /// Nothing of nothing.
    public static let nothing = Unread(nil, nil)

    /// Both together.
    public static func + (left: Unread, right: Unread) -> Unread {
        func sum(_ left: Int64?, _ right: Int64?) -> Int64? {
            left == nil && right == nil ? nil : (left ?? 0).addingClamped(right ?? 0)
        }
        return Unread(sum(left.rows, right.rows), sum(left.bytes, right.bytes))
    }

    /// Whether there is nothing.
    public var isEmpty: Bool { (rows ?? 0) == 0 && (bytes ?? 0) == 0 }
}

extension Unread: CustomStringConvertible {
    /// `2,000 rows`, `3.1 MiB`, or `2,000 rows and 3.1 MiB`.
    public var description: String {
        let parts = [rows.map { counted($0, "row") }, bytes.map(humanSize)].compactMap { $0 }
        return parts.isEmpty ? counted(0, "row") : parts.joined(separator: " and ")
    }
}
