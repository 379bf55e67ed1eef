public import Checkpoints
public import Columnar
public import ConnectorAPI
public import Storage
import Synchronization

/// Makes rows of the files of a directory source.
public protocol FileRows: Sendable {
    /// The columns of every row.
    var schema: Schema { get }
    /// How many offsets a file takes; says first whether it can be read at all.
    func offsetCount(of file: any ReadFile, bytes: Int64) throws -> Int64
    /// The parts of a file, in order, that lie in a range of its own offsets, which count from 0.
    func parts(of file: OpenSourceFile, _ range: Range<Int64>, rowsMax: Int) throws
        -> [BlockPlan]
}

/// A file of a directory source, opened when its first part is read and checked to be the one that
/// was found.
public final class OpenSourceFile: Sendable {
    /// The file as it was found.
    public let entry: SourceFile
    private let files: any FileSystem
    private let handle: Mutex<(any ReadFile)?> = Mutex(nil)

    init(_ entry: SourceFile, files: any FileSystem) {
        self.entry = entry
        self.files = files
    }

    /// The file, open.
    ///
    /// - Throws: ``ConnectorError`` when it is gone or another one than was found.
    public func opened() throws -> any ReadFile {
        try handle.withLock { handle in
            if let handle { return handle }
            let path = try Path(entry.path)
            guard try files.info(path)?.kind == .file else { throw changed("the file is gone") }
            let file = try files.openForReading(path)
            let bytes = try file.size()
            guard bytes == entry.bytes else {
                throw changed("it has \(bytes) bytes, and had \(entry.bytes) when it was found")
            }
            guard try Self.fingerprint(of: file, bytes: bytes) == entry.fingerprint else {
                throw changed("its content is another than when it was found")
            }
            handle = file
            return file
        }
    }

    func changed(_ what: String) -> ConnectorError {
        ConnectorError(
            "fileChanged",
            "\(what); files of a source must stay as they are while its batches can be run again: "
                + "put the file back, and give changed rows in a new file", at: entry.path,
            fault: .damage)
    }

    /// A checksum of the size, the first 4 KiB and the last 64 KiB: it costs little whatever the
    /// size, and covers the footer of a Parquet file, which depends on all of it.
    public static func fingerprint(of file: any ReadFile, bytes: Int64) throws -> UInt64 {
        let tailStart = max(0, bytes - 65_536)
        let head = Checksum.xxh3(
            try file.readUpTo(4_096, at: 0), seed: UInt64(truncatingIfNeeded: bytes))
        return Checksum.xxh3(try file.readUpTo(65_536, at: tailStart), seed: head)
    }
}
