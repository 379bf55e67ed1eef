/// Which files a directory source reads, and how many a batch.
public struct FileSelection: Hashable, Sendable {
    /// Directories, files, or globs of them.
    public var paths: [String]
    /// A glob that the names of files must match; `nil` is any.
    public var pathGlobFilter: String?
    /// The most files of one batch; `nil` is no limit.
    public var maxFilesPerTrigger: Int?
    /// The size of files, in bytes, beyond which a batch takes no more; `nil` is no limit.
    public var maxBytesPerTrigger: Int64?

    /// Every file of some paths, without limits.
    public init(_ paths: [String]) { self.paths = paths }
}
