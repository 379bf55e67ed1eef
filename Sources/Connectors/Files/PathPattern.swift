import ConnectorAPI
public import Storage

/// A path that a user names: a file or directory that is there, or a pattern for several.
///
/// A pattern has `*` (any characters), `?` (one character) and `[a-z]` (one of a set) in any
/// component of the path; they do not match a leading dot. A name that exists is taken literally.
public struct PathPattern: Sendable {
    /// Something that was found.
    public struct Found: Sendable {
        /// Where it is.
        public let path: Path
        /// What it is, with links followed.
        public let info: FileInfo
    }

    /// What the user wrote.
    public let text: String

    /// A name or pattern as the user wrote it.
    public init(_ text: String) { self.text = text }

    /// Whether it has one of the characters that make it a pattern.
    public var hasWildcard: Bool { FileSources.hasWildcard(text) }

    /// What is there: the one that the text names, or, by the bytes of their paths, those that it
    /// matches.
    ///
    /// - Parameters:
    ///   - files: the file system.
    ///   - directories: whether a pattern matches directories, too.
    ///   - missing: what to say when it names nothing that is there.
    /// - Returns: none only for a pattern.
    /// - Throws: ``ConnectorError`` (`noInput`) when it is no pattern and names nothing.
    public func find(
        _ files: any FileSystem, directories: Bool, missing: String
    ) throws -> [Found] {
        let path = try Path(text)
        if let info = try files.info(path) { return [Found(path: path, info: info)] }
        guard hasWildcard else { throw ConnectorError("noInput", missing, at: text) }
        return try expandGlob(path, files: files, matchesDirectories: directories).sorted()
            .compactMap { path in
                try files.info(path).map { Found(path: path, info: $0) }
            }
    }
}
