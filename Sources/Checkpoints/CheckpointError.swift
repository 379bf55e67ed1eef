/// A checkpoint that cannot be used as it is: which file, why, and what the operator may do.
public struct CheckpointError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The kinds of fault.
    public enum Code: String, Sendable {
        /// Batches were logged, but the file that says which query they belong to is gone.
        case missingMetadata
        /// A file that must be there is not.
        case missingEntry
        /// A file's bytes are not those that were written.
        case damaged
        /// A file is whole, but does not belong after the one before it.
        case brokenLink
        /// A file was written by a newer version of the program.
        case newerVersion
        /// A batch was logged by someone else in the meantime.
        case anotherWriter
        /// The directory holds something else, or lies in something else of ours.
        case placeTaken
        /// Two entries disagree on where a batch starts.
        case inconsistent
    }

    /// The kind of fault.
    public let code: Code
    /// The file concerned.
    public let path: String
    /// What is wrong.
    public let detail: String
    /// What the operator may do.
    public let remedy: String

    /// A fault of a checkpoint's file.
    public init(_ code: Code, path: String, detail: String, remedy: String) {
        self.code = code
        self.path = path
        self.detail = detail
        self.remedy = remedy
    }

    /// The fault and its remedy in one line.
    public var description: String { "checkpoint \(path): \(detail); \(remedy)" }

    static let restoreRemedy =
        "restore it from a copy, or clear the checkpoint together with its outputs and start over"
}
