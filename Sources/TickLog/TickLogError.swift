public import Storage

/// A fault of a tick log: what is wrong, in which file and where, and what to do.
public struct TickLogError: Error, Sendable, CustomStringConvertible {
    /// The kinds of fault that a caller can act on.
    public enum Code: String, Sendable {
        /// There is no log at the path.
        case notFound
        /// There is a log at the path already.
        case alreadyExists
        /// Something else is at the path, or the path lies in something else of ours.
        case placeTaken
        /// Another writer is at work.
        case locked
        /// The log was written by a newer version of this program.
        case newerVersion
        /// Bytes that were durable are not what was written; nothing is changed or cut.
        case damaged
        /// A batch has another schema than the log.
        case schemaMismatch
        /// An argument that cannot work.
        case invalidArgument
        /// Offsets that retention has removed.
        case offsetsRemoved
        /// Offsets that are not durable yet.
        case offsetsAhead
        /// Space ran out; the rows were not appended. Appending works again when there is space.
        case noSpace
        /// The device failed to make data durable; this writer takes nothing any more.
        case writerFailed
        /// Any other fault of a file.
        case storage
    }

    /// The kind of fault.
    public let code: Code
    /// What is wrong and what to do.
    public let message: String
    /// The file concerned, where there is one.
    public let file: String?
    /// The byte in the file, where it is known.
    public let position: Int64?
    /// The fault of the file system underneath, where there is one.
    public let cause: StorageError?

    /// A fault.
    public init(
        _ code: Code, _ message: String, file: Path? = nil, position: Int64? = nil,
        cause: StorageError? = nil
    ) {
        self.code = code
        self.message = message
        self.file = file?.string
        self.position = position
        self.cause = cause
    }

    /// One line: file, byte, message.
    public var description: String {
        var place = file.map { "\($0): " } ?? ""
        if let file, let position { place = "\(file) at byte \(position): " }
        return place + message
    }

    init(_ error: StorageError) {
        let code: Code =
            switch error.code {
            case .locked, .lockLost: .locked
            case .noSpace: .noSpace
            case .syncFailed: .writerFailed
            default: .storage
            }
        self.init(code, error.description, cause: error)
    }

    static func damaged(_ fault: String, file: Path, position: Int) -> TickLogError {
        TickLogError(
            .damaged,
            fault + "; these bytes were durable, so nothing was changed. Restore the file from a "
                + "copy, or move the log away and fill a new one",
            file: file, position: Int64(position))
    }
}

/// Runs file work and turns its fault into the log's.
func storage<Result>(
    _ work: () throws(StorageError) -> Result
) throws(TickLogError) -> Result {
    do throws(StorageError) {
        return try work()
    } catch {
        throw TickLogError(error)
    }
}
