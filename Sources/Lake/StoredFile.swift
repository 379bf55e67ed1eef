public import Columnar
public import Parquet
public import Storage

/// A file of a file system as a Parquet reader sees it: parts are read when they are asked for.
public struct StoredFile: ParquetSource {
    private let file: any ReadFile
    /// The size of the file when it was opened.
    public let byteCount: Int

    /// An open file.
    public init(_ file: any ReadFile) throws(StorageError) {
        self.file = file
        byteCount = Int(try file.size())
    }

    /// The bytes of a range.
    public func read(_ range: Range<Int>) throws(ParquetError) -> Buffer {
        do throws(StorageError) {
            return try Buffer(of: UInt8.self, count: range.count) { output throws(StorageError) in
                try unsafe output.withUnsafeMutableBufferPointer {
                    (memory, initialized) throws(StorageError) in
                    initialized = try unsafe file.read(
                        at: Int64(range.lowerBound), into: UnsafeMutableRawBufferPointer(memory))
                }
                guard output.isFull else { throw cut(range) }
            }
        } catch {
            throw ParquetError(.unreadable, "\(error)", offset: range.lowerBound)
        }
    }

    private func cut(_ range: Range<Int>) -> StorageError {
        StorageError(
            .unexpectedEnd, "read", path: file.path.string,
            detail: "the file ends before byte \(range.upperBound), and had \(byteCount) bytes")
    }
}
