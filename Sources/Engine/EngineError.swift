/// A run that cannot begin or go on: what is wrong and what to do.
public struct EngineError: Error, Sendable, CustomStringConvertible {
    /// The kinds of fault.
    public enum Code: String, Sendable {
        /// The checkpoint was made by a job that this one cannot continue.
        case jobChanged
        /// The job that the checkpoint recorded cannot be read.
        case recordedJobUnreadable
        /// A job is to begin at an offset that the source does not have.
        case noSuchOffset
        /// A source of several splits, where one order of all rows is needed.
        case severalSplits
        /// A batch that was asked for is not in the checkpoint.
        case batchNotRetained
    }

    /// The kind of fault.
    public let code: Code
    /// What is wrong, and the remedy.
    public let message: String

    init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    /// Whether the job or the command line is to be changed, and nothing was started.
    public var isMistakeOfTheCaller: Bool {
        [.jobChanged, .batchNotRetained, .noSuchOffset, .severalSplits].contains(code)
    }

    /// The message.
    public var description: String { message }
}
