import Storage

/// A file that a feed reads, or standard input.
public struct InputFile: Sendable, Equatable {
    /// The path as the kernel takes it; `-` is standard input.
    public let path: String
    /// Whether it is a regular file, which can be read again.
    public let isRegular: Bool
    /// Of an archive, a glob for the entries that are read; `nil` is all.
    public let entryPattern: String?
    /// Of an archive, the entry that is read.
    public var entry: String?

    /// The file at a path, as the kernel takes it.
    public init(path: String, isRegular: Bool = true, entryPattern: String? = nil) {
        self.path = path
        self.isRegular = isRegular
        self.entryPattern = entryPattern
    }

    /// Standard input.
    public static let standardInput = InputFile(path: "-", isRegular: false)

    /// Whether it is standard input.
    public var isStandardInput: Bool { path == "-" }

    /// What messages and malformed records call it.
    public var displayName: String {
        isStandardInput ? "stdin" : entry.map { "\(path):\($0)" } ?? path
    }

    /// The name without directories; empty for standard input.
    var name: String { isStandardInput ? "" : (try? Path(path).name) ?? "" }

    /// The name of the directory that holds it; empty where the path names none.
    var directory: String {
        guard !isStandardInput, let parent = try? Path(path).parent else { return "" }
        return parent.string == "." ? "" : parent.name
    }
}
