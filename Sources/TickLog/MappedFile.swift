import Columnar
import Storage

/// The bytes of a segment or a journal, as many of them as are durable, mapped; immutable.
struct MappedFile: Sendable {
    /// The mapped bytes.
    let source: Buffer
    private let mapping: FileMapping

    /// Maps the first `byteCount` bytes of a file (all by default).
    ///
    /// - Parameters:
    ///   - path: the file.
    ///   - kind: what it is, for an error's text.
    ///   - byteCount: how many of its bytes are durable.
    ///   - files: where it lies.
    /// - Throws: `.damaged` when it has fewer.
    init(
        _ path: Path, _ kind: String, byteCount: Int?, _ files: any FileSystem
    ) throws(TickLogError) {
        mapping = try storage { () throws(StorageError) in
            let file = try files.openOwn(path)
            return try file.map(length: Int(min(file.size(), Int64(byteCount ?? .max))))
        }
        source = unsafe Buffer(borrowing: mapping.unsafeBytes, owner: mapping)
        if let byteCount, source.count < byteCount {
            throw TickLogError.damaged(
                "the \(kind) has \(source.count) bytes, \(byteCount) were durable", file: path,
                position: source.count)
        }
    }

    /// Says that some bytes are not likely to be read again.
    func release(_ range: Range<Int>) { mapping.release(range) }
}
