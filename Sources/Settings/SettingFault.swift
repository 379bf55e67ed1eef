public import JSON

/// One fault of a text of settings: where it is, what is wrong there and what to do.
public struct SettingFault: Error, Hashable, Sendable {
    /// The kinds of fault.
    public enum Code: String, Sendable {
        /// The file is not JSON.
        case notJSON
        /// A key that the format does not have.
        case unknownKey
        /// A key that must be there is not.
        case missingKey
        /// A value of another JSON type than the key takes.
        case wrongType
        /// A value outside of what the key takes: a number out of range, a word that is none of
        /// the choices, a bad name.
        case badValue
        /// A text that is no duration, or a negative one.
        case badDuration
        /// An environment variable that is not set, or a reference to one that is not closed.
        case badVariable
        /// Two things of one name or one path.
        case duplicate
        /// A name that refers to nothing.
        case unknownName
        /// Queries that read each other in a circle.
        case cycle
        /// An expression that does not parse, bind or type.
        case badExpression
        /// An output mode or sink that cannot work for this query.
        case badOutputMode
        /// The log's columns are not the ones the job needs.
        case schemaMismatch
    }

    /// The kind of fault.
    public let code: Code
    /// The file.
    public let file: String
    /// The line and column of the fault.
    public let position: TextPosition
    /// The value concerned, as a JSON pointer (RFC 6901); empty for the whole file.
    public let pointer: String
    /// What is wrong, what was expected and what to do, as sentences.
    public let message: String
    /// The valid name nearest to a wrong one.
    public let suggestion: String?
}

extension SettingFault: CustomStringConvertible {
    /// `file:line:column: pointer: message`.
    public var description: String {
        let place = pointer.isEmpty ? "" : "\(pointer): "
        return "\(file):\(position): \(place)\(message)"
    }
}
