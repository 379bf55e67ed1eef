/// What the variables in settings stand for: `${NAME}` for an environment variable,
/// `${file:/run/secrets/name}` for the text of a file, without the line end after it.
public struct Variables: Sendable, ExpressibleByDictionaryLiteral {
    /// How a reference to a file begins.
    public static let filePrefix = "file:"

    private let values: [String: String]
    private let file: @Sendable (_ path: String) -> String?

    /// Variables with these values.
    ///
    /// - Parameters:
    ///   - values: the values, by name.
    ///   - file: the text of a file, or `nil` when it cannot be read; by default there is none.
    public init(
        _ values: [String: String],
        file: @escaping @Sendable (_ path: String) -> String? = { _ in nil }
    ) {
        self.values = values
        self.file = file
    }

    /// Variables with these values; no file can be read.
    public init(dictionaryLiteral elements: (String, String)...) {
        self.init(Dictionary(elements, uniquingKeysWith: { $1 }))
    }

    /// What stands for a reference, which is a name or a file; `nil` when it is not there.
    public subscript(reference: String) -> String? {
        guard reference.hasPrefix(Self.filePrefix) else { return values[reference] }
        guard let text = file(String(reference.dropFirst(Self.filePrefix.count))) else {
            return nil
        }
        // By scalars: as characters both of a line's ends are one.
        var line = text.unicodeScalars
        guard line.last == "\n" else { return text }
        line.removeLast()
        if line.last == "\r" { line.removeLast() }
        return String(line)
    }

    /// The names of the variables that are set.
    var names: [String] { values.keys.sorted() }
}
