import Expressions
import Storage

/// A short hash of the options that determine a feed's content.
public func feedIdentity(_ kind: String, _ parts: [String]) -> String {
    // Length-prefixed, so that no two lists of parts give the same text.
    let text = parts.map { "\($0.utf8.count):\($0)" }.joined()
    return "\(kind)-\(Checksum.hex(Checksum.xxh3(Array(text.utf8))))"
}

/// The name that a misspelt one most likely means, as ` (did you mean 'x'?)`, or nothing.
public func suggestion(for name: String, among names: [String]) -> String {
    nearest(to: name, among: names).map { " (did you mean '\($0)'?)" } ?? ""
}
