/// A password or token that no text shows: printed, dumped or put into a message it is `***`.
public struct Secret: Sendable, CustomStringConvertible, CustomDebugStringConvertible,
    CustomReflectable
{
    /// The secret itself, for the peer that asks for it and for nobody else.
    public let value: String

    /// A secret.
    public init(_ value: String) { self.value = value }

    /// The secret that a text of a job stands for: `${NAME}` and `${NAME:-default}` in it are
    /// looked up.
    ///
    /// - Parameters:
    ///   - written: the text, as the job has it.
    ///   - lookUp: gives the value of a name; where one has none, and no default, there is no secret.
    public init?(written: String, lookUp: (String) -> String?) {
        var value = ""
        var rest = Substring(written)
        while let dollar = rest.firstIndex(of: "$") {
            value += rest[..<dollar]
            let after = rest[rest.index(after: dollar)...]
            guard after.first == "{", let close = after.firstIndex(of: "}") else {
                value += "$"
                rest = after
                continue
            }
            let inside = after[after.index(after: after.startIndex)..<close]
            let parts = inside.split(
                separator: ":-", maxSplits: 1, omittingEmptySubsequences: false)
            let known = lookUp(String(parts[0]))
            if let known, !known.isEmpty || parts.count == 1 {
                value += known
            } else if parts.count == 2 {
                value += parts[1]
            } else {
                return nil
            }
            rest = after[after.index(after: close)...]
        }
        self.value = value + rest
    }

    /// Whether a text of a job only names where a secret is: it is `${NAME}`, or more of them.
    public static func isReference(_ written: String) -> Bool {
        guard let open = written.firstRange(of: "${") else { return false }
        return written[open.upperBound...].contains("}")
    }

    /// `***`.
    public var description: String { "***" }
    /// `***`.
    public var debugDescription: String { "***" }
    /// Nothing.
    public var customMirror: Mirror { Mirror(self, children: []) }
}
