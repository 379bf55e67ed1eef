/// A fault of a feed or of a directory source that stops it: what went wrong, where, and what
/// helps.
///
/// A row of a feed that does not parse is not a fault: it becomes a ``Reject`` and the feed goes
/// on.
public struct FeedError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The kinds of fault.
    public enum Code: String, Sendable {
        /// The options contradict each other or the file.
        case badOptions
        /// No file has the given name or matches the pattern.
        case noInput
        /// A file cannot be opened or read.
        case unreadable
        /// A compressed file is cut short or damaged.
        case damagedArchive
        /// A file that was found is gone, or holds something else now.
        case fileChanged
        /// A record of a directory source does not parse.
        case malformedRecord
        /// The columns of a file are not those of its source.
        case otherColumns
        /// A position does not belong to this feed, or the files changed since.
        case badPosition
        /// More rows were rejected than `rejects.maxShare` allows.
        case tooManyRejects
        /// The time zone is unknown, or the machine has no time zone data.
        case unknownTimeZone
    }

    /// The kind of fault.
    public let code: Code
    /// What is wrong and what to do about it.
    public let message: String
    /// The file, option or column concerned; empty when there is none.
    public let location: String

    /// A fault at a place.
    public init(_ code: Code, _ message: String, at location: String = "") {
        self.code = code
        self.message = message
        self.location = location
    }

    /// The place and the message.
    public var description: String { location.isEmpty ? message : "\(location): \(message)" }
}
