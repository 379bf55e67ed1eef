import Columnar
import Storage

/// What names a feed's position in a log: a short hash of all that its content depends on.
public struct FeedIdentity: Hashable, Sendable {
    /// As logs keep it: `csv-0123456789abcdef`.
    public let text: String

    /// The identity of a feed of some kind whose content depends on some parts.
    public init(_ kind: String, _ parts: [String]) {
        text = "\(kind)-\(digest(of: parts))"
    }

    /// An identity as a log keeps it.
    public init(stored text: String) { self.text = text }

    /// The feed's kind, as far as the text says.
    public var kind: Substring { text.prefix { $0 != "-" } }
}

/// A short hash of a list of texts; no two lists give the same text to be hashed.
public func digest(of parts: [String]) -> String {
    let text = parts.map { "\($0.utf8.count):\($0)" }.joined()
    return Checksum.hex(Checksum.xxh3(Array(text.utf8)))
}

/// The name that a misspelt one most likely means, as ` (did you mean 'x'?)`, or nothing.
public func suggestion(for name: String, among names: [String]) -> String {
    nearest(to: name, among: names).map { " (did you mean '\($0)'?)" } ?? ""
}
