public import Storage

/// A change that the simulated file system was asked to make.
public struct Operation: Sendable, CustomStringConvertible {
    /// The kinds of change.
    public enum Kind: String, Sendable {
        case create
        case createDirectory = "create directory"
        case write
        case truncate
        case sync
        case syncDirectory = "sync directory"
        case remove
        case rename
        case link
    }

    /// What was to be done.
    public let kind: Kind
    /// The file or directory concerned; of a rename or a link the new name.
    public let path: Path
    /// The name before a rename, or beside a link.
    public let oldPath: Path?

    init(_ kind: Kind, _ path: Path, from oldPath: Path? = nil) {
        self.kind = kind
        self.path = path
        self.oldPath = oldPath
    }

    /// The change as a line of a trace.
    public var description: String {
        if let oldPath { return "\(kind.rawValue) \(oldPath) to \(path)" }
        return "\(kind.rawValue) \(path)"
    }
}
