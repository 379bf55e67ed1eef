import Storage

/// Why nothing can be served, in one line with the way on.
public struct ServingError: Error, Sendable, CustomStringConvertible {
    /// Whether the command line is at fault, rather than the machine.
    public let isMistakeOfTheCaller: Bool
    /// What is wrong, and what to do.
    public let description: String

    init(_ description: String, isMistakeOfTheCaller: Bool = false) {
        self.description = description
        self.isMistakeOfTheCaller = isMistakeOfTheCaller
    }

    /// The process may open no more files.
    static let noDescriptor = ServingError(
        "cannot serve: the process has no file descriptor left; raise the limit (ulimit -n)")
}
