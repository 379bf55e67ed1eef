import Columnar

/// A fault of a Parquet file or of what should become one.
public struct ParquetError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The kinds of fault that a caller can act on.
    public enum Code: String, Sendable {
        /// The bytes are not a Parquet file.
        case notParquet
        /// The file is Parquet, but its bytes contradict themselves or a checksum.
        case damaged
        /// The file uses a type, an encoding or a codec that this reader does not know.
        case unsupported
        /// The bytes could not be had from where they lie.
        case unreadable
        /// Decoding would take more memory than the limits allow, or a part is too large for the
        /// format.
        case tooLarge
        /// What was asked to be written cannot be written.
        case invalidArgument
    }

    /// The kind of fault.
    public let code: Code
    /// The cause and the remedy in words.
    public let message: String
    /// The column concerned, if any.
    public let column: String?
    /// The position in the file, if known.
    public let offset: Int?

    /// A fault with its place.
    public init(_ code: Code, _ message: String, column: String? = nil, offset: Int? = nil) {
        self.code = code
        self.message = message
        self.column = column
        self.offset = offset
    }

    /// A column whose strings take too many bytes.
    init(_ error: StringsTooLarge) {
        self.init(.tooLarge, "\(error)", column: error.column)
    }

    /// The fault in one line.
    public var description: String {
        var text = "Parquet: \(message)"
        if let column { text += " (column \(column))" }
        if let offset { text += " (at byte \(offset))" }
        return text
    }

    /// The same fault, in a column of that name.
    func inColumn(_ name: String) -> ParquetError {
        ParquetError(code, message, column: column ?? name, offset: offset)
    }
}
