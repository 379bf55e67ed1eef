/// Which split of a source: a part of its rows with an order and offsets of its own.
///
/// A partition of a Kafka topic is one; a log or a directory of files is a single split,
/// ``only``. Splits are ordered by the bytes of their group, then by number.
public struct SplitID: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// What the split is a part of: a topic; empty for a source of one split.
    public let group: String
    /// The split's number within its group, from 0.
    public let number: Int

    /// The split with that number of a group; a negative number is a bug of the caller.
    public init(_ group: String, _ number: Int) {
        precondition(number >= 0, "splits are numbered from 0")
        self.group = group
        self.number = number
    }

    /// The split of a source that has one.
    public static let only = SplitID("", 0)

    /// `ticks[3]`; empty for a source of one split.
    public var description: String { self == .only ? "" : "\(group)[\(number)]" }

    /// The split in a sentence, behind an offset: ` of ticks[3]`; empty for a source of one split.
    public var ofIt: String { self == .only ? "" : " of \(self)" }

    // Groups are compared as bytes: two spellings of one text are two topics.

    /// Whether group and number are the same.
    public static func == (left: SplitID, right: SplitID) -> Bool {
        left.number == right.number && left.group.utf8.elementsEqual(right.group.utf8)
    }

    /// Hashes the bytes of the group and the number.
    public func hash(into hasher: inout Hasher) {
        hasher.combine(number)
        for byte in group.utf8 { hasher.combine(byte) }
    }

    /// The order of splits: by the bytes of the group, then by number.
    public static func < (left: SplitID, right: SplitID) -> Bool {
        if left.group.utf8.elementsEqual(right.group.utf8) { return left.number < right.number }
        return left.group.utf8.lexicographicallyPrecedes(right.group.utf8)
    }
}
