public import Settings

/// Every fault of a job file, in the order of the file; of a file that is wrong throughout, the
/// first few hundred.
public struct JobErrors: Error, Hashable, Sendable {
    /// The faults; never empty.
    public let errors: [SettingFault]

    /// At least one fault.
    public init(_ errors: [SettingFault]) {
        precondition(!errors.isEmpty, "a refused job names at least one error")
        self.errors = errors
    }
}

extension JobErrors: CustomStringConvertible {
    /// One line an error.
    public var description: String { errors.map(\.description).joined(separator: "\n") }
}
