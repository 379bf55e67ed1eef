/// A file as it was written: enough to tell later whether it is still there, unchanged.
public struct FileReceipt: Hashable, Sendable {
    /// The path, relative to a directory that the receipt's keeper knows.
    public let path: String
    /// Size in bytes.
    public let bytes: Int64
    /// XXH3-64 of the content.
    public let xxh3: UInt64

    /// A receipt of a file.
    public init(path: String, bytes: Int64, xxh3: UInt64) {
        self.path = path
        self.bytes = bytes
        self.xxh3 = xxh3
    }

    /// A receipt of a staged file, under the name that it will have.
    public init(_ staged: StagedFile) {
        self.init(path: staged.target.name, bytes: staged.size, xxh3: staged.checksum)
    }
}

/// What is remembered of something that was published.
public enum Receipt: Hashable, Sendable {
    /// A file.
    case file(FileReceipt)
    /// Something elsewhere, in one line of text that whoever published it can check.
    case external(String)

    /// The file, if it is one.
    public var file: FileReceipt? {
        if case .file(let file) = self { file } else { nil }
    }
}

extension FileSystem {
    /// How a file of ours differs from what a commit recorded of it; nil when it does not.
    public func difference(
        of path: Path, from receipt: FileReceipt
    ) throws(StorageError) -> String? {
        let file = try openOwn(path)
        let size = try file.size()
        guard size == receipt.bytes else {
            return "it has \(size) bytes, its commit recorded \(receipt.bytes)"
        }
        guard try file.checksum() == receipt.xxh3 else {
            return "its checksum is not the one its commit recorded"
        }
        return nil
    }
}

extension ReadFile {
    /// XXH3 of the whole content, read piece by piece.
    public func checksum() throws(StorageError) -> UInt64 {
        var checksum = ChecksumStream()
        var offset: Int64 = 0
        while true {
            let bytes = try readUpTo(1 << 20, at: offset)
            if bytes.isEmpty { return checksum.value }
            unsafe checksum.update(bytes.span.bytes)
            offset += Int64(bytes.count)
        }
    }
}
