/// A fault of a query's state: what is wrong, with which file or limit, and what helps.
public struct KeyedStateError: Error, Sendable, CustomStringConvertible {
    /// The kinds of fault that a caller can act on.
    public enum Code: String, Sendable {
        /// The state would hold more groups than the job allows.
        case tooManyRows
        /// The state would take more memory than the job allows.
        case tooManyBytes
        /// A file that a commit refers to is not there.
        case fileMissing
        /// A file does not have the bytes that its commit recorded, or they are not a state file.
        case fileCorrupt
        /// A file was written for another query, or by a newer version of this program.
        case fileMismatch
        /// Nothing in the checkpoint leads to the version asked for.
        case versionUnavailable
        /// The file system reported a fault; `message` carries its words.
        case storage
    }

    /// The kind of fault.
    public let code: Code
    /// What happened and what to do about it.
    public let message: String
    /// The file concerned, empty when no file is.
    public let path: String

    /// A fault in words.
    public init(_ code: Code, _ message: String, path: String = "") {
        self.code = code
        self.message = message
        self.path = path
    }

    /// The path, if there is one, and the message.
    public var description: String { path.isEmpty ? message : "\(path): \(message)" }
}
