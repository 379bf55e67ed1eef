/// A fault in Arrow IPC bytes: what is wrong, in which column, and where.
public struct ArrowError: Error, Sendable, CustomStringConvertible {
    /// The kinds of fault that a caller can act on.
    public enum Code: String, Sendable {
        /// The bytes end in the middle of a message: a torn tail, or a stream still being written.
        case truncated
        /// The bytes contradict the format or themselves.
        case malformed
        /// Well-formed Arrow of a type, codec or byte order that is not read here.
        case unsupported
        /// Reading would take more memory than the limit allows.
        case tooLarge
        /// A value does not fit the type it is read as.
        case valueOutOfRange
    }

    /// The kind of fault.
    public let code: Code
    /// What is wrong and, where it helps, what to do.
    public let message: String
    /// The column concerned, where there is one.
    public var column: String?
    /// The byte in the source at which the message concerned starts, where it is known.
    public var position: Int?

    /// A fault.
    public init(
        _ code: Code, _ message: String, column: String? = nil, position: Int? = nil
    ) {
        self.code = code
        self.message = message
        self.column = column
        self.position = position
    }

    /// One line: the message, with column and byte position.
    public var description: String {
        var text = "Arrow: \(message)"
        if let column { text = "Arrow: column '\(column)': \(message)" }
        if let position { text += " (message at byte \(position))" }
        return text
    }

    func at(_ position: Int) -> ArrowError {
        var copy = self
        copy.position = copy.position ?? position
        return copy
    }

    func inColumn(_ name: String) -> ArrowError {
        var copy = self
        copy.column = copy.column ?? name
        return copy
    }
}
