public import Storage

/// A fault of a source, a sink or a feed: what went wrong, where, whose fault it is, and whether
/// trying again can help.
///
/// One type for all connectors, each with its own codes. The runner decides on ``retry``; a
/// connector never sleeps to try again.
public struct ConnectorError: FaultOfStorage, Sendable, CustomStringConvertible {
    /// Whose fault it is.
    public enum Fault: Hashable, Sendable {
        /// The job's or the command line's settings are to be changed (exit code 2).
        case settings
        /// The world: a file, a disk, a peer (exit code 1).
        case external
        /// Durable data is damaged or is not what it was (exit code 1).
        case damage
    }

    /// Whether the same call can succeed later.
    public enum Retry: Hashable, Sendable {
        /// It cannot.
        case never
        /// It can, at once.
        case now
        /// It can, after that many milliseconds.
        case after(milliseconds: Int64)
    }

    /// The kind of fault, a word of the connector's own: `noInput`.
    public let code: String
    /// What is wrong and what to do about it, without secrets and in printable characters.
    public let message: String
    /// The file, host, option or column concerned; empty when there is none.
    public let place: String
    /// Whose fault it is.
    public let fault: Fault
    /// Whether the same call can succeed later.
    public let retry: Retry
    /// The fault of a lower layer that this one reports, if any.
    public let cause: (any Error)?

    /// A fault at a place.
    public init(
        _ code: String, _ message: String, at place: String = "", fault: Fault = .external,
        retry: Retry = .never, cause: (any Error)? = nil
    ) {
        self.code = code
        self.message = message
        self.place = place
        self.fault = fault
        self.retry = retry
        self.cause = cause
    }

    /// A fault of a lower layer, whose text says all; a connector's own stays as it is.
    public init(_ error: any Error, fault: Fault = .external) {
        if let error = error as? ConnectorError {
            self = error
        } else {
            self.init("cause", "\(error)", fault: fault, cause: error)
        }
    }

    /// The fault of the file system under this one, if any.
    public var storage: StorageError? { (cause as? any FaultOfStorage)?.storage }

    /// The place and the message.
    public var description: String { place.isEmpty ? message : "\(place): \(message)" }
}

/// Does a connector's work; a fault of a lower layer is reported as the connector's.
public func connectorErrors<Result>(
    fault: ConnectorError.Fault = .external, _ work: () throws -> Result
) throws(ConnectorError) -> Result {
    do {
        return try work()
    } catch {
        throw ConnectorError(error, fault: fault)
    }
}
