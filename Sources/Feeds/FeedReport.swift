/// What a pump did.
public struct FeedReport: Sendable, Equatable {
    /// Rows appended to the log.
    public var rows: Int64 = 0
    /// Records that did not parse.
    public var malformed: Int64 = 0
    /// Places where rows may be missing.
    public var gaps: Int64 = 0
    /// How often the feed was asked again after a fault.
    public var retries: Int64 = 0
    /// The fault behind the last of these retries.
    public var lastFault: String?
    /// Where the feed went on, when it was not at its start.
    public var resumedFrom: String?
    /// What a user should know of what was read, one line each.
    public var notices: [String] = []
    /// Whether the feed came to its end.
    public var reachedEnd = false

    /// A pump that has done nothing.
    public init() {}
}
